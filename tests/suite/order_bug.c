/* A flag is set shortly before the data that it announces: exits with 1 if somebody came between.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

static _Atomic int ready, data;

static void *announce(void *arg)
{
	atomic_store(&ready, 1);
	for (volatile int i = 0; i < 2000; i++)
		;
	atomic_store(&data, 42);
	return NULL;
}

static void *look(void *arg)
{
	for (volatile int i = 0; i < 1000; i++)
		;
	return (void *)(long)(atomic_load(&ready) && !atomic_load(&data));
}

int main(void)
{
	pthread_t a, b;
	void *early;

	if (pthread_create(&b, NULL, look, NULL) || pthread_create(&a, NULL, announce, NULL))
		return 2;
	pthread_join(a, NULL);
	pthread_join(b, &early);
	puts(early ? "too early" : "fine");
	return early != NULL;
}
