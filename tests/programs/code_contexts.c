/* getcontext, makecontext, swapcontext: coroutines on stacks of their own; setjmp. modes: all */
#include "check.h"

#include <setjmp.h>
#include <ucontext.h>

static ucontext_t main_context, worker[2];
static int log_[40], n;

static void run(int me)
{
	for (int i = 0; i < 10; i++) {
		log_[n++] = me * 100 + i;
		CHECK(getpid() > 0);
		swapcontext(&worker[me], &worker[!me]);
	}
}

static jmp_buf env;

static void jump(int v)
{
	longjmp(env, v);
}

int main(void)
{
	static char stacks[2][65536];
	volatile int jumps = 0;

	for (volatile int i = 0; i < 2; i++) {
		CHECK(getcontext(&worker[i]) == 0);
		worker[i].uc_stack.ss_sp = stacks[i];
		worker[i].uc_stack.ss_size = sizeof(stacks[i]);
		worker[i].uc_link = &main_context;
		makecontext(&worker[i], (void (*)(void))run, 1, i);
	}
	CHECK(swapcontext(&main_context, &worker[0]) == 0);
	CHECK(n == 20);
	for (int i = 0; i < n; i++)
		CHECK(log_[i] == i % 2 * 100 + i / 2);
	for (volatile int i = 1; i < 100; i++) {
		int got = setjmp(env);

		if (!got)
			jump(i);
		CHECK(got == i);
		jumps++;
	}
	printf("%d switches, %d jumps\n", n, jumps);
	return 0;
}
