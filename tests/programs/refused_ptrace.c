/* A recorded program cannot run others under its control; an error tells it so. modes: all */
#include "check.h"

#include <sys/ptrace.h>

int main(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		long ret = ptrace(PTRACE_TRACEME, 0, 0, 0);

		if (recorded())
			CHECK(ret == -1);
		_exit(0);
	}
	reap_ok(pid);
	CHECK_ERRNO(ptrace(PTRACE_CONT, getpid(), 0, 0), ESRCH);
	printf("%d\n", pid);
	return 0;
}
