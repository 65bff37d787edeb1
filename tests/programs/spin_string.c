/* Waiting between long string instructions, both directions. modes: all; needs: ticks */
#include "check.h"
#include "code.h"

#include <pthread.h>

#define SIZE (1 << 20)

static volatile int flag;
static unsigned char a[SIZE], b[SIZE];

static void *set(void *arg)
{
	uint64_t *x = arg;

	*x = work(*x, 5 * MILLISECOND);
	flag = 1;
	return NULL;
}

static void fill(void *p, int value, size_t n)
{
	asm volatile("rep stosb" : "+D"(p), "+c"(n) : "a"(value) : "memory");
}

static void fill_words(void *p, uint64_t value, size_t n)
{
	asm volatile("rep stosq" : "+D"(p), "+c"(n) : "a"(value) : "memory");
}

static void copy(void *to, const void *from, size_t n)
{
	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n)::"memory");
}

static void copy_down(unsigned char *to, const unsigned char *from, size_t n)
{
	to += n - 8;
	from += n - 8;
	n /= 8;
	asm volatile("std\n rep movsq\n cld" : "+D"(to), "+S"(from), "+c"(n)::"memory", "cc");
}

static size_t length(const void *p)
{
	size_t n = -1UL;

	asm volatile("repne scasb" : "+D"(p), "+c"(n) : "a"(0) : "memory", "cc");
	return -2UL - n;
}

static bool equal(const void *p, const void *q, size_t n)
{
	bool same;

	asm volatile("cmp %%rcx, %%rcx\n repe cmpsb\n sete %[same]"
		     : "+D"(p), "+S"(q), "+c"(n), [same] "=r"(same)::"memory", "cc");
	return same;
}

int main(void)
{
	uint64_t x = 1;

	for (int round = 0; round < 3; round++) {
		unsigned long n = 0;
		pthread_t t;

		flag = 0;
		CHECK(pthread_create(&t, NULL, set, &x) == 0);
		while (!flag) {
			fill(a, n, SIZE);
			fill_words(b, n * 0x0101010101010101, SIZE / 16);
			copy(b + SIZE / 2, a + SIZE / 2, SIZE / 2);
			n++;
		}
		fill(a, 1 + round, SIZE);
		a[SIZE - 1] = 0;
		copy_down(b, a, SIZE);
		CHECK(equal(a, b, SIZE) && length(b) == SIZE - 1);
		CHECK(pthread_join(t, NULL) == 0);
		printf("%lu times, %u\n", n, hash(b, SIZE));
	}
	CHECK(x == work(1, 15 * MILLISECOND));
	return 0;
}
