/*
 * With READ_IMPLIES_EXEC all memory that can be read can be executed: anonymous memory, a file's,
 * what mprotect makes readable, the heap, a child's and a thread's. modes: all
 */
#include "check.h"

#include <pthread.h>
#include <sys/personality.h>

#define PAGE 4096

/* mov eax, VALUE; ret */
static void write_code(unsigned char *p, uint32_t value)
{
	p[0] = 0xb8;
	memcpy(p + 1, &value, sizeof(value));
	p[5] = 0xc3;
}

static unsigned int call(void *p)
{
	return ((unsigned int (*)(void))p)();
}

static unsigned char *map(int prot, int fd)
{
	unsigned char *p =
		mmap(NULL, PAGE, prot, MAP_PRIVATE | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

static void try_all(unsigned int n)
{
	unsigned char *p = map(PROT_READ | PROT_WRITE, -1), *q = map(PROT_NONE, -1);
	int fd = memfd_create("code", 0);

	write_code(p, n);
	CHECK(call(p) == n);
	CHECK(mprotect(q, PAGE, PROT_READ | PROT_WRITE) == 0);
	write_code(q, n + 1);
	CHECK(mprotect(q, PAGE, PROT_READ) == 0);
	CHECK(call(q) == n + 1);
	CHECK(fd >= 0 && write(fd, q, 6) == 6);
	CHECK(call(map(PROT_READ, fd)) == n + 1);
	p = sbrk(PAGE);
	CHECK(p != (void *)-1);
	p = (unsigned char *)(((uintptr_t)p + 15) & -16UL);
	write_code(p, n + 2);
	CHECK(call(p) == n + 2);
	close(fd);
	printf("%u %d\n", n, getpid());
}

static void *in_thread(void *arg)
{
	try_all(20);
	return NULL;
}

int main(void)
{
	int old = personality(0xffffffff);
	pthread_t t;
	pid_t pid;

	if (old < 0 || personality(old | READ_IMPLIES_EXEC) < 0)
		SKIP("personality() is not allowed here");
	/* Whole pages of the heap from here on. */
	CHECK(brk((void *)(((uintptr_t)sbrk(0) + PAGE - 1) & -(uintptr_t)PAGE)) == 0);
	try_all(10);
	CHECK(pthread_create(&t, NULL, in_thread, NULL) == 0);
	CHECK(pthread_join(t, NULL) == 0);
	pid = fork();
	if (!pid) {
		try_all(30);
		_exit(0);
	}
	reap_ok(pid);
	CHECK(personality(old) & READ_IMPLIES_EXEC);
	pid = fork();
	if (!pid) {
		unsigned char *p = map(PROT_READ | PROT_WRITE, -1);

		write_code(p, 1);
		return (int)call(p);
	}
	CHECK(WTERMSIG(reap(pid)) == SIGSEGV);
	return 0;
}
