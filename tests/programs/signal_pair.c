/* Two signals that arrive together both run their handlers: a kill, a death. modes: all */
#include "check.h"

static volatile int usr1, chld;

static void handler(int sig)
{
	if (sig == SIGUSR1)
		usr1++;
	else
		chld++;
}

int main(void)
{
	sigset_t block, old;

	on_signal(SIGUSR1, handler, 0);
	on_signal(SIGCHLD, handler, 0);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigaddset(&block, SIGCHLD);
	CHECK(sigprocmask(SIG_BLOCK, &block, &old) == 0);
	for (int i = 1; i <= 20; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			if (i % 2)
				msleep(1);
			kill(getppid(), SIGUSR1);
			_exit(i);
		}
		while (usr1 < i || chld < i)
			CHECK_ERRNO(sigsuspend(&old), EINTR);
		CHECK(usr1 == i && chld == i && WEXITSTATUS(reap(pid)) == i);
	}
	printf("%d %d\n", usr1, chld);
	return 0;
}
