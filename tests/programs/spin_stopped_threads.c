/* Threads that compute are stopped with their process, wherever they are, and continued. modes:
 * all; needs: ticks */
#include "check.h"
#include "code.h"
#include "stopping.h"

#include <pthread.h>

#define THREADS 2
#define ROUNDS	40

static volatile unsigned long *count;

static void *counts(void *arg)
{
	volatile unsigned long *mine = arg;

	for (;;) {
		++*mine;
		work(*mine, 20);
	}
	return NULL;
}

static void stopped(void)
{
	pthread_t t;

	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_create(&t, NULL, counts, (void *)&count[i]) == 0);
	for (;;)
		pause();
}

static unsigned long counted(void)
{
	unsigned long n = 0;

	for (int i = 0; i < THREADS; i++)
		n += count[i];
	return n;
}

int main(void)
{
	pid_t pid;

	count = shared_words();
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		stopped();
	for (int i = 0; i < ROUNDS; i++)
		stop_and_continue(pid, counted, 2);
	end_stopping(pid);
	return 0;
}
