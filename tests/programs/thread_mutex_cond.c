/* Producers and consumers on a pthread mutex and two conditions. modes: all */
#include "check.h"

#include <pthread.h>

#define THREADS 3
#define ITEMS	300

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER, not_empty = PTHREAD_COND_INITIALIZER;
static int ring[4], used, put_at, get_at, left = THREADS * ITEMS;

static void *produce(void *arg)
{
	for (int i = 0; i < ITEMS; i++) {
		pthread_mutex_lock(&lock);
		while (used == 4)
			pthread_cond_wait(&not_full, &lock);
		ring[put_at++ % 4] = 1 + i;
		used++;
		pthread_cond_signal(&not_empty);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static void *consume(void *arg)
{
	long sum = 0;

	pthread_mutex_lock(&lock);
	while (left) {
		if (!used) {
			pthread_cond_wait(&not_empty, &lock);
			continue;
		}
		sum = sum * 3 + ring[get_at++ % 4];
		used--;
		if (--left == 0)
			pthread_cond_broadcast(&not_empty);
		pthread_cond_signal(&not_full);
	}
	pthread_mutex_unlock(&lock);
	return (void *)sum;
}

int main(void)
{
	pthread_t p[THREADS], c[THREADS];
	struct timespec past = {1, 0};
	void *sum;

	for (int i = 0; i < THREADS; i++) {
		CHECK(pthread_create(&p[i], NULL, produce, NULL) == 0);
		CHECK(pthread_create(&c[i], NULL, consume, NULL) == 0);
	}
	for (int i = 0; i < THREADS; i++) {
		CHECK(pthread_join(p[i], NULL) == 0 && pthread_join(c[i], &sum) == 0);
		printf("consumer %d: %lx\n", i, (long)sum);
	}
	pthread_mutex_lock(&lock);
	CHECK(pthread_cond_timedwait(&not_empty, &lock, &past) == ETIMEDOUT);
	CHECK(pthread_mutex_timedlock(&lock, &past) == ETIMEDOUT);
	return 0;
}
