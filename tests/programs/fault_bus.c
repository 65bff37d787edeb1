/* SIGBUS past the end of a mapped file; after the file has grown the store succeeds. modes: all */
#include "check.h"

static int fd;
static volatile int hits;
static void *volatile where;

static void grow(int sig, siginfo_t *si, void *uc)
{
	hits++;
	where = si->si_addr;
	if (si->si_code != BUS_ADRERR || ftruncate(fd, 4096 * (hits + 1)) < 0)
		_exit(2);
}

int main(void)
{
	char *p;

	fd = open("file", O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0 && ftruncate(fd, 4096) == 0);
	p = mmap(NULL, 5 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	on_siginfo(SIGBUS, grow, 0);
	for (int i = 0; i < 5; i++) {
		p[i * 4096 + 7] = 'a' + i;
		printf("%d: %d at %p\n", i, hits, where);
	}
	CHECK(hits == 4 && where == p + 4 * 4096 + 7);
	return 0;
}
