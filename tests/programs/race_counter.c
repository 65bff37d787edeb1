/* Threads increment a counter without a lock; what each saw, and the sum. modes: all */
#include "check.h"
#include "code.h"

#include <pthread.h>

#define THREADS 8
#define TIMES	8000000

static volatile unsigned long counter, fair;
static uint64_t seen[THREADS];

static void *run(void *arg)
{
	uint64_t h = 0;

	for (unsigned long i = 0; i < TIMES; i++) {
		unsigned long v = counter;

		mix(&h, v);
		counter = v + 1;
		__atomic_add_fetch(&fair, 1, __ATOMIC_RELAXED);
	}
	seen[(long)arg] = h;
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];

	for (long i = 0; i < THREADS; i++)
		CHECK(pthread_create(&t[i], NULL, run, (void *)i) == 0);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	CHECK(fair == THREADS * TIMES);
	CHECK(counter >= 1 && counter <= THREADS * TIMES);
	for (int i = 0; i < THREADS; i++)
		printf("%lx\n", seen[i]);
	printf("%lu of %lu\n", counter, fair);
	return 0;
}
