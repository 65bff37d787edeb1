/* ppoll, pselect and epoll_pwait let a blocked signal in for their time only. modes: all */
#include "check.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

static volatile int hits;

static void on_usr1(int sig)
{
	hits++;
}

static pid_t kill_soon(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		msleep(3);
		kill(getppid(), SIGUSR1);
		exit(0);
	}
	return pid;
}

int main(void)
{
	struct epoll_event ev;
	sigset_t block, open_mask;
	struct pollfd f;
	fd_set r;
	int p[2], ep = epoll_create1(0);
	pid_t pid;

	CHECK(pipe(p) == 0);
	f = (struct pollfd){p[0], POLLIN, 0};
	on_signal(SIGUSR1, on_usr1, SA_RESTART);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	CHECK(sigprocmask(SIG_BLOCK, &block, &open_mask) == 0);

	CHECK(raise(SIGUSR1) == 0 && hits == 0);
	CHECK_ERRNO(ppoll(&f, 1, NULL, &open_mask), EINTR);
	CHECK(hits == 1);
	pid = kill_soon();
	CHECK_ERRNO(ppoll(&f, 1, NULL, &open_mask), EINTR);
	CHECK(hits == 2);
	reap_ok(pid);

	pid = kill_soon();
	FD_ZERO(&r);
	FD_SET(p[0], &r);
	CHECK_ERRNO(pselect(p[0] + 1, &r, NULL, NULL, NULL, &open_mask), EINTR);
	CHECK(hits == 3);
	reap_ok(pid);

	pid = kill_soon();
	CHECK_ERRNO(epoll_pwait(ep, &ev, 1, -1, &open_mask), EINTR);
	CHECK(hits == 4);
	reap_ok(pid);

	CHECK(raise(SIGUSR1) == 0 && hits == 4);
	CHECK(ppoll(&f, 1, &(struct timespec){0, 1000}, NULL) == 0 && hits == 4);
	CHECK(sigprocmask(SIG_SETMASK, &open_mask, NULL) == 0 && hits == 5);
	return 0;
}
