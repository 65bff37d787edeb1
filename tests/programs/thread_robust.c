/* A robust mutex whose owner dies: a thread, a killed process; also PI. modes: all */
#include "check.h"

#include <pthread.h>

static pthread_mutex_t *shared;

static void *die_with_lock(void *arg)
{
	CHECK(pthread_mutex_lock(shared) == 0);
	return NULL;
}

static void recover(void)
{
	CHECK(pthread_mutex_lock(shared) == EOWNERDEAD);
	CHECK(pthread_mutex_consistent(shared) == 0 && pthread_mutex_unlock(shared) == 0);
	CHECK(pthread_mutex_lock(shared) == 0 && pthread_mutex_unlock(shared) == 0);
}

static void init(int protocol)
{
	pthread_mutexattr_t a;

	pthread_mutexattr_init(&a);
	CHECK(pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST) == 0);
	CHECK(pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED) == 0);
	CHECK(pthread_mutexattr_setprotocol(&a, protocol) == 0);
	CHECK(pthread_mutex_init(shared, &a) == 0);
}

static void owners_die(void)
{
	pthread_t t;
	pid_t pid;
	int p[2];

	CHECK(pthread_create(&t, NULL, die_with_lock, NULL) == 0);
	CHECK(pthread_join(t, NULL) == 0);
	recover();

	CHECK(pipe(p) == 0);
	pid = fork();
	if (pid == 0) {
		CHECK(pthread_mutex_lock(shared) == 0);
		tell(p[1]);
		pause();
	}
	hear(p[0]);
	CHECK(pthread_mutex_trylock(shared) == EBUSY);
	CHECK(kill(pid, SIGKILL) == 0);
	recover();
	CHECK(WTERMSIG(reap(pid)) == SIGKILL);
}

int main(void)
{
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED);
	init(PTHREAD_PRIO_NONE);
	owners_die();
	init(PTHREAD_PRIO_INHERIT);
	owners_die();
	return 0;
}
