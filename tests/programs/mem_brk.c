/* brk and sbrk up and down; memory given back is zero when it comes again. modes: all */
#include "check.h"

int main(void)
{
	char *start = sbrk(0), *p = sbrk(100000), *m;

	CHECK(p == start && sbrk(0) == start + 100000);
	memset(p, 7, 100000);
	CHECK(brk(start + 10) == 0 && start[9] == 7 && sbrk(0) == start + 10);
	CHECK(brk(start + 300000) == 0 && start[20000] == 0 && start[9] == 7);
	CHECK(sbrk(-290000) == start + 300000);
	CHECK(brk(start) == 0);
	CHECK_ERRNO(brk((void *)0x7fffffffffff0000), ENOMEM);
	m = malloc(50000);
	memset(m, 1, 50000);
	printf("break %p, malloc %p\n", start, m);
	m = malloc(10 << 20);
	m[5 << 20] = 1;
	printf("%p\n", m);
	free(m);
	return 0;
}
