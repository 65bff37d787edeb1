/* exec that fails leaves the program as it was: ENOENT, EACCES, ENOEXEC, E2BIG. modes: all */
#include "check.h"

#include <sys/stat.h>

extern char **environ;

int main(int argc, char **argv)
{
	char *args[] = {"x", NULL}, *huge = malloc(1 << 20), *many[] = {"x", huge, NULL};
	int fd;

	CHECK_ERRNO(execve("/nonexistent", args, environ), ENOENT);
	CHECK_ERRNO(execve("/", args, environ), EACCES);
	fd = open("plain", O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0 && write(fd, "not a program", 13) == 13);
	CHECK_ERRNO(execve("plain", args, environ), EACCES);
	CHECK(fchmod(fd, 0700) == 0 && close(fd) == 0);
	CHECK_ERRNO(execve("plain", args, environ), ENOEXEC);
	fd = open("bad", O_RDWR | O_CREAT, 0700);
	CHECK(write(fd, "#!/no/such/interpreter\n", 23) == 23 && close(fd) == 0);
	CHECK_ERRNO(execve("bad", args, environ), ENOENT);
	CHECK_ERRNO(execve(BAD_ADDRESS, args, environ), EFAULT);
	memset(huge, 'x', 1 << 20);
	huge[(1 << 20) - 1] = 0;
	CHECK_ERRNO(execve("/bin/true", many, environ), E2BIG);
	CHECK_ERRNO(execve("bad/child", args, environ), ENOTDIR);
	printf("still %d\n", getpid());
	return 0;
}
