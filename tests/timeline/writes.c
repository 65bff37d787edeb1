/*
 * Generated code that counts in memory until another thread tells it to stop: in a loop, and in a
 * loop with a call.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

typedef unsigned long loop(volatile int *flag, volatile unsigned long *n);

volatile int flag;
volatile unsigned long count, work;

static void *stop(void *arg)
{
	for (work = 0; work < 1500000; work++)
		;
	flag = 1;
	return NULL;
}

static unsigned long run(loop *code)
{
	unsigned long n;
	pthread_t t;

	flag = 0;
	count = 0;
	pthread_create(&t, NULL, stop, NULL);
	n = code(&flag, &count);
	pthread_join(t, NULL);
	return n;
}

int main(void)
{
	static const unsigned char plain[] = {
		0x31, 0xc0,	  /* xor %eax, %eax */
		0x48, 0xff, 0xc0, /* 1: inc %rax */
		0x48, 0x89, 0x06, /* mov %rax, (%rsi) */
		0x83, 0x3f, 0x00, /* cmpl $0, (%rdi) */
		0x74, 0xf5,	  /* je 1b */
		0xc3,
	};
	static const unsigned char calls[] = {
		0x31, 0xc0,		      /* xor %eax, %eax */
		0xe8, 0x06, 0x00, 0x00, 0x00, /* 1: call 2f */
		0x83, 0x3f, 0x00,	      /* cmpl $0, (%rdi) */
		0x74, 0xf6,		      /* je 1b */
		0xc3, 0x48, 0xff, 0xc0,	      /* 2: inc %rax */
		0x48, 0x89, 0x06,	      /* mov %rax, (%rsi) */
		0xc3,
	};
	unsigned char *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memcpy(code, plain, sizeof(plain));
	memcpy(code + 64, calls, sizeof(calls));
	for (int i = 0; i < 2; i++) {
		printf("%lu\n", run((loop *)code));
		printf("%lu\n", run((loop *)(code + 64)));
	}
	return 0;
}
