/* Files that are mapped, shared and privately, changed by calls in all ways. modes: all */
#include "check.h"

#include <sys/sendfile.h>
#include <sys/uio.h>

#define SIZE 20000

static void changes(const char *map, int fd, int other)
{
	struct iovec v[2] = {{"vector", 6}, {"vectors", 7}};
	char c = 'a';
	off_t at = 100;
	int append = open("mapped", O_WRONLY | O_APPEND), again;

	CHECK(append >= 0);
	for (int i = 0; i < 200; i++) {
		c = (char)('a' + i % 26);
		CHECK(pwrite(fd, &c, 1, i * 91) == 1);
		CHECK(write(append, &c, 1) == 1);
	}
	printf("pwrite %08x\n", hash(map, SIZE));
	CHECK(pwritev(fd, v, 2, 5000) == 13 && lseek(fd, 7000, SEEK_SET) == 7000);
	CHECK(write(fd, "written", 7) == 7 && writev(fd, v, 2) == 13);
	printf("write %08x\n", hash(map, SIZE));
	CHECK(ftruncate(fd, 6000) == 0 && ftruncate(fd, SIZE) == 0);
	printf("ftruncate %08x\n", hash(map, SIZE));
	CHECK(fallocate(fd, 3 /* punch a hole */, 4096, 4096) == 0 || errno == EOPNOTSUPP);
	printf("fallocate %08x\n", hash(map, SIZE));
	CHECK(lseek(fd, 300, SEEK_SET) == 300 && sendfile(fd, other, &at, 1000) == 1000);
	at = 9000;
	CHECK(copy_file_range(other, &(off_t){0}, fd, &at, 2000, 0) > 0);
	printf("copied %08x\n", hash(map, SIZE));
	again = open("mapped", O_RDWR | O_TRUNC);
	CHECK(again >= 0 && ftruncate(again, SIZE) == 0 && pwrite(again, "again", 5, 4095) == 5);
	printf("O_TRUNC %08x\n", hash(map, SIZE));
	CHECK(truncate("mapped", 4097) == 0 && truncate("mapped", SIZE) == 0);
	printf("truncate %08x\n", hash(map, SIZE));
	close(append), close(again);
}

int main(void)
{
	int fd = open("mapped", O_RDWR | O_CREAT, 0600),
	    other = open("other", O_RDWR | O_CREAT, 0600);
	char buf[SIZE];
	char *shared, *private;
	pid_t pid;

	CHECK(fd >= 0 && other >= 0);
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (char)(i * 7 % 251);
	CHECK(write(fd, buf, SIZE) == SIZE && write(other, buf + 1, SIZE - 1) == SIZE - 1);
	private = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(private != MAP_FAILED);
	puts("private");
	private[50] = 'x'; /* a page of its own */
	changes(private, fd, other);
	shared = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(shared != MAP_FAILED);
	puts("shared too");
	changes(shared, fd, other);
	printf("private %08x\n", hash(private, SIZE));
	shared[10000] = 'y';
	CHECK(pread(fd, buf, 1, 10000) == 1 && buf[0] == 'y');
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		puts("a child");
		changes(shared, fd, other);
		exit(0);
	}
	reap_ok(pid);
	printf("after it %08x %08x\n", hash(shared, SIZE), hash(private, SIZE));
	close(fd);
	fd = open("mapped", O_RDWR);
	CHECK(fd >= 0 && munmap(shared, SIZE) == 0);
	changes(private, fd, other);
	return 0;
}
