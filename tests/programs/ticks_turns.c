/* Threads, and then processes, that wait for their turn in a loop. modes: all; needs: ticks */
#include "check.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define TURNS 3

static volatile int *turn;
static volatile unsigned long waited[2];

static void take_turns(int me)
{
	for (int i = 0; i < TURNS; i++) {
		while (*turn != me)
			waited[me]++;
		*turn = !me;
	}
}

static void *thread(void *arg)
{
	take_turns(1);
	return NULL;
}

int main(void)
{
	pthread_t t;
	pid_t child;

	turn = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(turn != MAP_FAILED);
	CHECK(pthread_create(&t, NULL, thread, NULL) == 0);
	take_turns(0);
	CHECK(pthread_join(t, NULL) == 0);
	printf("threads waited %lu %lu\n", waited[0], waited[1]);
	fflush(stdout);
	child = fork();
	CHECK(child >= 0);
	if (!child) {
		take_turns(1);
		printf("the child waited %lu\n", waited[1]);
		return 0;
	}
	take_turns(0);
	CHECK(wait(NULL) == child);
	printf("the parent waited %lu\n", waited[0]);
	return 0;
}
