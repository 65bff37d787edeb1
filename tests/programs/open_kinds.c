/*
 * A descriptor number that is another file each time: new, only read, a pipe, one that the program
 * maps before or after it is opened. What is written to a mapped file is seen in memory.
 * modes: all
 */
#include "check.h"

static char name[] = "/tmp/open_kinds.XXXXXX";

/* Opens into `fd`, which is closed. */
static void reopen(int fd, int flags)
{
	CHECK(open(name, flags, 0600) == fd);
}

static void write_mapped(int fd, const char *map, int n)
{
	char text[8];

	snprintf(text, sizeof(text), "text%d", n);
	CHECK(pwrite(fd, text, 5, 0) == 5);
	CHECK(lseek(fd, 5, SEEK_SET) == 5 && write(fd, text, 5) == 5);
	printf("%.10s\n", map);
}

int main(void)
{
	int fd = mkstemp(name), ends[2];
	char buf[16] = "";
	char *map;

	CHECK(fd > 0 && !close(fd) && !unlink(name));

	/* New, mapped after it was written. */
	reopen(fd, O_RDWR | O_CREAT | O_EXCL);
	CHECK(write(fd, "0123456789", 10) == 10);
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED);
	write_mapped(fd, map, 1);
	CHECK(open(name, O_RDWR | O_CREAT | O_EXCL, 0600) == -1);
	CHECK(!close(fd));

	/* Only read, then to be written: the same number. */
	reopen(fd, O_RDONLY);
	CHECK(read(fd, buf, 10) == 10 && write(fd, "x", 1) == -1 && pwrite(fd, "x", 1, 0) == -1);
	puts(buf);
	CHECK(!close(fd));
	reopen(fd, O_RDWR);
	write_mapped(fd, map, 2);
	CHECK(!close(fd));

	/* A pipe in its place, that is empty and has to be waited for. */
	CHECK(!pipe(ends) && ends[0] == fd);
	if (!fork()) {
		usleep(20000);
		CHECK(write(ends[1], "later", 5) == 5);
		_exit(0);
	}
	CHECK(read(fd, buf, 5) == 5);
	puts(buf);
	CHECK(!close(ends[1]) && !close(fd));

	/* Another file of that name, not mapped; the descriptor goes to a copy of its number. */
	CHECK(!unlink(name));
	reopen(fd, O_RDWR | O_CREAT | O_EXCL);
	CHECK(dup2(1, fd) == fd && write(fd, "out\n", 4) == 4);
	printf("%.10s\n", map);
	unlink(name);
	return 0;
}
