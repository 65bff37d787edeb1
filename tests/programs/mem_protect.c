/* mprotect splits and merges mappings, munmap makes holes, mapping fills them. modes: all */
#include "check.h"

#include <setjmp.h>

static sigjmp_buf env;

static void on_segv(int sig)
{
	siglongjmp(env, 1);
}

static bool readable(const char *p)
{
	if (sigsetjmp(env, 1))
		return false;
	return *(const volatile char *)p + 1000 != 0;
}

int main(void)
{
	char *p = mmap(NULL, 20 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	on_signal(SIGSEGV, on_segv, SA_NODEFER);
	memset(p, 3, 20 * 4096);
	for (int i = 0; i < 20; i += 2)
		CHECK(mprotect(p + i * 4096, 4096, PROT_NONE) == 0);
	for (int i = 0; i < 20; i++)
		CHECK(readable(p + i * 4096) == (i % 2 == 1));
	CHECK(mprotect(p, 20 * 4096, PROT_READ) == 0 && readable(p) && p[0] == 3);
	CHECK(munmap(p + 5 * 4096, 3 * 4096) == 0);
	CHECK(!readable(p + 6 * 4096) && readable(p + 8 * 4096));
	CHECK_ERRNO(mprotect(p, 20 * 4096, PROT_READ), ENOMEM);
	CHECK(mmap(p + 5 * 4096, 4096, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p + 5 * 4096);
	CHECK(p[5 * 4096] == 0 && p[4 * 4096] == 3);
	CHECK_ERRNO(munmap(p + 1, 4096), EINVAL);
	CHECK(munmap(p, 20 * 4096) == 0 && !readable(p + 19 * 4096));
	printf("%p\n", p);
	return 0;
}
