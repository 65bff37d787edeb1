/* siglongjmp out of faults in the middle of loops and of recursion. modes: all */
#include "check.h"
#include "code.h"

#include <setjmp.h>
#include <ucontext.h>

static sigjmp_buf env;
static uint64_t seen;
static volatile unsigned long sum;

static void handler(int sig, siginfo_t *si, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;

	CHECK(known_code(r[REG_RIP]));
	mix(&seen, r[REG_RIP]);
	mix(&seen, r[REG_RCX]);
	siglongjmp(env, sig);
}

/* Walks a list whose end is a bad pointer. */
struct node {
	struct node *next;
	volatile unsigned long value;
};

static void walk(const struct node *n)
{
	for (;; n = n->next)
		sum += n->value;
}

static void divide_down(volatile long *p, long n)
{
	for (;; n--) {
		*p = n;
		sum += 1000 / *p;
	}
}

__attribute__((noinline)) static unsigned long recurse(unsigned long depth)
{
	if (depth == 0) {
		asm volatile("ud2");
		return 0;
	}
	return recurse(depth - 1) * 3 + depth;
}

int main(void)
{
	static struct node nodes[100];
	static const int expected[] = {SIGSEGV, SIGFPE, SIGILL};
	volatile int jumps = 0;
	long last = 0;

	code_init();
	for (int i = 0; i < 100; i++)
		nodes[i] = (struct node){i < 99 ? &nodes[i + 1] : BAD_ADDRESS, i};
	for (size_t i = 0; i < NELEM(expected); i++)
		on_siginfo(expected[i], handler, 0);
	for (volatile int i = 0; i < 300; i++) {
		int got = sigsetjmp(env, 1);

		if (!got) {
			switch (i % 3) {
			case 0:
				walk(&nodes[i % 100]);
				break;
			case 1:
				divide_down(&last, i % 50);
				break;
			case 2:
				recurse(i);
				break;
			}
			CHECK(!"reached");
		}
		CHECK(got == expected[i % 3]);
		jumps++;
	}
	printf("%d jumps, %lx\n", jumps, seen);
	return 0;
}
