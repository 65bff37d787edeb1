/* Generated code waits and counts without a call. modes: all; needs: ticks */
#include "check.h"
#include "code.h"

#include <pthread.h>

typedef unsigned long loop(volatile int *flag);

static volatile int flag;

static void *set(void *arg)
{
	work(1, 3 * MILLISECOND);
	flag = 1;
	return NULL;
}

static unsigned long run(loop *code)
{
	unsigned long n;
	pthread_t t;

	flag = 0;
	CHECK(pthread_create(&t, NULL, set, NULL) == 0);
	n = code(&flag);
	CHECK(pthread_join(t, NULL) == 0);
	return n;
}

static void *generated(void *arg)
{
	((loop *)arg)(&flag);
	return NULL;
}

int main(void)
{
	static const unsigned char wait[] = {
		0x83, 0x3f, 0x00, /* 1: cmpl $0, (%rdi) */
		0x74, 0xfb,	  /* je 1b */
		0x31, 0xc0, 0xc3, /* xor %eax, %eax; ret */
	};
	static const unsigned char count[] = {
		0x31, 0xc0,	  /* xor %eax, %eax */
		0x48, 0xff, 0xc0, /* 1: inc %rax */
		0x83, 0x3f, 0x00, /* cmpl $0, (%rdi) */
		0x74, 0xf8,	  /* je 1b */
		0xc3,
	};
	unsigned char *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_t t;

	CHECK(code != MAP_FAILED);
	memcpy(code, wait, sizeof(wait));
	memcpy(code + 64, count, sizeof(count));
	for (int i = 0; i < 3; i++) {
		run((loop *)code);
		printf("counted to %lu\n", run((loop *)(code + 64)));
	}
	/* The other way round: the program's code waits for the generated code to wait. */
	flag = 0;
	CHECK(pthread_create(&t, NULL, generated, code) == 0);
	work(1, MILLISECOND);
	flag = 1;
	CHECK(pthread_join(t, NULL) == 0);
	return 0;
}
