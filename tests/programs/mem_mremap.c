/* mremap: grows, moves, shrinks, MREMAP_FIXED, DONTUNMAP; shared files. modes: all */
#include "check.h"

static char *map(size_t size, int flags, int fd)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

int main(void)
{
	char *p = map(4 * 4096, MAP_PRIVATE | MAP_ANONYMOUS, -1), *q, *r;
	int fd = open("file", O_RDWR | O_CREAT, 0600);

	memcpy(p, "begin", 6);
	memcpy(p + 4096, "second", 7);
	q = mremap(p, 4 * 4096, 100 * 4096, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED && !strcmp(q, "begin") && !strcmp(q + 4096, "second"));
	memcpy(q + 99 * 4096, "end", 4);
	CHECK(mremap(q, 100 * 4096, 2 * 4096, 0) == q && !strcmp(q + 4096, "second"));
	p = mremap(q, 2 * 4096, 2 * 4096, MREMAP_MAYMOVE | MREMAP_FIXED, q + 50 * 4096);
	CHECK(p == q + 50 * 4096 && !strcmp(p, "begin"));
	CHECK(mremap(q, 4096, 8192, 0) == MAP_FAILED && errno == EFAULT);
	r = mremap(p, 2 * 4096, 2 * 4096, MREMAP_MAYMOVE | 4 /* MREMAP_DONTUNMAP */);
	if (r != MAP_FAILED)
		CHECK(!strcmp(r, "begin") && p[0] == 0);

	CHECK(ftruncate(fd, 10 * 4096) == 0 && pwrite(fd, "in file", 8, 5 * 4096) == 8);
	q = map(4096, MAP_SHARED, fd);
	r = mremap(q, 4096, 10 * 4096, MREMAP_MAYMOVE);
	CHECK(r != MAP_FAILED && !strcmp(r + 5 * 4096, "in file"));
	memcpy(r + 9 * 4096, "stored", 7);
	q = mremap(r, 0, 10 * 4096, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED && q != r && !strcmp(q + 9 * 4096, "stored"));
	q[0] = 'x';
	CHECK(r[0] == 'x');
	printf("%p %p %p\n", p, q, r);
	return 0;
}
