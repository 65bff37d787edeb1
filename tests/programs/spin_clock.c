/* Threads wait for a time or a flag, asking clock and TSC all the time. modes: all */
#include "check.h"
#include "code.h"

#include <pthread.h>

static volatile int turn;
static unsigned long asked[3];

static long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000 + t.tv_nsec;
}

static void *run(void *arg)
{
	int me = (int)(long)arg;

	for (int i = 0; i < 5; i++) {
		long until;

		while (turn % 3 != me) {
			asked[me]++;
			if (i % 2)
				now();
			else
				__builtin_ia32_rdtsc();
		}
		until = now() + 500000;
		while (now() < until)
			asked[me]++;
		turn++;
	}
	return NULL;
}

int main(void)
{
	pthread_t t[3];

	for (long i = 0; i < 3; i++)
		CHECK(pthread_create(&t[i], NULL, run, (void *)i) == 0);
	for (int i = 0; i < 3; i++) {
		CHECK(pthread_join(t[i], NULL) == 0);
		printf("asked %lu times\n", asked[i]);
	}
	CHECK(turn == 15);
	return 0;
}
