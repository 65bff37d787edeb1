/* sigsuspend, sigpending, masks per thread, signals held until unblocked. modes: all */
#include "check.h"

static volatile int hits[65];

static void count(int sig)
{
	hits[sig]++;
}

int main(void)
{
	sigset_t block, old, set;
	pid_t pid;

	on_signal(SIGUSR1, count, 0);
	on_signal(SIGUSR2, count, 0);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigaddset(&block, SIGUSR2);
	CHECK(sigprocmask(SIG_BLOCK, &block, &old) == 0);
	raise(SIGUSR1);
	raise(SIGUSR1);
	raise(SIGUSR2);
	CHECK(sigpending(&set) == 0 && sigismember(&set, SIGUSR1) && sigismember(&set, SIGUSR2));
	set = old;
	sigaddset(&set, SIGUSR2);
	CHECK_ERRNO(sigsuspend(&set), EINTR);
	CHECK(hits[SIGUSR1] == 1 && hits[SIGUSR2] == 0);
	CHECK(sigprocmask(SIG_BLOCK, NULL, &set) == 0 && sigismember(&set, SIGUSR1));
	pid = fork();
	if (pid == 0) {
		CHECK(sigpending(&set) == 0 && !sigismember(&set, SIGUSR2));
		msleep(3);
		kill(getppid(), SIGUSR1);
		exit(0);
	}
	set = old;
	sigaddset(&set, SIGUSR2);
	CHECK_ERRNO(sigsuspend(&set), EINTR);
	CHECK(hits[SIGUSR1] == 2 && hits[SIGUSR2] == 0);
	CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0 && hits[SIGUSR2] == 1);
	reap_ok(pid);
	printf("%d %d\n", hits[SIGUSR1], hits[SIGUSR2]);
	return 0;
}
