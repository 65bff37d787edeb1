/* A PID namespace: the child is pid 1 in it, its own children are small. modes: all; needs: root */
#include "check.h"

#include <sched.h>

static char stack[65536] __attribute__((aligned(16)));

static int init(void *arg)
{
	pid_t pid;

	CHECK(getpid() == 1 && getppid() == 0);
	pid = fork();
	if (pid == 0) {
		printf("inside: pid %d of %d\n", getpid(), getppid());
		exit(getpid());
	}
	CHECK(pid == 2 && WEXITSTATUS(reap(pid)) == 2);
	pid = fork();
	if (pid == 0)
		pause();
	exit(40);
}

int main(void)
{
	pid_t pid = clone(init, stack + sizeof(stack), CLONE_NEWPID | CLONE_NEWNS | SIGCHLD, NULL);

	if (pid < 0)
		SKIP("no PID namespaces");
	printf("outside: pid %d\n", pid);
	CHECK(WEXITSTATUS(reap(pid)) == 40);
	return 0;
}
