/* A shared mapping shows what write() and other processes put into its file later. modes: all */
#include "check.h"

#define SIZE (3 * 4096)

int main(void)
{
	int fd = open("file", O_RDWR | O_CREAT, 0600), other;
	char *shared, *private;
	pid_t pid;

	CHECK(ftruncate(fd, SIZE) == 0);
	shared = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
	private = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(shared != MAP_FAILED && private != MAP_FAILED);
	private[0] = 'p';
	CHECK(pwrite(fd, "first", 5, 100) == 5 && !memcmp(shared + 100, "first", 5));
	CHECK(write(fd, "at start", 8) == 8 && !memcmp(shared, "at start", 8));
	CHECK(private[0] == 'p');
	other = open("file", O_WRONLY | O_APPEND);
	CHECK(ftruncate(fd, SIZE - 10) == 0 && write(other, "appended", 8) == 8);
	CHECK(!memcmp(shared + SIZE - 10, "appended", 8));
	pid = fork();
	if (pid == 0) {
		int mine = open("file", O_WRONLY);

		CHECK(pwrite(mine, "by the child", 12, 5000) == 12);
		exit(0);
	}
	reap_ok(pid);
	CHECK(!memcmp(shared + 5000, "by the child", 12));
	printf("%08x\n", hash(shared, SIZE));
	CHECK(munmap(shared, SIZE) == 0);
	return 0;
}
