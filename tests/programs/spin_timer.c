/*
 * A timer's period passes while other threads have their turns: the thread that handles its
 * signals, which come before anything else each time it is let run, gets on all the same. modes:
 * all
 */
#include "check.h"

#include <pthread.h>
#include <sys/time.h>

#define ROUNDS 3000000

static volatile bool done;
static volatile uint64_t handled, others;

static void on_alarm(int sig)
{
	handled++;
	syscall(SYS_getppid);
}

static void *spin(void *arg)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	while (!done)
		others++;
	return NULL;
}

int main(void)
{
	const struct itimerval t = {{0, 1000}, {0, 1000}};
	uint64_t sum = 0;
	pthread_t th[2];

	for (size_t i = 0; i < NELEM(th); i++)
		CHECK(pthread_create(&th[i], NULL, spin, NULL) == 0);
	on_signal(SIGALRM, on_alarm, SA_RESTART);
	CHECK(setitimer(ITIMER_REAL, &t, NULL) == 0);
	for (uint64_t i = 0; i < ROUNDS; i++)
		sum = sum * 3 + i + handled;
	done = true;
	for (size_t i = 0; i < NELEM(th); i++)
		CHECK(pthread_join(th[i], NULL) == 0);
	printf("%llx %llu %llu\n", (unsigned long long)sum, (unsigned long long)handled,
	       (unsigned long long)others);
	return 0;
}
