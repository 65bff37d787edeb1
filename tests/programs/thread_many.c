/* Fifty threads at once, then two hundred one after another; stacks and ids print. modes: all */
#include "check.h"

#include <pthread.h>

static void *work(void *arg)
{
	char local;

	printf("%ld: tid %ld stack %p\n", (long)arg, (long)syscall(SYS_gettid), &local);
	msleep(1);
	return (void *)((long)arg * 2);
}

static void *quick(void *arg)
{
	return arg;
}

int main(void)
{
	pthread_t t[50];
	pthread_attr_t attr;
	void *ret;

	for (long i = 0; i < 50; i++)
		CHECK(pthread_create(&t[i], NULL, work, (void *)i) == 0);
	for (long i = 0; i < 50; i++)
		CHECK(pthread_join(t[i], &ret) == 0 && (long)ret == 2 * i);
	for (long i = 0; i < 200; i++) {
		CHECK(pthread_create(&t[0], NULL, quick, (void *)i) == 0);
		CHECK(pthread_join(t[0], &ret) == 0 && (long)ret == i);
	}
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (long i = 0; i < 10; i++)
		CHECK(pthread_create(&t[0], &attr, quick, (void *)i) == 0);
	msleep(2);
	return 0;
}
