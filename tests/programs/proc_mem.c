/* Writes through /proc/PID/mem: one's own memory, read-only pages, another process's. modes: all */
#include "check.h"

#include <sys/uio.h>

static volatile int x = 1, y = 2;

static void own(void)
{
	int fd = open("/proc/self/mem", O_RDWR), v = 42;
	struct iovec iov[2] = {{&v, 2}, {(char *)&v + 2, 2}};
	char *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(fd >= 0);
	CHECK(pwrite(fd, &v, sizeof(v), (off_t)&x) == sizeof(v) && x == 42);
	v = 43;
	CHECK(lseek(fd, (off_t)&y, SEEK_SET) == (off_t)&y);
	CHECK(write(fd, &v, sizeof(v)) == sizeof(v) && y == 43);
	v = 44;
	CHECK(pwritev(fd, iov, 2, (off_t)&x) == sizeof(v) && x == 44);
	CHECK(pwrite(fd, "forced", 6, (off_t)p) == 6 && !memcmp(p, "forced", 6));
	CHECK(pwrite(fd, "x", 1, 8) == -1 && errno == EIO);
	CHECK(close(fd) == 0);
	fd = open("/proc/self/cmdline", O_RDONLY);
	CHECK(write(fd, "x", 1) == -1 && errno == EBADF && close(fd) == 0);
	fd = open("/proc/self/comm", O_WRONLY);
	CHECK(write(fd, "renamed", 7) == 7 && close(fd) == 0);
}

static void other(void)
{
	int up[2], down[2], fd, v = 45;
	char path[64];
	pid_t pid;

	CHECK(pipe(up) == 0 && pipe(down) == 0);
	pid = fork();
	if (pid == 0) {
		tell(up[1]);
		hear(down[0]);
		CHECK(x == 45 && y == 43);
		exit(0);
	}
	hear(up[0]);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/mem", pid, pid);
	fd = open(path, O_WRONLY);
	CHECK(fd >= 0 && pwrite(fd, &v, sizeof(v), (off_t)&x) == sizeof(v) && x == 44);
	tell(down[1]);
	reap_ok(pid);
}

int main(void)
{
	own();
	other();
	printf("%d %d\n", x, y);
	return 0;
}
