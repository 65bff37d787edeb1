/* A shared file mapping whose file grows under it, shrinks, and grows again. modes: all */
#include "check.h"

int main(void)
{
	int fd = memfd_create("grows", 0), i;
	char *p, path[64], buf[16];

	CHECK(fd >= 0 && ftruncate(fd, 4096) == 0);
	p = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	memcpy(p, "page zero", 10);
	CHECK(ftruncate(fd, 4 * 4096) == 0);
	memcpy(p + 3 * 4096, "page three", 11);
	CHECK(pread(fd, buf, 11, 3 * 4096) == 11 && !memcmp(buf, "page three", 11));
	CHECK(ftruncate(fd, 4096) == 0 && ftruncate(fd, 4 * 4096) == 0);
	CHECK(p[3 * 4096] == 0 && !memcmp(p, "page zero", 10));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	i = open(path, O_RDONLY);
	CHECK(i >= 0 && read(i, buf, 10) == 10 && !memcmp(buf, "page zero", 10));
	if (fork() == 0) {
		memcpy(p + 4096, "child", 6);
		exit(0);
	}
	CHECK(wait(NULL) > 0 && !memcmp(p + 4096, "child", 6));
	printf("%p %08x\n", p, hash(p, 4 * 4096));
	return 0;
}
