/* PI futexes: the word while others wait, handed on at unlock, at exit, by requeue. modes: all */
#include "check.h"

#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>

static _Atomic uint32_t word, cond, inside;
static _Atomic pid_t waiter;
static pthread_mutex_t mutex;
static int count;

static long futex(_Atomic uint32_t *at, int op, uint32_t val, long arg, _Atomic uint32_t *at2,
		  uint32_t val3)
{
	return syscall(SYS_futex, at, op, val, arg, at2, val3);
}

static void unlock(void)
{
	uint32_t mine = syscall(SYS_gettid);

	if (!atomic_compare_exchange_strong(&word, &mine, 0))
		CHECK(futex(&word, FUTEX_UNLOCK_PI, 0, 0, NULL, 0) == 0);
}

static void lock(void)
{
	uint32_t none = 0;

	if (!atomic_compare_exchange_strong(&word, &none, syscall(SYS_gettid)))
		CHECK(futex(&word, FUTEX_LOCK_PI, 0, 0, NULL, 0) == 0);
}

static void *wait_for_word(void *arg)
{
	waiter = syscall(SYS_gettid);
	CHECK(futex(&word, FUTEX_LOCK_PI, 0, 0, NULL, 0) == 0);
	CHECK((word & FUTEX_TID_MASK) == (uint32_t)waiter);
	*(uint32_t *)arg = word;
	inside = 1;
	while (inside)
		msleep(1);
	unlock();
	return NULL;
}

static void await_waiters(void)
{
	while (!(word & FUTEX_WAITERS))
		sched_yield();
}

static void handed_on(void)
{
	pthread_t t;
	uint32_t seen;

	lock();
	CHECK(pthread_create(&t, NULL, wait_for_word, &seen) == 0);
	await_waiters();
	printf("waited for: %x\n", word);
	unlock();
	printf("handed on: %x\n", word);
	while (!inside)
		sched_yield();
	inside = 0;
	CHECK(pthread_join(t, NULL) == 0 && word == 0);
	printf("seen: %x\n", seen);
}

static void *die(void *arg)
{
	lock();
	await_waiters();
	return NULL;
}

static void owner_died(void)
{
	pthread_t owner, t;
	uint32_t seen, now;

	CHECK(pthread_create(&owner, NULL, die, NULL) == 0);
	while (!word)
		sched_yield();
	CHECK(pthread_create(&t, NULL, wait_for_word, &seen) == 0);
	while ((now = word, (now & FUTEX_TID_MASK) != (uint32_t)waiter || !inside))
		sched_yield();
	CHECK(pthread_join(owner, NULL) == 0);
	printf("died: %x\n", word);
	inside = 0;
	CHECK(pthread_join(t, NULL) == 0);
	printf("seen: %x, left: %x\n", seen, word);
	word = 0;
}

static void *wait_requeued(void *arg)
{
	uint32_t before = cond;

	atomic_fetch_add(&inside, 1);
	CHECK(futex(&cond, FUTEX_WAIT_REQUEUE_PI, before, 0, &word, 0) == 0);
	CHECK((word & FUTEX_TID_MASK) == (uint32_t)syscall(SYS_gettid));
	count++;
	unlock();
	return NULL;
}

static void requeued(void)
{
	pthread_t t[3];

	inside = count = 0;
	for (size_t i = 0; i < NELEM(t); i++)
		CHECK(pthread_create(&t[i], NULL, wait_requeued, NULL) == 0);
	while (inside < NELEM(t))
		sched_yield();
	msleep(20);
	lock();
	CHECK(futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, NELEM(t), &word, cond) == NELEM(t));
	printf("requeued: %x\n", word);
	unlock();
	printf("unlocked: %x\n", word);
	for (size_t i = 0; i < NELEM(t); i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	CHECK(count == NELEM(t));
	printf("left: %x\n", word);
}

static void *add(void *arg)
{
	for (int i = 0; i < 10; i++) {
		CHECK(pthread_mutex_lock(&mutex) == 0);
		count++;
		msleep(1);
		CHECK(pthread_mutex_unlock(&mutex) == 0);
	}
	return NULL;
}

static void contended(void)
{
	pthread_mutexattr_t a;
	pthread_t t[4];

	pthread_mutexattr_init(&a);
	CHECK(pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT) == 0);
	CHECK(pthread_mutex_init(&mutex, &a) == 0);
	count = 0;
	for (size_t i = 0; i < NELEM(t); i++)
		CHECK(pthread_create(&t[i], NULL, add, NULL) == 0);
	for (size_t i = 0; i < NELEM(t); i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	CHECK(count == 10 * NELEM(t));
}

int main(void)
{
	handed_on();
	owner_died();
	requeued();
	contended();
	return 0;
}
