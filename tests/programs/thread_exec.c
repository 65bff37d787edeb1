/* A thread that is not the leader calls exec; its siblings vanish, the pid stays. modes: all */
#include "check.h"

#include <pthread.h>

static char *self;

static void *blocked(void *arg)
{
	pause();
	return NULL;
}

static void *runner(void *arg)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	msleep(2);
	execl(self, self, pid, NULL);
	CHECK(!"exec failed");
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t t;

	if (argc > 1) {
		CHECK(strtol(argv[1], NULL, 10) == getpid());
		CHECK(syscall(SYS_gettid) == getpid());
		printf("after exec: pid %d\n", getpid());
		return 0;
	}
	self = argv[0];
	printf("before exec: pid %d\n", getpid());
	for (int i = 0; i < 5; i++)
		CHECK(pthread_create(&t, NULL, blocked, NULL) == 0);
	CHECK(pthread_create(&t, NULL, runner, NULL) == 0);
	pause();
	return 1;
}
