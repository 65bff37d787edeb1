/* Copies inside the kernel: sendfile, splice, tee, vmsplice, copy_file_range. modes: all */
#include "check.h"

#include <sys/sendfile.h>
#include <sys/uio.h>

static void expect(int fd, off_t at, const char *want)
{
	char buf[64] = "";
	ssize_t n = strlen(want);

	CHECK(pread(fd, buf, n, at) == n && !memcmp(buf, want, n));
}

int main(void)
{
	int in = open("in", O_RDWR | O_CREAT, 0600), out = open("out", O_RDWR | O_CREAT, 0600);
	struct iovec v = {"from memory", 11};
	int a[2], b[2];
	off_t off = 2;
	loff_t from = 0, to = 50;
	char buf[64];

	CHECK(pipe(a) == 0 && pipe(b) == 0 && write(in, "0123456789", 10) == 10);
	CHECK(sendfile(out, in, &off, 5) == 5 && off == 7);
	expect(out, 0, "23456");
	CHECK(lseek(in, 0, SEEK_SET) == 0);
	CHECK(sendfile(a[1], in, NULL, 100) == 10 && lseek(in, 0, SEEK_CUR) == 10);
	CHECK(tee(a[0], b[1], 100, 0) == 10);
	CHECK(read(b[0], buf, sizeof(buf)) == 10 && !memcmp(buf, "0123456789", 10));
	off = 20;
	CHECK(splice(a[0], NULL, out, &off, 4, 0) == 4 && off == 24);
	expect(out, 20, "0123");
	CHECK(splice(a[0], NULL, b[1], NULL, 6, SPLICE_F_MOVE) == 6);
	CHECK(read(b[0], buf, sizeof(buf)) == 6 && !memcmp(buf, "456789", 6));
	off = 1;
	CHECK(splice(in, &off, a[1], NULL, 3, 0) == 3 && off == 4);
	CHECK(vmsplice(a[1], &v, 1, 0) == 11);
	CHECK(read(a[0], buf, sizeof(buf)) == 14 && !memcmp(buf, "123from memory", 14));
	CHECK_ERRNO(splice(a[0], NULL, out, NULL, 4, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK(copy_file_range(in, &from, out, &to, 6, 0) == 6 && from == 6 && to == 56);
	expect(out, 50, "012345");
	CHECK(copy_file_range(in, &from, out, &to, 100, 0) == 4);
	/* A recording refuses what it could not echo; programs then fall back to write(). */
	CHECK(write(a[1], "\nspliced to stdout\n", 19) == 19);
	if (recorded()) {
		CHECK_ERRNO(sendfile(STDOUT_FILENO, in, &(off_t){0}, 10), EINVAL);
		CHECK_ERRNO(splice(a[0], NULL, STDOUT_FILENO, NULL, 100, 0), EINVAL);
	} else {
		CHECK(sendfile(STDOUT_FILENO, in, &(off_t){0}, 10) == 10);
		CHECK(splice(a[0], NULL, STDOUT_FILENO, NULL, 100, 0) == 19);
	}
	return 0;
}
