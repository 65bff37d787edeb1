/* A daemon by double fork outlives its parents; init or a subreaper inherits it. modes: all */
#include "check.h"

#include <sys/prctl.h>

static void demonize(int fd)
{
	pid_t middle = fork(), pid;
	char line[64];

	if (middle) {
		CHECK(WEXITSTATUS(reap(middle)) == 0);
		return;
	}
	setsid();
	pid = fork();
	if (pid)
		_exit(0);
	while (getppid() == getsid(0))
		msleep(1);
	pid = snprintf(line, sizeof(line), "daemon %d\n", getpid());
	CHECK(write(fd, line, pid) == pid);
	_exit(17);
}

int main(void)
{
	char line[64] = "";
	int p[2], status;

	CHECK(pipe(p) == 0);
	demonize(p[1]);
	CHECK(read(p[0], line, sizeof(line) - 1) > 0);
	printf("%s", line);
	CHECK_ERRNO(wait(&status), ECHILD);

	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	demonize(p[1]);
	memset(line, 0, sizeof(line));
	CHECK(read(p[0], line, sizeof(line) - 1) > 0);
	printf("%s", line);
	CHECK(wait(&status) > 0 && WEXITSTATUS(status) == 17);
	return 0;
}
