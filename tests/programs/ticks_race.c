/*
 * Two threads change a counter without a lock; what is lost is printed. `ticks_here` is in each
 * trip, for counting by a breakpoint. modes: all; needs: ticks
 */
#include "check.h"

#include <pthread.h>

#define TRIPS 5000

static volatile unsigned long counter, mix;

static __attribute__((noinline)) void *count(void *arg)
{
	for (unsigned long i = 0; i < TRIPS; i++) {
		__asm__ volatile("ticks_here: nop");
		counter++;
		mix = mix * 31 + (unsigned long)arg;
	}
	return NULL;
}

int main(void)
{
	pthread_t t;

	CHECK(pthread_create(&t, NULL, count, (void *)1) == 0);
	count((void *)2);
	CHECK(pthread_join(t, NULL) == 0);
	CHECK(counter <= 2 * TRIPS);
	printf("%lu %lx\n", counter, mix);
	return 0;
}
