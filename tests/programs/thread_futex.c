/* Raw futexes: time-outs, EAGAIN, bitsets, requeue, wake-op, PI; waiters in threads. modes: all */
#include "check.h"

#include <linux/futex.h>
#include <pthread.h>

static int word, other, pi;

static long futex(int *uaddr, int op, int val, const void *timeout, int *uaddr2, int val3)
{
	return syscall(SYS_futex, uaddr, op, val, timeout, uaddr2, val3);
}

static void *waiter(void *arg)
{
	CHECK(futex(&word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0) == 0);
	return NULL;
}

static void *bit_waiter(void *arg)
{
	CHECK(futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, (int)(long)arg) == 0);
	return NULL;
}

static void *pi_waiter(void *arg)
{
	CHECK(futex(&pi, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0) == 0);
	CHECK((pi & FUTEX_TID_MASK) == syscall(SYS_gettid));
	CHECK(futex(&pi, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0) == 0);
	return NULL;
}

static void timeouts(void)
{
	struct timespec ts = {0, 2000000}, abs;

	CHECK_ERRNO(futex(&word, FUTEX_WAIT, 1, NULL, NULL, 0), EAGAIN);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT, 0, &ts, NULL, 0), ETIMEDOUT);
	clock_gettime(CLOCK_REALTIME, &abs);
	abs.tv_nsec += 1000000;
	if (abs.tv_nsec >= 1000000000) {
		abs.tv_nsec -= 1000000000;
		abs.tv_sec++;
	}
	CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &abs, NULL, -1),
		    ETIMEDOUT);
	CHECK_ERRNO(futex((int *)1, FUTEX_WAIT, 0, NULL, NULL, 0), EINVAL);
	CHECK(futex(&word, FUTEX_WAKE, 100, NULL, NULL, 0) == 0);
}

int main(void)
{
	pthread_t t[4];
	long woken;

	timeouts();
	for (int i = 0; i < 4; i++)
		CHECK(pthread_create(&t[i], NULL, waiter, NULL) == 0);
	msleep(50);
	CHECK(futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)2L, &other, 0) == 3);
	CHECK(futex(&other, FUTEX_WAKE_PRIVATE, 100, NULL, NULL, 0) == 2);
	woken = futex(&word, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1L, &other,
		      FUTEX_OP(FUTEX_OP_SET, 5, FUTEX_OP_CMP_EQ, 0));
	CHECK(woken == 1 && other == 5);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	for (long i = 0; i < 2; i++)
		CHECK(pthread_create(&t[i], NULL, bit_waiter, (void *)(1L << i)) == 0);
	msleep(50);
	CHECK(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 2) == 1);
	CHECK(pthread_join(t[1], NULL) == 0);
	CHECK(futex(&word, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0) == 1);
	CHECK(pthread_join(t[0], NULL) == 0);

	CHECK(futex(&pi, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0) == 0);
	CHECK(pthread_create(&t[0], NULL, pi_waiter, NULL) == 0);
	msleep(20);
	CHECK(futex(&pi, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0) == 0);
	CHECK(pthread_join(t[0], NULL) == 0 && pi == 0);
	return 0;
}
