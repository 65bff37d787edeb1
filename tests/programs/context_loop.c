/* setcontext and longjmp as the back-edges of loops, with a timer. modes: all */
#include "check.h"
#include "code.h"

#include <setjmp.h>
#include <sys/time.h>
#include <ucontext.h>

#define TRIPS 3000

static volatile int hits;
static jmp_buf env;

static void handler(int sig)
{
	hits++;
}

__attribute__((noipa)) static void leave(int v)
{
	longjmp(env, v);
}

__attribute__((noinline)) static int deep(int depth, int v)
{
	if (depth == 0)
		leave(v);
	else
		hits += deep(depth - 1, v);
	return depth;
}

static uint64_t by_context(void)
{
	volatile uint64_t x = 0;
	volatile int i = 0;
	ucontext_t context;

	CHECK(getcontext(&context) == 0);
	x = work(x, 100);
	if (++i < TRIPS)
		setcontext(&context);
	return x;
}

static uint64_t by_jump(bool with_mask)
{
	volatile uint64_t x = 0;
	volatile int i = 0;

	if (with_mask)
		sigsetjmp(env, 1);
	else
		setjmp(env);
	x = work(x, 100);
	if (++i < TRIPS)
		deep(i % 20, i);
	return x;
}

static void *words[5];

__attribute__((noipa)) static void leave_by_builtin(void)
{
	__builtin_longjmp(words, 1);
}

/* The compiler's own, five words and a jump. */
__attribute__((noipa)) static uint64_t by_builtin(void)
{
	volatile uint64_t x = 0;
	volatile int i = 0;

	__builtin_setjmp(words);
	x = work(x, 100);
	if (++i < TRIPS)
		leave_by_builtin();
	return x;
}

int main(void)
{
	struct itimerval it = {{0, 1000}, {0, 1000}}, off = {0};
	uint64_t x = work(0, TRIPS * 100UL);

	on_signal(SIGALRM, handler, SA_RESTART);
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
	for (int i = 0; i < 5; i++) {
		CHECK(by_context() == x);
		CHECK(by_jump(false) == x);
		CHECK(by_jump(true) == x);
		CHECK(by_builtin() == x);
	}
	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
	printf("%lx, %d signals\n", x, hits);
	return 0;
}
