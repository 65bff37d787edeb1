/* fork, vfork, exec, clone and threads out of loops that compute, with a timer. modes: all */
#include "check.h"
#include "code.h"

#include <pthread.h>
#include <sched.h>
#include <sys/time.h>

#define ROUNDS 12

static volatile int hits;
static uint64_t expected;

static void handler(int sig)
{
	hits++;
}

static void start_timer(void)
{
	struct itimerval it = {{0, 1000}, {0, 1000}};

	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
}

static void stop_timer(void)
{
	struct itimerval off = {0};

	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
}

static int child(void *arg)
{
	start_timer();
	return work((long)arg, MILLISECOND) == expected ? 0 : 1;
}

static void *thread(void *arg)
{
	CHECK(work((long)arg, MILLISECOND) == expected);
	return arg;
}

static pid_t make(int how, long round, char **argv)
{
	static char stack[65536];
	char *args[] = {argv[0], "again", NULL, NULL};
	char number[16];
	pthread_t t;
	pid_t pid = 0;

	snprintf(number, sizeof(number), "%ld", round);
	args[2] = number;
	switch (how) {
	case 0:
		pid = fork();
		if (pid == 0)
			_exit(child((void *)round));
		break;
	case 1:
		pid = vfork();
		if (pid == 0) {
			execv("/proc/self/exe", args);
			_exit(2);
		}
		break;
	case 2:
		pid = clone(child, stack + sizeof(stack), SIGCHLD, (void *)round);
		break;
	case 3:
		CHECK(pthread_create(&t, NULL, thread, (void *)round) == 0);
		CHECK(work(round, MILLISECOND) == expected);
		CHECK(pthread_join(t, NULL) == 0);
		return 0;
	case 4:
		pid = fork();
		if (pid == 0) {
			/* The timer is the parent's only. */
			execv("/proc/self/exe", args);
			_exit(2);
		}
		break;
	}
	CHECK(pid > 0);
	return pid;
}

int main(int argc, char **argv)
{
	on_signal(SIGALRM, handler, SA_RESTART);
	if (argc == 3) {
		long round = atol(argv[2]);

		start_timer();
		expected = work(round, MILLISECOND);
		return child((void *)round);
	}
	start_timer();
	for (long i = 0; i < ROUNDS; i++) {
		for (int how = 0; how < 5; how++) {
			pid_t pid;
			uint64_t x;

			expected = work(i, MILLISECOND);
			pid = make(how, i, argv);
			x = work(i, MILLISECOND);
			CHECK(x == expected);
			if (pid)
				reap_ok(pid);
		}
	}
	stop_timer();
	printf("%d signals, %lx\n", hits, expected);
	return 0;
}
