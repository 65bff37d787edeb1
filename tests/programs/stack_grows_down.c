/* A MAP_GROWSDOWN mapping grows by faults, in a handler's reach and by a call. modes: all */
#include "check.h"

int main(void)
{
	size_t room = 256 * 4096;
	char *area = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *top, *p;

	CHECK(area != MAP_FAILED && munmap(area, room) == 0);
	top = area + room;
	p = mmap(top - 4096, 4096, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, -1, 0);
	CHECK(p == top - 4096);
	for (p = top - 1; p > top - 10 * 4096; p -= 512)
		*p = (char)(uintptr_t)p;
	for (p = top - 1; p > top - 10 * 4096; p -= 512)
		CHECK(*p == (char)(uintptr_t)p);
	/* The kernel grows it also when it writes for the program. */
	CHECK(read(open("/dev/zero", O_RDONLY), top - 12 * 4096, 100) == 100);
	CHECK(top[-12 * 4096] == 0);
	printf("%p\n", top);
	CHECK(munmap(top - 12 * 4096, 12 * 4096) == 0);
	return 0;
}
