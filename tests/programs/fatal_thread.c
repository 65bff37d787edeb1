/* A thread's fault kills all threads, also blocked ones; the parent sees it. modes: all */
#include "check.h"

#include <pthread.h>
#include <sys/resource.h>

static void *blocked(void *arg)
{
	pause();
	return NULL;
}

static void *crash(void *arg)
{
	msleep(2);
	if (arg)
		abort();
	*(volatile int *)BAD_ADDRESS = 1;
	return NULL;
}

int main(void)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	for (long how = 0; how < 2; how++) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			pthread_t t;

			for (int i = 0; i < 5; i++)
				pthread_create(&t, NULL, blocked, NULL);
			pthread_create(&t, NULL, crash, (void *)how);
			pause();
		}
		status = reap(pid);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == (how ? SIGABRT : SIGSEGV));
		printf("%d died by %d\n", pid, WTERMSIG(status));
	}
	return 0;
}
