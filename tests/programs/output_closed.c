/* A program that closes every descriptor, also ones it lacks, still ends well. modes: all */
#include "check.h"

int main(void)
{
	pid_t pid;

	printf("closing all\n");
	pid = fork();
	if (pid == 0) {
		for (int fd = 0; fd < 5000; fd++)
			close(fd);
		if (open("file", O_RDWR | O_CREAT, 0600) != 0)
			_exit(1);
		if (open("file", O_RDONLY) != 1 || dup(0) != 2)
			_exit(2);
		if (write(2, "x", 1) != 1)
			_exit(3);
		_exit(0);
	}
	reap_ok(pid);
	CHECK(syscall(SYS_close_range, 0, ~0u, 0) == 0);
	_exit(write(1, "x", 1) == -1 && errno == EBADF ? 0 : 1);
}
