/* A thread busy-waits, without any call, for another one. modes: all; needs: ticks */
#include "check.h"

#include <pthread.h>

static volatile int flag;

static void *set(void *arg)
{
	flag = 1;
	return NULL;
}

int main(void)
{
	pthread_t t;

	CHECK(pthread_create(&t, NULL, set, NULL) == 0);
	while (!flag)
		;
	CHECK(pthread_join(t, NULL) == 0);
	return 0;
}
