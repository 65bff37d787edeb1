/* A fork that takes long copies memory that a thread is writing all the time. modes: all */
#include "check.h"

#include <pthread.h>

#define FORKS 24
#define SIZE  (64 << 20)

static volatile unsigned long count;
static volatile bool over;

static void *writer(void *arg)
{
	while (!over)
		count++;
	return NULL;
}

int main(void)
{
	char *big = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_t t;

	CHECK(big != MAP_FAILED && madvise(big, SIZE, MADV_NOHUGEPAGE) == 0);
	for (long i = 0; i < SIZE; i += 4096)
		big[i] = 1;
	CHECK(pthread_create(&t, NULL, writer, NULL) == 0);
	for (int i = 0; i < FORKS; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			printf("fork %d: %lu\n", i, count);
			_exit(0);
		}
		reap_ok(pid);
	}
	over = true;
	CHECK(pthread_join(t, NULL) == 0);
	return 0;
}
