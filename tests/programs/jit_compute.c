/* Generated code computes in threads and calls back, with a timer. modes: all */
#include "check.h"
#include "code.h"

#include <pthread.h>
#include <sys/time.h>
#include <ucontext.h>

typedef unsigned long function(unsigned long n, unsigned long (*callback)(unsigned long));

static volatile int hits;

static void handler(int sig)
{
	hits++;
}

static unsigned long add_three(unsigned long v)
{
	return v + 3;
}

/* sum = 0; do sum += K * n; while (--n); return callback(sum) */
static size_t generate(unsigned char *p, unsigned char k)
{
	const unsigned char code[] = {
		0x31, 0xc0,	     /* xor %eax, %eax */
		0x48, 0x6b, 0xcf, k, /* 1: imul $k, %rdi, %rcx */
		0x48, 0x01, 0xc8,    /* add %rcx, %rax */
		0x48, 0xff, 0xcf,    /* dec %rdi */
		0x75, 0xf4,	     /* jnz 1b */
		0x48, 0x89, 0xc7,    /* mov %rax, %rdi */
		0xff, 0xe6,	     /* jmp *%rsi */
	};

	memcpy(p, code, sizeof(code));
	return sizeof(code);
}

static void *run(void *arg)
{
	unsigned char *page =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(page != MAP_FAILED);
	for (unsigned long i = 1; i <= 100; i++) {
		unsigned long n = 1000 * i;

		CHECK(mprotect(page, 4096, PROT_READ | PROT_WRITE) == 0);
		generate(page + i * 16, i);
		CHECK(mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0);
		CHECK(((function *)(page + i * 16))(n, add_three) == n * (n + 1) / 2 * i + 3);
	}
	return page;
}

int main(void)
{
	struct itimerval it = {{0, 1000}, {0, 1000}}, off = {0};
	pthread_t t[2];

	on_signal(SIGALRM, handler, SA_RESTART);
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
	for (int i = 0; i < 2; i++)
		CHECK(pthread_create(&t[i], NULL, run, NULL) == 0);
	for (int i = 0; i < 2; i++) {
		void *page;

		CHECK(pthread_join(t[i], &page) == 0);
		printf("%p\n", page);
	}
	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
	printf("%d signals\n", hits);
	return 0;
}
