/* Private file mappings: parts, offsets, copy on write, MAP_FIXED over, MAP_POPULATE. modes: all */
#include "check.h"

int main(void)
{
	static char page[4096];
	int fd = open("file", O_RDWR | O_CREAT, 0600);
	char *p, *q;

	for (int i = 0; i < 5; i++) {
		memset(page, 'a' + i, sizeof(page));
		CHECK(write(fd, page, sizeof(page)) == sizeof(page));
	}
	CHECK(write(fd, "tail", 4) == 4);
	p = mmap(NULL, 6 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED && p[0] == 'a' && p[4 * 4096] == 'e' && p[5 * 4096] == 't');
	CHECK(p[5 * 4096 + 4] == 0 && p[6 * 4096 - 1] == 0);
	p[4096] = 'X';
	CHECK(pread(fd, page, 1, 4096) == 1 && page[0] == 'b');
	q = mmap(p + 2 * 4096, 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 4 * 4096);
	CHECK(q == p + 2 * 4096 && q[0] == 'e' && p[4096] == 'X' && p[3 * 4096] == 'd');
	q = mmap(NULL, 100, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 3 * 4096);
	CHECK(q != MAP_FAILED && q[99] == 'd');
	CHECK(close(fd) == 0 && unlink("file") == 0 && q[0] == 'd');
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 999, 0) == MAP_FAILED && errno == EBADF);
	CHECK(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
	CHECK(mmap(p, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) ==
	      MAP_FAILED);
	printf("%p %p\n", p, q);
	return 0;
}
