/* Handlers end loops: by a flag, by siglongjmp, by a thread. modes: all; needs: ticks */
#include "check.h"
#include "code.h"

#include <pthread.h>
#include <setjmp.h>
#include <sys/time.h>

static volatile sig_atomic_t stop;
static volatile unsigned long acks;
static sigjmp_buf env;

static void set_stop(int sig)
{
	stop = 1;
}

static void jump(int sig)
{
	siglongjmp(env, 1);
}

static void ack(int sig)
{
	acks++;
}

static void *spin(void *arg)
{
	unsigned long n = 0;

	while (!stop)
		n++;
	return (void *)n;
}

static void timer(long us)
{
	struct itimerval it = {{0, 0}, {0, us}};

	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
}

int main(void)
{
	volatile unsigned long n = 0;
	pthread_t t;
	void *trips;

	on_signal(SIGALRM, set_stop, 0);
	for (volatile int i = 0; i < 10; i++) {
		unsigned long m = 0;

		stop = 0;
		timer(2000);
		while (!stop)
			m++;
		printf("stopped after %lu\n", m);
	}
	on_signal(SIGALRM, jump, 0);
	for (volatile int i = 0; i < 10; i++) {
		/* Not before: it might interrupt sigsetjmp, which has not kept the mask yet. */
		if (sigsetjmp(env, 1) == 0) {
			timer(2000);
			for (;;)
				n++;
		}
		printf("left after %lu\n", n);
	}
	on_signal(SIGUSR1, ack, 0);
	stop = 0;
	CHECK(pthread_create(&t, NULL, spin, NULL) == 0);
	for (unsigned long i = 0; i < 20; i++) {
		unsigned long m = 0;

		CHECK(pthread_kill(t, SIGUSR1) == 0);
		while (acks <= i)
			m++;
		printf("taken after %lu\n", m);
	}
	stop = 1;
	CHECK(pthread_join(t, &trips) == 0);
	printf("%lu trips\n", (unsigned long)trips);
	return 0;
}
