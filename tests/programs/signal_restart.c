/* EINTR or restart, for each blocking call, with and without SA_RESTART. modes: all */
#include "check.h"

#include <linux/futex.h>
#include <poll.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>

static volatile int hits;
static int p[2], s[2];

static void on_usr1(int sig)
{
	hits++;
}

static int do_read(void)
{
	char c;

	return read(p[0], &c, 1);
}

static int do_recv(void)
{
	char c;

	return recv(s[0], &c, 1, 0);
}

static int do_poll(void)
{
	struct pollfd f = {p[0], POLLIN, 0};

	return poll(&f, 1, -1);
}

static int do_select(void)
{
	fd_set r;

	FD_ZERO(&r);
	FD_SET(p[0], &r);
	return select(p[0] + 1, &r, NULL, NULL, NULL);
}

static int do_epoll(void)
{
	struct epoll_event ev = {EPOLLIN, {0}};
	int ep = epoll_create1(0), ret;

	epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev);
	ret = epoll_wait(ep, &ev, 1, -1);
	close(ep);
	return ret;
}

static int do_nanosleep(void)
{
	struct timespec t = {0, 60000000}, left = {};
	int ret = nanosleep(&t, &left);

	if (ret < 0)
		printf("left %ld ns\n", left.tv_nsec);
	return ret;
}

static int do_sem(void)
{
	sem_t sem;

	sem_init(&sem, 0, 0);
	return sem_wait(&sem);
}

static int do_futex(void)
{
	static int word;
	struct timespec t = {0, 60000000};
	int ret = syscall(SYS_futex, &word, FUTEX_WAIT, 0, &t, NULL, 0);

	return ret < 0 && errno == ETIMEDOUT ? 1 : ret;
}

static int do_wait(void)
{
	return waitpid(-1, NULL, 0) > 0 ? 1 : -1;
}

static int do_pause(void)
{
	return pause();
}

/* What happens with SA_RESTART: the call goes on until it is served, or fails all the same. */
static const struct {
	const char *name;
	int (*call)(void);
	bool restarts;
	bool fd;
} calls[] = {
	{"read", do_read, true, true},	       {"recv", do_recv, true, true},
	{"poll", do_poll, false, true},	       {"select", do_select, false, true},
	{"epoll_wait", do_epoll, false, true}, {"nanosleep", do_nanosleep, false, false},
	{"sem_wait", do_sem, true, false},     {"futex", do_futex, false, false},
	{"waitpid", do_wait, true, false},     {"pause", do_pause, false, false},
};

static void one(int i, bool restart)
{
	pid_t pid;
	int ret;

	if (restart && calls[i].call == do_sem)
		return; /* it would wait for ever */
	on_signal(SIGUSR1, on_usr1, restart ? SA_RESTART : 0);
	hits = 0;
	pid = fork();
	if (pid == 0) {
		msleep(12);
		kill(getppid(), SIGUSR1);
		msleep(6);
		if (restart && calls[i].restarts && calls[i].fd)
			CHECK(write(p[1], "x", 1) == 1 && write(s[1], "x", 1) == 1);
		_exit(0);
	}
	errno = 0;
	ret = calls[i].call();
	printf("%s%s: %d errno %d\n", calls[i].name, restart ? " restarted" : "", ret, errno);
	CHECK(hits == 1);
	if (restart && calls[i].restarts)
		CHECK(ret == 1);
	else
		CHECK(ret == -1 && errno == EINTR);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (restart && calls[i].restarts && calls[i].fd) {
		char buf[4];

		fcntl(p[0], F_SETFL, O_NONBLOCK);
		CHECK(read(p[0], buf, 4) <= 1 && recv(s[0], buf, 4, MSG_DONTWAIT) <= 1);
		fcntl(p[0], F_SETFL, 0);
	}
}

int main(void)
{
	CHECK(pipe(p) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	for (size_t i = 0; i < NELEM(calls); i++) {
		one(i, false);
		one(i, true);
	}
	return 0;
}
