/* A mapped file is truncated by path and by O_TRUNC, and appended to. modes: all */
#include "check.h"

#include <linux/openat2.h>
#include <setjmp.h>
#include <sys/uio.h>

#define PAGE 4096
#define SIZE (2 * PAGE)

static sigjmp_buf fault;

static void on_bus(int sig)
{
	siglongjmp(fault, 1);
}

static bool gone(volatile char *p)
{
	if (sigsetjmp(fault, 1))
		return true;
	(void)*p;
	return false;
}

static void fill(int fd, char c)
{
	static char page[PAGE];

	memset(page, c, PAGE);
	CHECK(pwrite(fd, page, PAGE, 0) == PAGE && pwrite(fd, page, PAGE, PAGE) == PAGE);
}

static void check_empty(int fd, volatile char *p)
{
	CHECK(fd >= 0 && close(fd) == 0);
	CHECK(gone(p) && gone(p + PAGE));
}

static void by_path(int fd, volatile char *p, const char *path)
{
	fill(fd, 'a');
	CHECK(p[PAGE + 10] == 'a');
	CHECK(truncate(path, PAGE) == 0 && p[PAGE - 1] == 'a' && gone(p + PAGE));
	CHECK(truncate(path, 10) == 0 && truncate(path, SIZE) == 0);
	CHECK(p[9] == 'a' && p[10] == 0 && p[PAGE] == 0);
}

static void by_open(int fd, volatile char *p)
{
	struct open_how how = {.flags = O_WRONLY | O_TRUNC};

	fill(fd, 'b');
	check_empty(open("file", O_RDWR | O_TRUNC), p);
	fill(fd, 'c');
	CHECK(p[0] == 'c');
	check_empty(creat("file", 0600), p);
	fill(fd, 'd');
	check_empty(syscall(SYS_openat2, AT_FDCWD, "file", &how, sizeof(how)), p);
	fill(fd, 'e');
	check_empty(syscall(SYS_open, "file", O_WRONLY | O_TRUNC, 0), p);
}

static void appended(int fd, volatile char *p)
{
	struct iovec v = {"third", 5};
	int a = open("file", O_WRONLY | O_APPEND);

	CHECK(ftruncate(fd, 100) == 0 && p[100] == 0);
	CHECK(pwrite(a, "first", 5, 0) == 5 && write(a, "next", 4) == 4);
	CHECK(p[0] == 0 && !memcmp((char *)p + 100, "firstnext", 9));
	CHECK(pwritev2(fd, &v, 1, 0, RWF_APPEND) == 5);
	CHECK(p[0] == 0 && !memcmp((char *)p + 109, "third", 5));
	CHECK(pwritev2(fd, &v, 1, 20, 0) == 5 && !memcmp((char *)p + 20, "third", 5));
	CHECK(lseek(fd, 7, SEEK_SET) == 7 && pwritev2(fd, &v, 1, -1, 0) == 5);
	CHECK(!memcmp((char *)p + 7, "third", 5));
	CHECK(close(a) == 0);
}

int main(void)
{
	int fd = open("file", O_RDWR | O_CREAT, 0600);
	char path[4096], *p, *cwd = getcwd(NULL, 0);

	on_signal(SIGBUS, on_bus, 0);
	CHECK(ftruncate(fd, SIZE) == 0);
	snprintf(path, sizeof(path), "%s/file", cwd);
	for (int i = 0; i < 2; i++) {
		p = mmap(NULL, SIZE, PROT_READ, i ? MAP_PRIVATE : MAP_SHARED, fd, 0);
		CHECK(p != MAP_FAILED);
		by_path(fd, p, "file");
		by_path(fd, p, path);
		by_open(fd, p);
		appended(fd, p);
		printf("%08x\n", hash(p, PAGE));
		CHECK(munmap(p, SIZE) == 0 && unlink("file") == 0 && close(fd) == 0);
		fd = open("file", O_RDWR | O_CREAT, 0600);
		CHECK(ftruncate(fd, SIZE) == 0);
	}
	return 0;
}
