/*
 * A program of low priority that watches its threads die: how often it looked in vain tells how
 * long the kernel took to write, at each thread's end, that it is gone.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static volatile int work;

static void *thread(void *arg)
{
	for (int i = 0; i < 200; i++)
		work++;
	return arg;
}

int main(int argc, char **argv)
{
	unsigned long in_vain = 0;
	pthread_t t;

	if (argc != 2 || setpriority(PRIO_PROCESS, 0, 19))
		return 2;
	for (int i = 0; i < strtol(argv[1], NULL, 10); i++) {
		if (pthread_create(&t, NULL, thread, NULL))
			return 2;
		while (pthread_tryjoin_np(t, NULL))
			in_vain++;
	}
	printf("%lu\n", in_vain);
	return 0;
}
