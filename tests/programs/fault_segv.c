/* A SIGSEGV handler repairs pages with mprotect, one after another; si_code. modes: all */
#include "check.h"

#define PAGES 50

static char *base;
static volatile int faults, mapped;

static void repair(int sig, siginfo_t *si, void *uc)
{
	char *page = (char *)((uintptr_t)si->si_addr & ~4095UL);

	if (si->si_code == SEGV_ACCERR) {
		faults++;
		if (mprotect(page, 4096, PROT_READ | PROT_WRITE) < 0)
			_exit(2);
		return;
	}
	mapped++;
	if (mmap(page, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) != page)
		_exit(3);
}

int main(void)
{
	base = mmap(NULL, PAGES * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(base != MAP_FAILED);
	on_siginfo(SIGSEGV, repair, 0);
	for (int i = 0; i < PAGES; i++)
		base[i * 4096 + i] = i;
	CHECK(faults == PAGES);
	CHECK(mprotect(base, PAGES * 4096, PROT_READ) == 0);
	for (int i = 0; i < PAGES; i++) {
		CHECK(base[i * 4096 + i] == i);
		base[i * 4096]++;
	}
	CHECK(faults == 2 * PAGES && munmap(base, PAGES * 4096) == 0);
	for (int i = 0; i < PAGES; i += 10)
		base[i * 4096] = 1;
	CHECK(mapped == PAGES / 10);
	/* The kernel, not the program, meets the fault: an error and no signal. */
	CHECK(mprotect(base, 4096, PROT_NONE) == 0);
	CHECK_ERRNO(read(open("/dev/zero", O_RDONLY), base, 10), EFAULT);
	CHECK(faults == 2 * PAGES);
	printf("%p: %d %d\n", base, faults, mapped);
	return 0;
}
