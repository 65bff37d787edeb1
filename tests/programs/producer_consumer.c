/* Producers and consumers with mutexes and conditions, computing in between. modes: all */
#include "check.h"
#include "code.h"

#include <pthread.h>

#define PRODUCERS 3
#define CONSUMERS 3
#define ITEMS	  60
#define SLOTS	  5

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER, not_empty = PTHREAD_COND_INITIALIZER;
static uint64_t queue[SLOTS];
static unsigned head, tail, left = PRODUCERS * ITEMS;
static uint64_t sum, order;

static void *produce(void *arg)
{
	long me = (long)arg;

	for (long i = 0; i < ITEMS; i++) {
		uint64_t v = work(me * 1000 + i, MILLISECOND / 20 * (i % 4));

		pthread_mutex_lock(&mutex);
		while (head - tail == SLOTS)
			pthread_cond_wait(&not_full, &mutex);
		queue[head++ % SLOTS] = v;
		pthread_mutex_unlock(&mutex);
		pthread_cond_signal(&not_empty);
	}
	return NULL;
}

static void *consume(void *arg)
{
	for (;;) {
		uint64_t v;

		pthread_mutex_lock(&mutex);
		while (head == tail && left)
			pthread_cond_wait(&not_empty, &mutex);
		if (!left) {
			pthread_mutex_unlock(&mutex);
			pthread_cond_broadcast(&not_empty);
			return NULL;
		}
		left--;
		v = queue[tail++ % SLOTS];
		mix(&order, v);
		pthread_mutex_unlock(&mutex);
		pthread_cond_signal(&not_full);
		__atomic_add_fetch(&sum, work(v, MILLISECOND / 20 * (v % 4)), __ATOMIC_RELAXED);
	}
}

int main(void)
{
	pthread_t t[PRODUCERS + CONSUMERS];
	uint64_t expected = 0;

	for (long i = 0; i < PRODUCERS + CONSUMERS; i++)
		CHECK(pthread_create(&t[i], NULL, i < CONSUMERS ? consume : produce, (void *)i) ==
		      0);
	for (int i = 0; i < PRODUCERS + CONSUMERS; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	for (long p = CONSUMERS; p < PRODUCERS + CONSUMERS; p++)
		for (long i = 0; i < ITEMS; i++) {
			uint64_t v = work(p * 1000 + i, MILLISECOND / 20 * (i % 4));

			expected += work(v, MILLISECOND / 20 * (v % 4));
		}
	CHECK(sum == expected);
	printf("%lx, in the order %lx\n", sum, order);
	return 0;
}
