/* SA_RESETHAND, SA_ONSTACK, SA_NODEFER, SA_NOCLDWAIT; the stack pointer in handlers. modes: all */
#include "check.h"

#define ALT_SIZE 65536

static volatile int hits;
static volatile uintptr_t where;

static void count(int sig)
{
	char local;

	hits++;
	where = (uintptr_t)&local;
}

static bool on_alt(const char *alt)
{
	return where >= (uintptr_t)alt && where < (uintptr_t)alt + ALT_SIZE;
}

int main(void)
{
	char *alt = malloc(ALT_SIZE);
	stack_t ss = {.ss_sp = alt, .ss_size = ALT_SIZE}, old;
	struct sigaction sa;

	on_signal(SIGUSR1, count, SA_RESETHAND);
	CHECK(raise(SIGUSR1) == 0 && hits == 1);
	CHECK(sigaction(SIGUSR1, NULL, &sa) == 0 && sa.sa_handler == SIG_DFL);

	CHECK(sigaltstack(&ss, NULL) == 0);
	on_signal(SIGUSR2, count, SA_ONSTACK);
	CHECK(raise(SIGUSR2) == 0 && on_alt(alt));
	on_signal(SIGUSR2, count, 0);
	CHECK(raise(SIGUSR2) == 0 && !on_alt(alt));
	printf("handler's stack %lx\n", (long)where);
	CHECK(sigaltstack(NULL, &old) == 0 && old.ss_sp == alt && old.ss_size == ALT_SIZE);
	ss.ss_flags = SS_DISABLE;
	CHECK(sigaltstack(&ss, NULL) == 0);
	ss = (stack_t){.ss_sp = alt, .ss_size = 100};
	CHECK_ERRNO(sigaltstack(&ss, NULL), ENOMEM);

	on_signal(SIGCHLD, SIG_DFL, SA_NOCLDWAIT);
	if (fork() == 0)
		_exit(1);
	CHECK_ERRNO(wait(NULL), ECHILD);
	CHECK_ERRNO(sigaction(SIGKILL, &sa, NULL), EINVAL);
	CHECK(hits == 3);
	return 0;
}
