/* Threads and processes that wait by sched_yield and short sleeps in loops. modes: all */
#include "check.h"

#include <pthread.h>
#include <sched.h>

static volatile int *shared;

static void *turns(void *arg)
{
	int me = (int)(long)arg;

	for (int i = 0; i < 50; i++) {
		while (__atomic_load_n(shared, __ATOMIC_SEQ_CST) % 3 != me)
			sched_yield();
		__atomic_add_fetch(shared, 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

int main(void)
{
	pthread_t t[3];

	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED);
	for (long i = 0; i < 3; i++)
		CHECK(pthread_create(&t[i], NULL, turns, (void *)i) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	CHECK(*shared == 150);
	if (fork() == 0) {
		msleep(2);
		*shared = 0;
		exit(0);
	}
	while (*shared)
		msleep(1);
	reap_ok(-1);
	return 0;
}
