/* Calls of threads with the smallest stacks, and in handlers on the smallest alternate stacks.
 * modes: all */
#include "check.h"

#include <limits.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/stat.h>

#define N     8
#define CALLS 500

static volatile sig_atomic_t handled;

static void handler(int sig)
{
	struct stat st;
	char byte = 0;
	int saved = errno;

	(void)sig;
	CHECK(stat("/etc/passwd", &st) == 0);
	CHECK(read(-1, &byte, 1) == -1);
	CHECK(getppid() >= 0);
	__atomic_add_fetch(&handled, 1, __ATOMIC_RELAXED); /* all threads count, on any core */
	errno = saved;
}

static void *run(void *arg)
{
	/* A frame, and what the handler needs. */
	const size_t size = (getauxval(AT_MINSIGSTKSZ) + 1024) & ~15UL;
	stack_t ss = {.ss_sp = malloc(size), .ss_size = size};
	struct timespec t;
	char buf[512];
	long sum = 0;
	int zero = open("/dev/zero", O_RDONLY), fds[2];

	CHECK(ss.ss_sp && sigaltstack(&ss, NULL) == 0);
	CHECK(zero >= 0 && pipe(fds) == 0);
	for (int i = 0; i < CALLS; i++) {
		CHECK(read(zero, buf, sizeof(buf)) == sizeof(buf));
		CHECK(write(fds[1], buf, 100) == 100 && read(fds[0], buf, sizeof(buf)) == 100);
		CHECK(clock_gettime(CLOCK_REALTIME, &t) == 0);
		sum += t.tv_nsec % 3;
		if (i % 50 == 0)
			CHECK(pthread_kill(pthread_self(), SIGUSR1) == 0);
	}
	close(zero), close(fds[0]), close(fds[1]);
	CHECK(sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL) == 0);
	free(ss.ss_sp);
	return (void *)(sum + (long)arg);
}

int main(void)
{
	pthread_t threads[N];
	pthread_attr_t attr;
	long sum = 0;

	/* The loader binds a function at its first call, with a stack that is not small. */
	handler(0);
	handled = 0;
	on_signal(SIGUSR1, handler, SA_ONSTACK | SA_RESTART);
	CHECK(pthread_attr_init(&attr) == 0);
	CHECK(pthread_attr_setstacksize(&attr, 65536) == 0);
	for (long i = 0; i < N; i++)
		CHECK(pthread_create(&threads[i], &attr, run, (void *)i) == 0);
	CHECK(pthread_attr_setstacksize(&attr, PTHREAD_STACK_MIN) == 0);
	for (int i = 0; i < N; i++) {
		void *result;

		CHECK(pthread_join(threads[i], &result) == 0);
		sum += (long)result;
		if (i < 4) {
			CHECK(pthread_create(&threads[i], &attr, run, NULL) == 0);
			CHECK(pthread_join(threads[i], &result) == 0);
			sum += (long)result;
		}
	}
	CHECK(handled == (N + 4) * CALLS / 50);
	printf("%ld, %d signals\n", sum, handled);
	return 0;
}
