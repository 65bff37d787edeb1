/* A program moves code of a file, mapped by itself, with mremap. modes: all; needs: moved-code */
#include "mapped_code.h"

int main(void)
{
	unsigned long at;
	void *lib, *p, *q;
	int fd = open_library(&lib, &at);

	start_signals();

	for (int i = 0; i < 5; i++) {
		p = mmap(NULL, 8192, PROT_READ | PROT_EXEC, i % 2 ? MAP_SHARED : MAP_PRIVATE, fd,
			 at);
		run("mapped", p, 0);
		q = mmap(NULL, 1 << (20 + 4 * (i % 3)), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);
		CHECK(q != MAP_FAILED);
		p = mremap(p, 8192, 8192, MREMAP_MAYMOVE | MREMAP_FIXED, q + 8192);
		CHECK(p == q + 8192);
		run("moved", p, 8192);
	}
	CHECK(dlclose(lib) == 0);

	stop_signals();
	return 0;
}
