/* sigwait, sigwaitinfo, sigtimedwait: queued, from a child, timed out, in threads. modes: all */
#include "check.h"

#include <pthread.h>

static sigset_t set;

static void *waiter(void *arg)
{
	int sig;

	CHECK(sigwait(&set, &sig) == 0 && sig == SIGUSR2);
	return NULL;
}

int main(void)
{
	struct timespec ts = {0, 2000000};
	union sigval v = {.sival_int = 99};
	siginfo_t si;
	pthread_t t;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGCHLD);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	CHECK_ERRNO(sigtimedwait(&set, &si, &ts), EAGAIN);
	CHECK(sigqueue(getpid(), SIGUSR1, v) == 0);
	CHECK(sigwaitinfo(&set, &si) == SIGUSR1 && si.si_value.sival_int == 99);
	pid = fork();
	if (pid == 0) {
		msleep(2);
		kill(getppid(), SIGUSR1);
		_exit(3);
	}
	CHECK(sigwaitinfo(&set, &si) == SIGUSR1 && si.si_pid == pid);
	CHECK(sigwaitinfo(&set, &si) == SIGCHLD && si.si_status == 3);
	reap(pid);
	printf("child %d used %ld\n", si.si_pid, (long)si.si_utime);
	CHECK(pthread_create(&t, NULL, waiter, NULL) == 0);
	msleep(2);
	CHECK(kill(getpid(), SIGUSR2) == 0 && pthread_join(t, NULL) == 0);
	return 0;
}
