/* madvise DONTNEED, FREE, WILLNEED, REMOVE, WIPEONFORK, DONTFORK; mincore; mlock. modes: all */
#include "check.h"

static unsigned char *anon(void)
{
	unsigned char *p =
		mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	memset(p, 0x55, 8 * 4096);
	return p;
}

int main(void)
{
	unsigned char *p = anon(), *wiped = anon(), *gone = anon(), vec[8] = {}, *f, *s;
	int fd = open("file", O_RDWR | O_CREAT, 0600), status;
	pid_t pid;

	CHECK(madvise(p + 4096, 2 * 4096, MADV_DONTNEED) == 0);
	CHECK(p[4095] == 0x55 && p[4096] == 0 && p[3 * 4096 - 1] == 0 && p[3 * 4096] == 0x55);
	CHECK(mincore(p, 8 * 4096, vec) == 0);
	for (int i = 0; i < 8; i++)
		printf("%d", vec[i] & 1);
	printf("\n");
	CHECK(madvise(p + 4 * 4096, 4096, MADV_FREE) == 0);
	p[4 * 4096] = 1;
	CHECK(p[4 * 4096] == 1);
	CHECK(madvise(p, 8 * 4096, MADV_WILLNEED) == 0 && madvise(p, 4096, MADV_NOHUGEPAGE) <= 0);

	CHECK(ftruncate(fd, 4 * 4096) == 0 && pwrite(fd, "abc", 3, 4096) == 3);
	f = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	f[4096] = 'X';
	CHECK(madvise(f, 4 * 4096, MADV_DONTNEED) == 0 && f[4096] == 'a');
	s = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memfd_create("m", 0), 0);
	CHECK(s != MAP_FAILED);

	CHECK(madvise(wiped, 8 * 4096, MADV_WIPEONFORK) == 0);
	CHECK(madvise(gone, 8 * 4096, MADV_DONTFORK) == 0);
	pid = fork();
	if (pid == 0) {
		CHECK(wiped[0] == 0 && p[0] == 0x55);
		CHECK_ERRNO(mincore(gone, 4096, vec), ENOMEM);
		_exit(5);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 5);
	CHECK(wiped[0] == 0x55 && gone[0] == 0x55);
	CHECK(mlock(p, 4096) == 0 && munlock(p, 4096) == 0);
	CHECK_ERRNO(madvise(p + 1, 4096, MADV_DONTNEED), EINVAL);
	return 0;
}
