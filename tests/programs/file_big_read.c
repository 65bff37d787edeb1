/* Reads of 8 MB, in one piece and through short vectors, are recorded whole. modes: all */
#include "check.h"

#include <sys/uio.h>

#define SIZE (8 << 20)

int main(void)
{
	unsigned char *data = malloc(SIZE), *copy = malloc(SIZE);
	struct iovec v[64];
	int fd = open("big", O_RDWR | O_CREAT, 0600);
	uint32_t x = getpid();

	for (int i = 0; i < SIZE; i++) {
		x = x * 1664525 + 1013904223;
		data[i] = x >> 24;
	}
	CHECK(write(fd, data, SIZE) == SIZE);
	CHECK(pread(fd, copy, SIZE, 0) == SIZE && !memcmp(data, copy, SIZE));
	memset(copy, 0, SIZE);
	for (int i = 0; i < 64; i++)
		v[i] = (struct iovec){copy + (63 - i) * (SIZE / 64), SIZE / 64};
	CHECK(preadv(fd, v, 64, 0) == SIZE);
	CHECK(!memcmp(copy, data + 63 * (SIZE / 64), SIZE / 64));
	CHECK(pread(fd, copy, SIZE, SIZE - 1000) == 1000);
	printf("%08x %08x\n", hash(data, SIZE), hash(copy, SIZE));
	return 0;
}
