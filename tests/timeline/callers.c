/*
 * What the test of caught system calls looks at: calls that the agent makes, a known number of
 * times, in several tasks.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PARENTS 20 /* getppid: here, */
#define OTHERS	10 /* in a thread, in a child */
#define LAST	20 /* and in one that is killed while it computes */
#define READS	20 /* up to BIG bytes: more than fit into one buffer */
#define BIG	1500000
#define CLOCKS	100 /* by the vDSO */

static char big[BIG];

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

int main(void)
{
	pthread_t t;

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
	return 0;
}
