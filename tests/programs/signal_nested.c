/* Handlers in handlers, three deep; masks of sigaction; SA_NODEFER recursion. modes: all */
#include "check.h"

static volatile int depth, deepest, order[16], n;

static void enter(int sig)
{
	order[n++] = sig;
	if (++depth > deepest)
		deepest = depth;
}

static void on_usr2(int sig)
{
	enter(sig);
	depth--;
}

static void on_usr1(int sig)
{
	enter(sig);
	raise(SIGUSR2);
	depth--;
}

static void on_hup(int sig)
{
	enter(sig);
	raise(SIGUSR1);
	depth--;
}

static void on_alrm(int sig)
{
	enter(sig);
	if (depth < 5)
		raise(SIGALRM);
	depth--;
}

int main(void)
{
	struct sigaction sa = {.sa_handler = on_hup};

	on_signal(SIGUSR2, on_usr2, 0);
	on_signal(SIGUSR1, on_usr1, 0);
	on_signal(SIGHUP, on_hup, 0);
	raise(SIGHUP);
	CHECK(deepest == 3 && n == 3 && order[0] == SIGHUP && order[2] == SIGUSR2);

	sigaddset(&sa.sa_mask, SIGUSR1);
	CHECK(sigaction(SIGHUP, &sa, NULL) == 0);
	deepest = n = 0;
	raise(SIGHUP);
	CHECK(n == 3 && deepest == 2 && order[1] == SIGUSR1);

	on_signal(SIGALRM, on_alrm, SA_NODEFER);
	deepest = n = 0;
	raise(SIGALRM);
	CHECK(deepest == 5 && n == 5);

	on_signal(SIGALRM, on_alrm, 0);
	deepest = n = 0;
	alarm(0);
	signal(SIGUSR1, on_usr2);
	raise(SIGUSR1);
	CHECK(n == 1 && depth == 0);
	printf("deepest %d\n", deepest);
	return 0;
}
