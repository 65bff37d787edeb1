/* exit_group, exec and the leader's death while other threads compute. modes: all; needs: ticks */
#include "check.h"
#include "code.h"

#include <pthread.h>

#define THREADS 3

static volatile unsigned long *trips;

static void *run(void *arg)
{
	volatile unsigned long *mine = &trips[(long)arg];

	for (;;)
		++*mine;
	return NULL;
}

static void *leave(void *arg)
{
	work(0, MILLISECOND);
	exit(7);
}

static void child(int how, char **argv)
{
	pthread_t t;

	for (long i = 0; i < THREADS; i++)
		CHECK(pthread_create(&t, NULL, run, (void *)i) == 0);
	for (int i = 0; i < THREADS; i++)
		while (!trips[i])
			;
	switch (how) {
	case 0:
		exit(7);
	case 1:
		execl("/proc/self/exe", argv[0], "again", NULL);
		break;
	case 2:
		CHECK(pthread_create(&t, NULL, leave, NULL) == 0);
		pthread_exit(NULL);
	case 3:
		abort();
	}
	CHECK(!"reached");
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return 7;
	trips = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(trips != MAP_FAILED);
	for (int how = 0; how < 4; how++) {
		pid_t pid = fork();
		int status;

		CHECK(pid >= 0);
		if (pid == 0)
			child(how, argv);
		status = reap(pid);
		CHECK(how == 3 ? WTERMSIG(status) == SIGABRT
			       : WIFEXITED(status) && WEXITSTATUS(status) == 7);
		for (int i = 0; i < THREADS; i++) {
			printf("%d: %lu trips\n", how, trips[i]);
			trips[i] = 0;
		}
	}
	return 0;
}
