/* A thread signals itself while another one changes what the signal does. modes: all */
#include "check.h"

#include <pthread.h>
#include <sched.h>

#define ROUNDS 1000

static volatile int hits, stop;

static void count(int sig)
{
	hits++;
}

static void *signaller(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		CHECK(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1) == 0);
		if (i % 3 == 0)
			sched_yield();
	}
	stop = 1;
	return NULL;
}

int main(void)
{
	pthread_t t;

	signal(SIGUSR1, SIG_IGN);
	CHECK(pthread_create(&t, NULL, signaller, NULL) == 0);
	for (int i = 0; !stop; i++) {
		if (i % 2)
			signal(SIGUSR1, SIG_IGN);
		else
			on_signal(SIGUSR1, count, 0);
		if (i % 5 == 0)
			sched_yield();
	}
	CHECK(pthread_join(t, NULL) == 0 && hits <= ROUNDS);
	printf("%d of %d seen\n", hits, ROUNDS);
	return 0;
}
