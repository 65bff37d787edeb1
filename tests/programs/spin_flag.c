/* Threads wait for each other in a compiler's tightest loops. modes: all; needs: ticks */
#include "check.h"
#include "code.h"

#include <pthread.h>
#include <stdatomic.h>

#define ROUNDS 4

static volatile int flag;
static _Atomic int atomic_word;
static uint64_t result;

static void *answer(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		result = work(result, MILLISECOND);
		flag = 1;
		while (flag)
			;
		result = work(result, MILLISECOND);
		atomic_store(&atomic_word, 1);
		while (atomic_load(&atomic_word))
			;
		flag = 1;
		while (flag)
			__builtin_ia32_pause();
	}
	return NULL;
}

int main(void)
{
	pthread_t t;

	CHECK(pthread_create(&t, NULL, answer, NULL) == 0);
	for (int i = 0; i < ROUNDS; i++) {
		unsigned long n = 0, m = 0;

		while (!flag)
			;
		flag = 0;
		while (!atomic_load_explicit(&atomic_word, memory_order_acquire))
			n++;
		atomic_store(&atomic_word, 0);
		while (!flag) {
			__builtin_ia32_pause();
			m += 3;
		}
		flag = 0;
		printf("waited %lu and %lu\n", n, m);
	}
	CHECK(pthread_join(t, NULL) == 0);
	CHECK(result == work(0, 2 * ROUNDS * MILLISECOND));
	printf("%lx\n", result);
	return 0;
}
