/* Threads that compute are stopped with their process, wherever they are, and continued. modes:
 * all; needs: ticks */
#include "check.h"
#include "code.h"

#include <pthread.h>

#define THREADS 2
#define ROUNDS	40

static volatile unsigned long *count;

static void *counts(void *arg)
{
	volatile unsigned long *mine = arg;

	for (;;) {
		++*mine;
		work(*mine, 20);
	}
	return NULL;
}

static void stopped(void)
{
	pthread_t t;

	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_create(&t, NULL, counts, (void *)&count[i]) == 0);
	for (;;)
		pause();
}

static unsigned long counted(void)
{
	unsigned long n = 0;

	for (int i = 0; i < THREADS; i++)
		n += count[i];
	return n;
}

int main(void)
{
	unsigned long before;
	int status;
	pid_t pid;

	count = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(count != MAP_FAILED);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		stopped();
	for (int i = 0; i < ROUNDS; i++) {
		before = counted();
		while (counted() == before)
			msleep(1);
		CHECK(kill(pid, SIGSTOP) == 0);
		CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
		before = counted();
		msleep(2);
		CHECK(counted() == before);
		printf("stopped at %lu\n", before);
		CHECK(kill(pid, SIGCONT) == 0);
		CHECK(waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
	}
	CHECK(kill(pid, SIGKILL) == 0);
	CHECK(WTERMSIG(reap(pid)) == SIGKILL);
	return 0;
}
