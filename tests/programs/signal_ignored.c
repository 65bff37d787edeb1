/* An ignored signal interrupts no call, whatever signal(7) says of that call. modes: all */
#include "check.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/time.h>

static volatile int caught;

static void handler(int sig)
{
	caught++;
}

/* A child that sends `sig` some times and ends, upon which SIGCHLD comes. */
static void disturb(int sig, int times)
{
	if (fork())
		return;
	for (int i = 0; i < times; i++) {
		msleep(15);
		kill(getppid(), sig);
	}
	_exit(0);
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void check_timed(int sig, int epfd, int sem)
{
	const struct timespec timeout = {0, 80000000};
	struct timespec rem = {7, 7};
	struct sembuf down = {0, -1, 0};
	struct epoll_event ev;
	sigset_t none, usr2;
	long start = now_ms();

	sigemptyset(&none);
	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	disturb(sig, 3);
	CHECK(epoll_wait(epfd, &ev, 1, 80) == 0);
	disturb(sig, 3);
	CHECK(epoll_pwait(epfd, &ev, 1, 80, &none) == 0);
	disturb(sig, 3);
	CHECK(syscall(SYS_epoll_pwait2, epfd, &ev, 1, &timeout, NULL, 8) == 0);
	disturb(sig, 3);
	CHECK_ERRNO(semtimedop(sem, &down, 1, &timeout), EAGAIN);
	disturb(sig, 3);
	CHECK_ERRNO(sigtimedwait(&usr2, NULL, &timeout), EAGAIN);
	disturb(sig, 3);
	CHECK(nanosleep(&timeout, &rem) == 0);
	CHECK(rem.tv_sec == 7 && rem.tv_nsec == 7);
	CHECK(timeout.tv_sec == 0 && timeout.tv_nsec == 80000000);
	CHECK(now_ms() - start >= 480);
	for (int i = 0; i < 6; i++)
		reap_ok(-1);
}

/* Disturbed for longer than the timeout: it must not begin anew each time. */
static void check_bounded(int epfd)
{
	struct epoll_event ev;
	long start = now_ms();
	pid_t pid = fork();

	if (!pid) {
		for (int i = 0; i < 400; i++) {
			msleep(10);
			if (kill(getppid(), SIGWINCH))
				break;
		}
		_exit(0);
	}
	CHECK(epoll_wait(epfd, &ev, 1, 200) == 0);
	CHECK(now_ms() - start < 3000);
	kill(pid, SIGKILL);
	reap(pid);
}

static void check_messages(void)
{
	int q = msgget(IPC_PRIVATE, 0600);
	struct {
		long type;
		char text[8];
	} m = {1, "hello"};

	CHECK(q >= 0);
	if (!fork()) {
		msleep(10);
		kill(getppid(), SIGWINCH);
		msleep(30);
		_exit(msgsnd(q, &m, sizeof(m.text), 0) ? 1 : 0);
	}
	m.text[0] = '?';
	CHECK(msgrcv(q, &m, sizeof(m.text), 0, 0) == sizeof(m.text));
	CHECK(!strcmp(m.text, "hello"));
	reap_ok(-1);
	CHECK(msgctl(q, IPC_RMID, NULL) == 0);
}

static void check_socket(void)
{
	const struct timeval timeout = {5, 0};
	int sv[2];
	char c;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == 0);
	CHECK(setsockopt(sv[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) == 0);
	if (!fork()) {
		msleep(20);
		kill(getppid(), SIGWINCH);
		msleep(20);
		tell(sv[1]);
		_exit(0);
	}
	CHECK(recv(sv[0], &c, 1, 0) == 1 && c == '!');
	reap_ok(-1);
}

static void check_handled(int epfd)
{
	struct epoll_event ev;
	struct timespec second = {1, 0}, rem = {7, 7};
	sigset_t none, usr1;

	sigemptyset(&none);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	on_signal(SIGUSR1, handler, 0);
	disturb(SIGUSR1, 1);
	CHECK_ERRNO(epoll_wait(epfd, &ev, 1, 2000), EINTR);
	CHECK(caught == 1);
	disturb(SIGUSR1, 1);
	CHECK_ERRNO(nanosleep(&second, &rem), EINTR);
	CHECK(caught == 2 && rem.tv_sec == 0 && rem.tv_nsec > 0);
	CHECK(sigprocmask(SIG_BLOCK, &usr1, NULL) == 0);
	disturb(SIGUSR1, 1);
	CHECK_ERRNO(epoll_pwait(epfd, &ev, 1, 2000, &none), EINTR);
	CHECK(caught == 3);
	CHECK(sigprocmask(SIG_BLOCK, NULL, &none) == 0 && sigismember(&none, SIGUSR1));
	for (int i = 0; i < 3; i++)
		reap_ok(-1);
}

static void *sibling(void *arg)
{
	hear(*(int *)arg);
	return NULL;
}

int main(void)
{
	pthread_t thread;
	int p[2];
	int epfd = epoll_create1(0), sem = semget(IPC_PRIVATE, 1, 0600);

	CHECK(epfd >= 0 && sem >= 0);
	check_timed(SIGWINCH, epfd, sem);
	on_signal(SIGUSR1, SIG_IGN, 0);
	check_timed(SIGUSR1, epfd, sem);
	CHECK(pipe(p) == 0 && pthread_create(&thread, NULL, sibling, &p[0]) == 0);
	check_timed(SIGUSR1, epfd, sem);
	check_bounded(epfd);
	check_messages();
	check_socket();
	check_handled(epfd);
	tell(p[1]);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(semctl(sem, 0, IPC_RMID) == 0);
	printf("%d caught\n", caught);
	return 0;
}
