/* A SIGCHLD handler reaps a dozen children while main sleeps in sigsuspend. modes: all */
#include "check.h"

#define CHILDREN 12

static volatile int reaped;

static void on_child(int sig, siginfo_t *si, void *uc)
{
	int status, saved = errno;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		char line[64];
		int n = snprintf(line, sizeof(line), "%d left with %d\n", pid, WEXITSTATUS(status));

		if (write(1, line, n) == n)
			reaped++;
	}
	errno = saved;
}

int main(void)
{
	sigset_t block, old;

	on_siginfo(SIGCHLD, on_child, SA_RESTART | SA_NOCLDSTOP);
	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	CHECK(sigprocmask(SIG_BLOCK, &block, &old) == 0);
	for (int i = 0; i < CHILDREN; i++) {
		if (fork() == 0) {
			msleep(i % 4);
			_exit(i);
		}
	}
	while (reaped < CHILDREN)
		CHECK_ERRNO(sigsuspend(&old), EINTR);
	CHECK_ERRNO(wait(NULL), ECHILD);
	return 0;
}
