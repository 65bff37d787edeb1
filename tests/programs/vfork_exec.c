/* vfork: the parent waits, shares memory with the child until its exec or exit. modes: all */
#include "check.h"

static volatile int shared;

int main(int argc, char **argv)
{
	pid_t pid;

	if (argc > 1) {
		printf("child %d of %d: %s\n", getpid(), getppid(), argv[1]);
		return 3;
	}
	pid = vfork();
	if (pid == 0) {
		shared = getpid();
		_exit(4);
	}
	CHECK(pid > 0 && shared == pid && WEXITSTATUS(reap(pid)) == 4);
	for (volatile int i = 0; i < 5; i++) {
		pid = vfork();
		if (pid == 0) {
			shared = i;
			execl(argv[0], argv[0], "exec after vfork", NULL);
			_exit(1);
		}
		CHECK(pid > 0 && shared == i && WEXITSTATUS(reap(pid)) == 3);
	}
	pid = vfork();
	if (pid == 0) {
		execl("/nonexistent", "x", NULL);
		shared = errno;
		_exit(errno == ENOENT ? 5 : 1);
	}
	CHECK(shared == ENOENT && WEXITSTATUS(reap(pid)) == 5);
	return 0;
}
