/* A program maps code of a file itself: shared, twice, over its own, in parts. modes: all */
#include "mapped_code.h"

#include <sys/stat.h>

int main(void)
{
	unsigned long at;
	void *lib, *p, *q;
	struct stat st;
	int fd = open_library(&lib, &at);

	CHECK(fstat(fd, &st) == 0);
	start_signals();

	/* One page or two, while the library itself is mapped, and when it is not. */
	for (int i = 0; i < 2; i++) {
		p = mmap(NULL, 8192, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, at);
		run("private", p, 8192);
		p = mmap(NULL, 8192, PROT_READ | PROT_EXEC, MAP_SHARED, fd, at);
		run("shared", p, 8192);
		if (i == 0)
			CHECK(dlclose(lib) == 0);
	}
	p = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED && mprotect(p + at, 8192, PROT_READ | PROT_EXEC) == 0);
	run("made executable", p + at, 0);
	CHECK(munmap(p, st.st_size) == 0);

	p = mmap(NULL, 8192, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, at);
	q = mmap(NULL, 8192, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, at);
	run("first of two", p, 0);
	run("second of two", q, 8192);
	CHECK(munmap(p, 8192) == 0);

	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED && pread(fd, p, 8192, at) > 0);
	CHECK(mprotect(p, 8192, PROT_READ | PROT_EXEC) == 0);
	run("read", p, 0);
	CHECK(mmap(p, 8192, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, at) == p);
	run("mapped over", p, 8192);

	stop_signals();
	return 0;
}
