/* Spin locks held while computing: test-and-set, ticket, pthread's. modes: all */
#include "check.h"
#include "code.h"

#include <pthread.h>

#define THREADS 4
#define ROUNDS	20

static char set_lock;
static unsigned next_ticket, serving;
static pthread_spinlock_t spin;
static uint64_t guarded[3];
static char order[3][THREADS * ROUNDS + 1];
static int taken[3];

static void inside(int lock, int me)
{
	uint64_t x = guarded[lock];

	order[lock][taken[lock]++] = 'a' + me;
	x = work(x, MILLISECOND / 5);
	guarded[lock] = x;
}

static void *run(void *arg)
{
	int me = (int)(long)arg;

	for (int i = 0; i < ROUNDS; i++) {
		unsigned ticket;

		while (__atomic_test_and_set(&set_lock, __ATOMIC_ACQUIRE))
			;
		inside(0, me);
		__atomic_clear(&set_lock, __ATOMIC_RELEASE);

		ticket = __atomic_fetch_add(&next_ticket, 1, __ATOMIC_RELAXED);
		while (__atomic_load_n(&serving, __ATOMIC_ACQUIRE) != ticket)
			__builtin_ia32_pause();
		inside(1, me);
		__atomic_store_n(&serving, ticket + 1, __ATOMIC_RELEASE);

		CHECK(pthread_spin_lock(&spin) == 0);
		inside(2, me);
		CHECK(pthread_spin_unlock(&spin) == 0);
	}
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];

	CHECK(pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE) == 0);
	for (long i = 0; i < THREADS; i++)
		CHECK(pthread_create(&t[i], NULL, run, (void *)i) == 0);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	for (int i = 0; i < 3; i++) {
		CHECK(taken[i] == THREADS * ROUNDS);
		CHECK(guarded[i] == work(0, THREADS * ROUNDS * (MILLISECOND / 5)));
		puts(order[i]);
	}
	return 0;
}
