/* A thread attaches to a child and executes a program, which goes on as its tracer. modes: all */
#include "check.h"

#include <pthread.h>
#include <sys/ptrace.h>

static pid_t child;

static void *attach_and_exec(void *arg)
{
	char number[20];
	int status;

	CHECK(!ptrace(PTRACE_ATTACH, child, NULL, NULL));
	CHECK(waitpid(child, &status, __WALL) == child);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	snprintf(number, sizeof(number), "%d", child);
	execl("/proc/self/exe", "again", number, NULL);
	return NULL;
}

static int go_on(pid_t pid)
{
	int status;

	errno = 0;
	ptrace(PTRACE_PEEKUSER, pid, 0, NULL);
	CHECK(!errno);
	CHECK(!kill(pid, SIGTERM)); /* it is stopped: that comes later */
	CHECK(!ptrace(PTRACE_DETACH, pid, NULL, NULL));
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	printf("%d\n", pid);
	return 0;
}

int main(int argc, char **argv)
{
	pthread_t t;

	if (argc > 1)
		return go_on((pid_t)strtol(argv[1], NULL, 10));
	child = fork();
	if (!child) {
		pause();
		_exit(0);
	}
	usleep(10000);
	CHECK(!pthread_create(&t, NULL, attach_and_exec, NULL));
	pthread_join(t, NULL);
	return 1;
}
