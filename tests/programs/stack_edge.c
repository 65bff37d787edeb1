/*
 * A task is preempted with its stack pointer at the edge of its stack, behind which only the
 * recorder has memory: where the outputs of calls that wait are redirected to. needs: ticks;
 * modes: all
 */
#include "check.h"

#include <pthread.h>
#include <sched.h>

#define SIZE   (64 * 1024)
#define ROUNDS 60000000

static int fds[2];
static volatile bool go, over;
static volatile uint64_t count;

static void *read_waiting(void *arg)
{
	char buf[1000];

	while (!go)
		sched_yield();
	CHECK(read(fds[0], buf, sizeof(buf)) == 300);
	over = true;
	return NULL;
}

static int compute(void *arg)
{
	for (unsigned int i = 0; i < ROUNDS; i++)
		count = count * 3 + i;
	go = false;
	return 0;
}

static char *map(size_t size)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

/* Behind it is the only room of that size which is not below everything else. */
static char *map_below_room(void)
{
	char *p, *last = map(SIZE);

	for (int in_a_row = 0; in_a_row < 8; last = p) {
		p = map(SIZE);
		in_a_row = p + SIZE == last ? in_a_row + 1 : 0;
	}
	p = map(2 * SIZE);
	CHECK(munmap(p + SIZE, SIZE) == 0);
	return p;
}

int main(void)
{
	char data[300], *stack;
	uint64_t waited = 0;
	pthread_t t;
	pid_t pid;

	memset(data, 'x', sizeof(data));
	CHECK(pipe(fds) == 0);
	CHECK(pthread_create(&t, NULL, read_waiting, NULL) == 0);
	stack = map_below_room();
	go = true;
	msleep(20);
	CHECK(write(fds[1], data, sizeof(data)) == sizeof(data));
	CHECK(pthread_join(t, NULL) == 0);
	pid = clone(compute, stack + SIZE, CLONE_VM | SIGCHLD, NULL);
	CHECK(pid > 0);
	while (go)
		waited++;
	reap_ok(pid);
	printf("%d %llu %llu\n", over, (unsigned long long)count, (unsigned long long)waited);
	return 0;
}
