/* Threads meet at barriers, take a read-write lock, and run a pthread_once. modes: all */
#include "check.h"

#include <pthread.h>

#define THREADS 6

static pthread_barrier_t barrier;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int phase[THREADS], total, inits, destroyed;

static void destroy(void *value)
{
	__atomic_add_fetch(&destroyed, 1, __ATOMIC_SEQ_CST);
}

static void init(void)
{
	inits++;
	CHECK(pthread_key_create(&key, destroy) == 0);
}

static void *run(void *arg)
{
	int me = (int)(long)arg;

	CHECK(pthread_once(&once, init) == 0 && pthread_setspecific(key, &phase[me]) == 0);
	for (int i = 1; i <= 20; i++) {
		phase[me] = i;
		if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
			printf("%d was last of round %d\n", me, i);
		for (int t = 0; t < THREADS; t++)
			CHECK(phase[t] == i);
		pthread_rwlock_wrlock(&rw);
		total++;
		pthread_rwlock_unlock(&rw);
		pthread_barrier_wait(&barrier);
		pthread_rwlock_rdlock(&rw);
		CHECK(total == i * THREADS);
		pthread_rwlock_unlock(&rw);
		pthread_barrier_wait(&barrier);
	}
	CHECK(pthread_getspecific(key) == &phase[me]);
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];

	CHECK(pthread_barrier_init(&barrier, NULL, THREADS) == 0);
	for (long i = 0; i < THREADS; i++)
		CHECK(pthread_create(&t[i], NULL, run, (void *)i) == 0);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	CHECK(inits == 1 && destroyed == THREADS);
	return 0;
}
