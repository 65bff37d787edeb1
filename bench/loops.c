/*
 * The compute loops and the micro-loops of system calls of the benchmark, one binary:
 * loops sieve|matmul|fib|getpid|read|clock N [TIMES]
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static unsigned long sieve(unsigned long n)
{
	unsigned char *composite = calloc(n + 1, 1);
	unsigned long count = 0;

	for (unsigned long i = 2; i <= n; i++) {
		if (composite[i])
			continue;
		count++;
		for (unsigned long j = i * i; j <= n; j += i)
			composite[j] = 1;
	}
	free(composite);
	return count;
}

static unsigned long matmul(unsigned long n)
{
	double *a = malloc(n * n * sizeof(*a)), *b = malloc(n * n * sizeof(*b));
	double *c = calloc(n * n, sizeof(*c)), trace = 0;

	for (unsigned long i = 0; i < n * n; i++) {
		a[i] = i % 7;
		b[i] = i % 11;
	}
	for (unsigned long i = 0; i < n; i++)
		for (unsigned long k = 0; k < n; k++)
			for (unsigned long j = 0; j < n; j++)
				c[i * n + j] += a[i * n + k] * b[k * n + j];
	for (unsigned long i = 0; i < n; i++)
		trace += c[i * n + i];
	free(a);
	free(b);
	free(c);
	return trace;
}

static unsigned long fib(unsigned long n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static unsigned long calls_getpid(unsigned long n)
{
	unsigned long sum = 0;

	while (n--)
		sum += syscall(SYS_getpid) > 0;
	return sum;
}

static unsigned long calls_read(unsigned long n)
{
	int fd = open("/dev/zero", O_RDONLY);
	unsigned long sum = 0;
	char buf[64];

	while (n--)
		sum += read(fd, buf, sizeof(buf));
	close(fd);
	return sum;
}

static unsigned long calls_clock(unsigned long n)
{
	unsigned long sum = 0;
	struct timespec t;

	while (n--) {
		clock_gettime(CLOCK_MONOTONIC, &t);
		sum += t.tv_nsec >= 0;
	}
	return sum;
}

static const struct {
	const char *name;
	unsigned long (*run)(unsigned long n);
} loops[] = {
	{"sieve", sieve},	  {"matmul", matmul},	{"fib", fib},
	{"getpid", calls_getpid}, {"read", calls_read}, {"clock", calls_clock},
};

int main(int argc, char **argv)
{
	unsigned long times = argc > 3 ? strtoul(argv[3], NULL, 10) : 1, sum = 0;

	for (size_t i = 0; argc > 2 && i < sizeof(loops) / sizeof(loops[0]); i++) {
		if (!strcmp(argv[1], loops[i].name)) {
			while (times--)
				sum += loops[i].run(strtoul(argv[2], NULL, 10));
			printf("%lu\n", sum);
			return 0;
		}
	}
	fprintf(stderr, "usage: loops NAME N [TIMES]\n");
	return 2;
}
