/* Threads in loops are cancelled asynchronously; clean-up runs. modes: all; needs: ticks */
#include "check.h"
#include "code.h"

#include <pthread.h>

#define THREADS 4

static volatile unsigned long trips[THREADS];
static volatile int cleaned;

static void clean(void *arg)
{
	cleaned += 1 << (long)arg;
}

static void *run(void *arg)
{
	long me = (long)arg;

	CHECK(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL) == 0);
	pthread_cleanup_push(clean, arg);
	for (;;)
		trips[me]++;
	pthread_cleanup_pop(0);
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];

	for (long i = 0; i < THREADS; i++)
		CHECK(pthread_create(&t[i], NULL, run, (void *)i) == 0);
	for (int i = 0; i < THREADS; i++) {
		void *result;

		while (trips[i] < 1000)
			;
		CHECK(pthread_cancel(t[i]) == 0);
		CHECK(pthread_join(t[i], &result) == 0);
		CHECK(result == PTHREAD_CANCELED);
		printf("%lu trips\n", trips[i]);
	}
	CHECK(cleaned == (1 << THREADS) - 1);
	return 0;
}
