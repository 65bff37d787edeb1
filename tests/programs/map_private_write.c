/* Untouched pages of a private mapping follow the file: written, grown, shared. modes: all */
#include "check.h"

#define PAGE 4096
#define SIZE (4 * PAGE)

static int fd;
static char *p;

static void written(void)
{
	p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED);
	p[0] = 'P';
	CHECK(pwrite(fd, "hello", 5, 0) == 5 && pwrite(fd, "there", 5, PAGE) == 5);
	CHECK(!memcmp(p, "P\0\0", 3) && !memcmp(p + PAGE, "there", 5));
	CHECK(madvise(p, PAGE, MADV_DONTNEED) == 0 && !memcmp(p, "hello", 5));
}

/* The file had two pages. */
static void grown(void)
{
	CHECK(ftruncate(fd, SIZE) == 0 && p[2 * PAGE] == 0);
	CHECK(pwrite(fd, "end", 3, SIZE - 3) == 3 && !memcmp(p + SIZE - 3, "end", 3));
}

static void by_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		int mine = open("file", O_WRONLY);

		p[PAGE + 1] = 'C';
		CHECK(pwrite(mine, "by the child", 12, PAGE) == 12);
		CHECK(!memcmp(p + PAGE, "tC", 2));
		exit(0);
	}
	reap_ok(pid);
	CHECK(!memcmp(p + PAGE, "by the child", 12));
}

static void shared(void)
{
	int other = open("other", O_RDWR | O_CREAT, 0600);
	char *q, *s;

	CHECK(ftruncate(other, 2 * PAGE) == 0);
	q = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, other, 0);
	q[PAGE] = 'q';
	CHECK(mprotect(q, 2 * PAGE, PROT_READ) == 0);
	s = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, other, 0);
	s[0] = s[PAGE] = 's';
	CHECK(q[0] == 's' && q[PAGE] == 'q');
	CHECK(munmap(q, 2 * PAGE) == 0);
	q = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, other, 0);
	s[0] = 't';
	CHECK(q[0] == 't' && q[PAGE] == 's');
	CHECK(munmap(q, 2 * PAGE) == 0 && munmap(s, 2 * PAGE) == 0);
	CHECK(pwrite(other, "u", 1, 0) == 1);
	q = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, other, PAGE);
	CHECK(q[0] == 's' && munmap(q, 2 * PAGE) == 0);
	CHECK(pwrite(other, "v", 1, 0) == 1);
	s = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, other, 0);
	CHECK(s[0] == 'v' && s[PAGE] == 's');
}

int main(void)
{
	fd = open("file", O_RDWR | O_CREAT, 0600);
	CHECK(ftruncate(fd, 2 * PAGE) == 0);
	written();
	grown();
	by_child();
	shared();
	printf("%08x\n", hash(p, SIZE));
	return 0;
}
