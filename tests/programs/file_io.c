/* Descriptors, offsets and vectors of regular files: what was read comes again. modes: all */
#include "check.h"

#include <sys/uio.h>

static void plain(int fd)
{
	char buf[64] = "";

	CHECK(write(fd, "hello, world", 12) == 12);
	CHECK(lseek(fd, 7, SEEK_SET) == 7);
	CHECK(read(fd, buf, sizeof(buf)) == 5 && !memcmp(buf, "world", 5));
	CHECK(read(fd, buf, sizeof(buf)) == 0);
	CHECK(pwrite(fd, "W", 1, 7) == 1);
	CHECK(pread(fd, buf, 5, 7) == 5 && !memcmp(buf, "World", 5));
	CHECK(lseek(fd, 0, SEEK_CUR) == 12);
	CHECK(lseek(fd, -2, SEEK_END) == 10);
	CHECK_ERRNO(lseek(fd, -100, SEEK_SET), EINVAL);
	CHECK_ERRNO(read(fd, BAD_ADDRESS, 4), EFAULT);
	CHECK_ERRNO(read(999, buf, 1), EBADF);
}

static void vectors(int fd)
{
	char a[4] = "", b[8] = "", c[64] = "";
	struct iovec out[] = {{"one ", 4}, {"", 0}, {"two ", 4}, {"three", 5}};
	struct iovec in[] = {{a, 4}, {b, 0}, {b, 4}, {c, sizeof(c)}};

	CHECK(pwritev(fd, out, 4, 100) == 13);
	CHECK(preadv(fd, in, 4, 100) == 13);
	CHECK(!memcmp(a, "one ", 4) && !memcmp(b, "two ", 4) && !memcmp(c, "three", 5));
	CHECK(c[5] == 0 && b[4] == 0);
	CHECK(lseek(fd, 100, SEEK_SET) == 100);
	CHECK(readv(fd, in, 3) == 8);
	CHECK(writev(fd, out, 1) == 4);
	CHECK(preadv2(fd, in, 4, 100, 0) == 13 && !memcmp(a, "one ", 4));
	CHECK(pwritev2(fd, out, 4, -1, 0) == 13);
}

static void sizes(int fd)
{
	char buf[100];

	CHECK(ftruncate(fd, 50) == 0);
	CHECK(lseek(fd, 0, SEEK_END) == 50);
	CHECK(posix_fallocate(fd, 0, 5000) == 0);
	CHECK(lseek(fd, 0, SEEK_END) == 5000);
	memset(buf, 1, sizeof(buf));
	CHECK(pread(fd, buf, 100, 4950) == 50 && buf[0] == 0 && buf[49] == 0 && buf[50] == 1);
	CHECK(fsync(fd) == 0 && fdatasync(fd) == 0);
	CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
	CHECK(readahead(fd, 0, 4096) == 0);
}

int main(void)
{
	int fd = open("file", O_RDWR | O_CREAT | O_EXCL, 0644), copy;

	CHECK(fd >= 0);
	CHECK_ERRNO(open("file", O_RDWR | O_CREAT | O_EXCL, 0644), EEXIST);
	CHECK_ERRNO(open("missing/file", O_RDONLY), ENOENT);
	CHECK_ERRNO(openat(fd, "x", O_RDONLY), ENOTDIR);
	plain(fd);
	vectors(fd);
	sizes(fd);
	copy = dup(fd);
	CHECK(copy > fd && dup2(fd, 100) == 100 && dup3(fd, 101, O_CLOEXEC) == 101);
	CHECK(lseek(copy, 33, SEEK_SET) == 33 && lseek(100, 0, SEEK_CUR) == 33);
	CHECK(close(copy) == 0);
	CHECK_ERRNO(close(copy), EBADF);
	printf("fd %d, copy %d\n", fd, copy);
	return 0;
}
