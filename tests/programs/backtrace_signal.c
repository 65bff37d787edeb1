/* backtrace() from handlers that interrupt loops. modes: all; needs: ticks */
#include "check.h"
#include "code.h"

#include <execinfo.h>
#include <sys/time.h>
#include <ucontext.h>

#define HITS	 150

#define IN(name) __attribute__((noinline, noclone, section(#name "_code")))

static volatile int hits, inside;
static void *volatile callers[3];
static uint64_t seen;
static volatile uint64_t sink;

extern char __start_leaf_code[], __stop_leaf_code[];

static void handler(int sig, siginfo_t *si, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	uintptr_t rip = r[REG_RIP];
	void *frames[32];
	int n = backtrace(frames, 32), i;

	hits++;
	CHECK(n > 3 && n < 32);
	for (i = 0; i < n; i++)
		CHECK(known_code((uintptr_t)frames[i]));
	for (i = 0; i < n && (uintptr_t)frames[i] != rip; i++)
		;
	CHECK(i < n);
	mix(&seen, rip);
	if (rip < (uintptr_t)__start_leaf_code || rip >= (uintptr_t)__stop_leaf_code)
		return;
	inside++;
	CHECK(i + 3 < n);
	for (int j = 0; j < 3; j++)
		CHECK(frames[i + 1 + j] == callers[j]);
}

/* The loop calls nothing, and the function keeps nothing on the stack. */
IN(leaf) static uint64_t leaf(uint64_t x, unsigned long n)
{
	callers[0] = __builtin_return_address(0);
	return work(x, n);
}

/* Saves registers while it runs: what the unwinder must find again. */
IN(middle) static uint64_t middle(uint64_t a, uint64_t b, uint64_t c)
{
	callers[1] = __builtin_return_address(0);
	for (int i = 0; i < 50; i++) {
		a += leaf(b, 100 + c % 256) * c;
		b ^= c + a;
		c -= a - b;
	}
	return a ^ b ^ c;
}

IN(outer) static uint64_t outer(uint64_t x)
{
	callers[2] = __builtin_return_address(0);
	return middle(x, x + 1, x + 2) + 1;
}

int main(void)
{
	struct itimerval it = {{0, 1000}, {0, 1000}}, off = {0};
	void *warm[4];

	code_init();
	CHECK(backtrace(warm, 4) > 0); /* loads libgcc */
	code_init();
	sink = outer(sink); /* sets callers: each function has only one */
	on_siginfo(SIGALRM, handler, SA_RESTART);
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
	while (hits < HITS || inside < HITS / 2)
		sink = outer(sink);
	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
	printf("%d, %d in the leaf, %lx %lx\n", hits, inside, seen, sink);
	return 0;
}
