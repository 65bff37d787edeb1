/* pthread_cancel of blocked threads cleans up; pthread_kill reaches one. modes: all */
#include "check.h"

#include <pthread.h>

static int cleaned, p[2];
static __thread volatile int hits;

static void cleanup(void *arg)
{
	cleaned += (int)(long)arg;
}

static void *cancelled(void *arg)
{
	char c;

	pthread_cleanup_push(cleanup, arg);
	CHECK(read(p[0], &c, 1) == 1);
	pthread_cleanup_pop(0);
	return NULL;
}

static void on_usr1(int sig)
{
	hits++;
}

static void *signalled(void *arg)
{
	sigset_t none;

	sigemptyset(&none);
	CHECK_ERRNO(sigsuspend(&none), EINTR);
	printf("tid %ld: %d\n", (long)syscall(SYS_gettid), hits);
	CHECK(hits == 1);
	return NULL;
}

int main(void)
{
	pthread_t t[3];
	sigset_t block;
	void *ret;

	CHECK(pipe(p) == 0);
	for (long i = 0; i < 3; i++)
		CHECK(pthread_create(&t[i], NULL, cancelled, (void *)(i + 1)) == 0);
	msleep(3);
	for (int i = 0; i < 3; i++) {
		CHECK(pthread_cancel(t[i]) == 0 && pthread_join(t[i], &ret) == 0);
		CHECK(ret == PTHREAD_CANCELED);
	}
	CHECK(cleaned == 6);
	on_signal(SIGUSR1, on_usr1, 0);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	CHECK(pthread_sigmask(SIG_BLOCK, &block, NULL) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_create(&t[i], NULL, signalled, NULL) == 0);
	msleep(3);
	for (int i = 2; i >= 0; i--)
		CHECK(pthread_kill(t[i], SIGUSR1) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	CHECK(hits == 0);
	return 0;
}
