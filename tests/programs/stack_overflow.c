/* A stack overflow is caught on an alternate stack and left by siglongjmp. modes: all */
#include "check.h"

#include <setjmp.h>
#include <sys/resource.h>

static sigjmp_buf env;
static volatile int depth, limit = 1 << 30;

static void on_segv(int sig, siginfo_t *si, void *uc)
{
	siglongjmp(env, 1);
}

static int recurse(int n)
{
	volatile char frame[1000];

	depth = n;
	frame[0] = n;
	if (n == limit)
		return 0;
	return recurse(n + 1) + frame[0];
}

int main(void)
{
	static char alt[65536];
	stack_t ss = {.ss_sp = alt, .ss_size = sizeof(alt)};
	struct rlimit lim = {1 << 20, RLIM_INFINITY};

	CHECK(sigaltstack(&ss, NULL) == 0);
	CHECK(setrlimit(RLIMIT_STACK, &lim) == 0);
	on_siginfo(SIGSEGV, on_segv, SA_ONSTACK);
	for (volatile int i = 0; i < 3; i++) {
		if (!sigsetjmp(env, 1))
			recurse(0);
		CHECK(depth > 100);
		printf("overflow at depth %d\n", depth);
	}
	return 0;
}
