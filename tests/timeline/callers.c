/*
 * What the test of caught system calls looks at: calls that the agent makes, a known number of
 * times, in several tasks. With an argument it is itself the one that is killed.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PARENTS 20 /* getppid: here, */
#define OTHERS	10 /* in a thread, in a child, */
#define LAST	20 /* and in one that is killed while it computes */
#define READS	20 /* up to BIG bytes: more than fit into one buffer */
#define BIG	1500000
#define CLOCKS	100 /* by the vDSO */

static char big[BIG];
static volatile long rounds;

static void *thread(void *arg)
{
	for (int i = 0; i < OTHERS; i++)
		getppid();
	return arg;
}

static void reads(void)
{
	int fd = open("/dev/zero", O_RDONLY), n = 0;

	for (int i = 0; i < READS; i++)
		n += preadv(fd, &(struct iovec){big, i % 5 ? 3000 : BIG}, 1, 0) > 0;
	if (n != READS)
		abort();
}

static void clocks(void)
{
	struct timespec t;

	for (int i = 0; i < CLOCKS; i++)
		clock_gettime(CLOCK_MONOTONIC, &t);
	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
}

/* Its last calls are in no event but that of their buffer: the kernel kills it. */
static void be_killed(void)
{
	const struct rlimit second = {1, 1};

	setrlimit(RLIMIT_CPU, &second);
	for (int i = 0; i < LAST; i++)
		getppid();
	for (;;)
		rounds++;
}

int main(int argc, char **argv)
{
	pthread_t t;

	if (argc > 1)
		be_killed();
	for (int i = 0; i < PARENTS; i++)
		getppid();
	pthread_create(&t, NULL, thread, NULL);
	pthread_join(t, NULL);
	if (!fork()) {
		thread(NULL);
		_exit(0);
	}
	wait(NULL);
	reads();
	clocks();
	/* Nobody else runs then, so that it is not preempted. */
	if (!vfork())
		be_killed();
	wait(NULL);
	return 0;
}
