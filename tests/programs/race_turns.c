/* Threads wait for progress of others in plain memory. modes: all; needs: ticks */
#include "check.h"
#include "code.h"

#include <pthread.h>

#define THREADS 3
#define GOAL	8

static volatile unsigned long progress[THREADS];
static volatile bool done;
static uint64_t seen[THREADS];

/* Runs until it has seen each of the others move GOAL times. */
static void *run(void *arg)
{
	int me = (int)(long)arg;
	unsigned long last[THREADS] = {0}, moves[THREADS] = {0};
	uint64_t h = 0;

	for (int left = THREADS - 1; left;) {
		progress[me]++;
		for (int i = 0; i < THREADS; i++) {
			if (i == me || progress[i] == last[i])
				continue;
			last[i] = progress[i];
			mix(&h, last[i]);
			mix(&h, progress[me]);
			left -= ++moves[i] == GOAL;
		}
	}
	seen[me] = h;
	while (!done)
		progress[me]++;
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];

	for (long i = 0; i < THREADS; i++)
		CHECK(pthread_create(&t[i], NULL, run, (void *)i) == 0);
	for (int i = 0; i < THREADS; i++)
		while (!*(volatile uint64_t *)&seen[i])
			;
	done = true;
	for (int i = 0; i < THREADS; i++) {
		CHECK(pthread_join(t[i], NULL) == 0);
		printf("%lx %lu\n", seen[i], progress[i]);
	}
	return 0;
}
