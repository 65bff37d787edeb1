/* Recursion: direct, mutual, by tail calls and pointers; with a timer. modes: all */
#include "check.h"
#include "code.h"

#include <pthread.h>
#include <sys/time.h>

static volatile int hits;

static void handler(int sig)
{
	hits++;
}

__attribute__((noipa)) static unsigned long fib(unsigned long n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static unsigned long odd(unsigned long n, unsigned long sum);

__attribute__((noipa)) static unsigned long even(unsigned long n, unsigned long sum)
{
	return n == 0 ? sum : odd(n - 1, sum + n) + (sum & 1);
}

__attribute__((noipa)) static unsigned long odd(unsigned long n, unsigned long sum)
{
	return n == 0 ? sum : even(n - 1, sum ^ n) + (sum & 1);
}

/* Tail calls: a jump to another function and back is the loop. */
static unsigned long tock(unsigned long n, unsigned long sum);

__attribute__((noipa)) static unsigned long tick(unsigned long n, unsigned long sum)
{
	return n == 0 ? sum : tock(n - 1, sum * 3 + n);
}

__attribute__((noipa)) static unsigned long tock(unsigned long n, unsigned long sum)
{
	return n == 0 ? sum : tick(n - 1, sum ^ n);
}

static unsigned long by_pointer(unsigned long n);
static unsigned long (*volatile pointers[2])(unsigned long) = {by_pointer, by_pointer};

static unsigned long by_pointer(unsigned long n)
{
	return n < 2 ? n : pointers[n & 1](n - 1) + pointers[n & 1](n - 2);
}

static void *run(void *arg)
{
	unsigned long e = 0, o = 0, t = 0, n = 2000;

	CHECK(fib(28) == 317811);
	CHECK(by_pointer(24) == 46368);
	for (int i = 0; i < 100; i++) {
		e += even(n, i);
		o += odd(n + 1, i);
		t += tick(100000, i);
	}
	*(uint64_t *)arg = e ^ o ^ t;
	return NULL;
}

int main(void)
{
	struct itimerval it = {{0, 1000}, {0, 1000}}, off = {0};
	uint64_t results[2];
	pthread_t t[2];

	on_signal(SIGALRM, handler, SA_RESTART);
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
	for (int i = 0; i < 2; i++)
		CHECK(pthread_create(&t[i], NULL, run, &results[i]) == 0);
	for (int i = 0; i < 2; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
	CHECK(results[0] == results[1]);
	printf("%lx, %d signals\n", results[0], hits);
	return 0;
}
