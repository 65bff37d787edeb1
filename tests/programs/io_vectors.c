/* Reads and writes of many pieces, and bigger than any buffer between. modes: all */
#include "check.h"

#include <sys/socket.h>
#include <sys/uio.h>

#define BIG   (3 << 20)
#define PARTS 1024 /* UIO_MAXIOV */

static char *big;
static struct iovec parts[PARTS];

/* Uneven, some of them empty, and not in order. */
static size_t slice(void)
{
	size_t at = 0;

	for (int i = 0; i < PARTS; i++) {
		size_t n = i % 5 ? (i * 37 % 600) : 0;

		parts[(i * 13) % PARTS] = (struct iovec){big + at, n};
		at += n + 1;
	}
	return at;
}

static void shown(const char *what, ssize_t n)
{
	CHECK(n >= 0);
	printf("%s: %zd, %08x\n", what, n, hash(big, BIG));
	memset(big, 0, BIG);
}

int main(void)
{
	int fd = open("vectors", O_RDWR | O_CREAT, 0600), zero = open("/dev/urandom", O_RDONLY);
	int p[2], s[2];
	ssize_t n;

	big = malloc(BIG);
	CHECK(fd >= 0 && zero >= 0 && big && pipe(p) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	CHECK(fcntl(p[1], F_SETPIPE_SZ, 1 << 20) > 0);
	CHECK(read(zero, big, BIG) == BIG);
	CHECK(write(fd, big, BIG) == BIG);
	shown("random", BIG);
	CHECK(pread(fd, big, BIG, 0) == BIG);
	shown("whole", BIG);
	CHECK(lseek(fd, 1000, SEEK_SET) == 1000);
	shown("read", read(fd, big, BIG));
	slice();
	shown("preadv", preadv(fd, parts, PARTS, 12345));
	shown("preadv2", preadv2(fd, parts, PARTS, 54321, 0));
	CHECK(lseek(fd, 777, SEEK_SET) == 777);
	shown("readv", readv(fd, parts, PARTS));
	CHECK(pread(fd, big, BIG, 0) == BIG);
	n = writev(fd, parts, PARTS);
	CHECK(n > 0 && pwritev(fd, parts, PARTS, 99) == n &&
	      pwritev2(fd, parts, PARTS, -1, 0) == n);
	CHECK(pread(fd, big, BIG, 0) == BIG);
	shown("written", n);
	for (int i = 0; i < 3; i++) {
		CHECK(write(p[1], "0123456789abcdef", 16) == 16);
		CHECK(pread(fd, big, BIG, i) > 0);
		n = writev(p[1], parts, 400);
		CHECK(n > 0);
		memset(big, 0, BIG);
		shown("pipe", readv(p[0], parts, PARTS));
		n += 16;
		while (n > 0) {
			ssize_t got;

			CHECK(fcntl(p[0], F_SETFL, O_NONBLOCK) == 0);
			got = read(p[0], big, BIG);
			if (got < 0)
				break;
			n -= got;
		}
		CHECK(fcntl(p[0], F_SETFL, 0) == 0);
		memset(big, 'a' + i, BIG);
		CHECK(writev(s[1], parts, 200) > 0);
		memset(big, 0, BIG);
		shown("socket", readv(s[0], parts, PARTS));
		CHECK(fcntl(s[0], F_SETFL, O_NONBLOCK) == 0);
		while (read(s[0], big, BIG) > 0)
			;
		CHECK(fcntl(s[0], F_SETFL, 0) == 0);
	}
	/* The same memory several times. */
	for (int i = 0; i < 8; i++)
		parts[i] = (struct iovec){big + i * 10, 100};
	shown("overlapping", preadv(fd, parts, 8, 3));
	CHECK_ERRNO(syscall(SYS_readv, fd, parts, PARTS + 1), EINVAL);
	CHECK_ERRNO(syscall(SYS_readv, fd, parts, -1), EINVAL);
	CHECK(readv(fd, parts, 0) == 0);
	return 0;
}
