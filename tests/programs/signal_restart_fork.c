/* nanosleep and poll go on through SIGSTOP and SIGCONT as if never stopped. modes: all */
#include "check.h"

#include <poll.h>

static int p[2];

int main(void)
{
	struct timespec t = {0, 40000000}, before, after;
	struct pollfd f;
	int status;
	long ms;
	pid_t pid, stopper;

	CHECK(pipe(p) == 0);
	pid = fork();
	if (pid == 0) {
		/* restart_syscall: a stop and a continue without a handler are not seen. */
		clock_gettime(CLOCK_MONOTONIC, &before);
		CHECK(nanosleep(&t, NULL) == 0);
		f = (struct pollfd){p[0], POLLIN, 0};
		CHECK(poll(&f, 1, 40) == 0);
		clock_gettime(CLOCK_MONOTONIC, &after);
		ms = (after.tv_sec - before.tv_sec) * 1000 +
		     (after.tv_nsec - before.tv_nsec) / 1000000;
		CHECK(ms >= 79);
		printf("%ld ms\n", ms);
		exit(0);
	}
	stopper = fork();
	if (stopper == 0) {
		for (int i = 0; i < 5; i++) {
			msleep(10);
			kill(pid, SIGSTOP);
			msleep(2);
			kill(pid, SIGCONT);
		}
		exit(0);
	}
	reap_ok(stopper);
	CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 0);
	return 0;
}
