/* Four threads meet at barriers of atomics without any call. modes: all; needs: ticks */
#include "check.h"
#include "code.h"

#include <pthread.h>

#define THREADS 4
#define ROUNDS	6

static int arrived, generation;
static uint64_t values[THREADS], sums[ROUNDS];

static unsigned long barrier(void)
{
	int g = __atomic_load_n(&generation, __ATOMIC_ACQUIRE);
	unsigned long n = 0;

	if (__atomic_add_fetch(&arrived, 1, __ATOMIC_ACQ_REL) == THREADS) {
		__atomic_store_n(&arrived, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&generation, g + 1, __ATOMIC_RELEASE);
		return 0;
	}
	while (__atomic_load_n(&generation, __ATOMIC_ACQUIRE) == g)
		n++;
	return n;
}

static void *run(void *arg)
{
	int me = (int)(long)arg;
	unsigned long waited = 0;

	for (int i = 0; i < ROUNDS; i++) {
		values[me] = work(me + i, MILLISECOND / 2 * (me + 1));
		waited += barrier();
		if (me == 0)
			for (int j = 0; j < THREADS; j++)
				sums[i] += values[j];
		waited += barrier();
	}
	return (void *)waited;
}

int main(void)
{
	pthread_t t[THREADS];
	void *waited;

	for (long i = 0; i < THREADS; i++)
		CHECK(pthread_create(&t[i], NULL, run, (void *)i) == 0);
	for (int i = 0; i < THREADS; i++) {
		CHECK(pthread_join(t[i], &waited) == 0);
		printf("%lu trips\n", (unsigned long)waited);
	}
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t sum = 0;

		for (int j = 0; j < THREADS; j++)
			sum += work(j + i, MILLISECOND / 2 * (j + 1));
		CHECK(sums[i] == sum);
	}
	return 0;
}
