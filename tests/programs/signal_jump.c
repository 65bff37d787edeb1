/* siglongjmp out of handlers of kill, of faults and of timers in blocking calls. modes: all */
#include "check.h"

#include <setjmp.h>
#include <sys/time.h>

static sigjmp_buf env;

static void jump(int sig)
{
	siglongjmp(env, sig);
}

int main(void)
{
	struct itimerval it = {{0, 0}, {0, 2000}};
	volatile int n = 0, got;
	int p[2];
	char c;

	on_signal(SIGUSR1, jump, 0);
	on_signal(SIGSEGV, jump, 0);
	on_signal(SIGALRM, jump, 0);
	CHECK(pipe(p) == 0);
	for (volatile int i = 0; i < 20; i++) {
		got = sigsetjmp(env, 1);
		if (!got) {
			if (i % 3 == 0)
				raise(SIGUSR1);
			else if (i % 3 == 1)
				*(volatile int *)BAD_ADDRESS = 1;
			setitimer(ITIMER_REAL, &it, NULL);
			CHECK(read(p[0], &c, 1) == 0);
		}
		CHECK(got == (i % 3 == 0 ? SIGUSR1 : i % 3 == 1 ? SIGSEGV : SIGALRM));
		n++;
	}
	printf("%d jumps\n", n);
	return 0;
}
