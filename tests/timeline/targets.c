/*
 * What the tests of breakpoints, watchpoints and diversions look at: places that are passed a known
 * number of times. Its addresses are fixed.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRIPS  1000
#define WRITES 50

volatile long word;
volatile char bytes[256];
volatile long private_count;
volatile long *shared_count;

/* Small enough to be copied into its stub; one instruction has a name. */
__attribute__((noinline)) static long small_loop(long n)
{
	long sum = 0;

	asm volatile("1:\n\t"
		     ".globl in_small_loop\n"
		     "in_small_loop:\n\t"
		     "add %1, %0\n\t"
		     "xor $5, %0\n\t"
		     "sub $1, %1\n\t"
		     "jne 1b"
		     : "+r"(sum), "+r"(n)
		     :
		     : "cc");
	return sum;
}

__attribute__((noinline)) void set_word(long v)
{
	word = v;
}

/* To be called by the debugger. */
__attribute__((noinline)) long twice(long v)
{
	word = 2 * v;
	return word;
}

__attribute__((noinline)) void crash(void)
{
	*(volatile int *)8 = 1;
}

__attribute__((noinline)) void forever(void)
{
	for (volatile long i = 0;; i++)
		;
}

__attribute__((noinline)) long allocate(long n)
{
	char *p = malloc(n);

	memset(p, 'x', n);
	printf("%c", p[n - 1]);
	return fork();
}

static void *thread(void *arg)
{
	for (int i = 0; i < WRITES; i++)
		private_count++;
	return arg;
}

static void by_the_kernel(void)
{
	long v = 4711;
	int fd[2];

	if (pipe(fd) || write(fd[1], &v, sizeof(v)) != sizeof(v) ||
	    read(fd[0], (void *)&word, sizeof(word)) != sizeof(word))
		abort();
}

int main(void)
{
	pthread_t t;
	long sum = small_loop(TRIPS);

	for (long i = 1; i <= WRITES; i++)
		set_word(i);
	by_the_kernel();
	memset((void *)bytes, 'a', sizeof(bytes)); /* perhaps one repeated instruction */
	asm volatile("rep stosb" : : "D"(bytes), "a"('b'), "c"(sizeof(bytes)) : "memory");
	pthread_create(&t, NULL, thread, NULL);
	pthread_join(t, NULL);
	shared_count = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!fork()) {
		for (int i = 0; i < WRITES; i++)
			*shared_count += 2;
		_exit(3);
	}
	wait(NULL);
	printf("%ld %ld %ld %c\n", sum, *shared_count, private_count, bytes[7]);
	return 0;
}
