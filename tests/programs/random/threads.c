/*
 * Threads, and what they wait for.
 */
#include "random.h"

#include <linux/futex.h>
#include <sched.h>
#include <semaphore.h>

static pthread_mutex_t plain = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t recursive = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static pthread_mutex_t checked = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t readers = PTHREAD_RWLOCK_INITIALIZER;
static sem_t tokens;
static pthread_key_t key;
static _Atomic uint32_t futex_word;
static _Atomic uint64_t swapped;
static _Atomic unsigned int destroyed;
static uint64_t guarded;

static void count_destroyed(void *p)
{
	destroyed++;
}

/* A fork copies what threads hold that are not there, and wait for. */
static void forget_threads(void)
{
	plain = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	recursive = (pthread_mutex_t)PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
	checked = (pthread_mutex_t)PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
	changed = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
	readers = (pthread_rwlock_t)PTHREAD_RWLOCK_INITIALIZER;
	sem_init(&tokens, 0, 2);
	n_peers = 0;
}

__attribute__((constructor)) static void init(void)
{
	forget_threads();
	pthread_atfork(NULL, NULL, forget_threads);
	pthread_key_create(&key, count_destroyed);
}

void act_mutexes(struct actor *a)
{
	pthread_mutex_t *m[] = {&plain, &recursive, &checked};
	pthread_mutex_t *mine = m[below(a, NELEM(m))];
	struct timespec t = brief_until(a);
	int ret = once_in(a, 2) ? pthread_mutex_trylock(mine) : pthread_mutex_timedlock(mine, &t);

	saw(a, ret);
	if (ret)
		return;
	guarded += a->hash;
	if (mine == &recursive && !pthread_mutex_lock(mine))
		pthread_mutex_unlock(mine);
	if (mine == &checked)
		saw(a, pthread_mutex_lock(mine));
	if (once_in(a, 3))
		sched_yield();
	saw(a, guarded);
	pthread_mutex_unlock(mine);
}

void act_condition(struct actor *a)
{
	struct timespec t = brief_until(a);

	if (pthread_mutex_timedlock(&plain, &t))
		return;
	t = brief_until(a);
	if (once_in(a, 2))
		saw(a, pthread_cond_timedwait(&changed, &plain, &t));
	else
		saw(a, once_in(a, 2) ? pthread_cond_signal(&changed)
				     : pthread_cond_broadcast(&changed));
	guarded++;
	pthread_mutex_unlock(&plain);
}

void act_rwlock(struct actor *a)
{
	struct timespec t = brief_until(a);
	int ret = once_in(a, 3) ? pthread_rwlock_timedwrlock(&readers, &t)
				: pthread_rwlock_timedrdlock(&readers, &t);

	saw(a, ret);
	if (ret)
		return;
	saw(a, racy);
	if (once_in(a, 2))
		sched_yield();
	pthread_rwlock_unlock(&readers);
}

void act_semaphore(struct actor *a)
{
	struct timespec t = brief_until(a);
	int value;

	saw_result(a, once_in(a, 2) ? sem_timedwait(&tokens, &t) : sem_post(&tokens));
	sem_getvalue(&tokens, &value);
	saw(a, value);
}

void act_futex_wait(struct actor *a)
{
	struct timespec t = brief(a), until = brief_until(a);

	if (once_in(a, 3))
		saw_result(a,
			   syscall(SYS_futex, &futex_word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME,
				   futex_word, &until, NULL, 1 + below(a, 3)));
	else
		saw_result(a, syscall(SYS_futex, &futex_word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG,
				      futex_word - once_in(a, 8), &t, NULL, 0));
}

void act_futex_wake(struct actor *a)
{
	static uint32_t elsewhere;

	futex_word++;
	if (once_in(a, 4))
		saw_result(a, syscall(SYS_futex, &futex_word, FUTEX_CMP_REQUEUE, 1, 1, &elsewhere,
				      futex_word));
	saw_result(a, syscall(SYS_futex, &futex_word, FUTEX_WAKE, 1 + below(a, 3), NULL, NULL, 0));
	saw_result(a, syscall(SYS_futex, &futex_word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 2, NULL,
			      NULL, 0));
	syscall(SYS_futex, &elsewhere, FUTEX_WAKE, 9, NULL, NULL, 0);
}

/* What is lost shows how they ran. */
void act_race(struct actor *a)
{
	for (unsigned int i = 0, n = below(a, 3000); i < n; i++)
		racy = racy + 1;
	saw(a, racy);
}

void act_compare_and_swap(struct actor *a)
{
	uint64_t old = swapped;
	unsigned int tries = 0;

	for (unsigned int i = below(a, 300); i; i--) {
		while (!__atomic_compare_exchange_n((uint64_t *)&swapped, &old, old * 5 + 1, false,
						    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			tries++;
	}
	saw(a, old + tries);
}

void act_yield(struct actor *a)
{
	saw_result(a, sched_yield());
	saw_result(a, sched_getcpu());
}

/* --- threads --- */

static void *act_in_thread(void *arg)
{
	struct actor a = *(struct actor *)arg;

	free(arg);
	use_signal_stack();
	pthread_setspecific(key, &guarded);
	act(&a, 1 + below(&a, 5));
	return (void *)(uintptr_t)a.hash;
}

static struct actor *deeper_copy(struct actor *a)
{
	struct actor *d = malloc(sizeof(*d));

	CHECK(d);
	*d = deeper(a);
	return d;
}

void act_thread_join(struct actor *a)
{
	pthread_t t[3];
	unsigned int n = 1 + below(a, NELEM(t));
	void *result;

	for (unsigned int i = 0; i < n; i++)
		CHECK(!pthread_create(&t[i], NULL, act_in_thread, deeper_copy(a)));
	for (unsigned int i = 0; i < n; i++) {
		CHECK(!pthread_join(t[i], &result));
		saw(a, (uintptr_t)result);
	}
	saw(a, destroyed);
}

struct detached {
	sem_t done;
	struct actor a;
};

static void *act_detached(void *arg)
{
	struct detached *d = arg;

	use_signal_stack();
	act(&d->a, 1 + below(&d->a, 3));
	sem_post(&d->done);
	return NULL;
}

void act_thread_detached(struct actor *a)
{
	struct detached d = {.a = deeper(a)};
	pthread_attr_t attr;
	pthread_t t;

	sem_init(&d.done, 0, 0);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 512 * 1024);
	CHECK(!pthread_create(&t, &attr, act_detached, &d));
	pthread_attr_destroy(&attr);
	while (sem_wait(&d.done) < 0)
		CHECK(errno == EINTR);
	saw(a, d.a.hash);
}

struct victim {
	int how, fd;
	_Atomic unsigned int rounds, cleaned;
};

static void clean(void *arg)
{
	((struct victim *)arg)->cleaned++;
}

static void *be_cancelled(void *arg)
{
	struct victim *v = arg;
	struct timespec t = {0, 20000};
	char c;

	use_signal_stack();
	pthread_cleanup_push(clean, v);
	for (;; v->rounds++) {
		if (v->how == 0)
			nanosleep(&t, NULL);
		else if (v->how == 1)
			(void)!read(v->fd, &c, 1);
		else
			pthread_testcancel();
	}
	pthread_cleanup_pop(0);
	return NULL;
}

static void cancel_one(struct actor *a, int how)
{
	struct victim v = {.how = how};
	struct timespec t = brief(a);
	void *result;
	pthread_t th;
	int p[2];

	CHECK(!pipe(p));
	v.fd = p[0];
	CHECK(!pthread_create(&th, NULL, be_cancelled, &v));
	if (once_in(a, 2))
		nanosleep(&t, NULL);
	saw(a, pthread_cancel(th));
	CHECK(!pthread_join(th, &result));
	CHECK(result == PTHREAD_CANCELED);
	saw(a, v.rounds * 2 + v.cleaned);
	close(p[0]);
	close(p[1]);
}

void act_thread_cancelled(struct actor *a)
{
	cancel_one(a, below(a, 2));
}

void act_thread_cancelled_spinning(struct actor *a)
{
	cancel_one(a, 2);
}

struct flag {
	volatile int set;
	struct timespec wait;
	bool pauses;
	volatile unsigned int turns;
};

static void *set_flag(void *arg)
{
	struct flag *f = arg;

	if (f->pauses)
		nanosleep(&f->wait, NULL);
	for (unsigned int i = 0; i < 2000; i++)
		f->turns = f->turns + 1;
	f->set = 1;
	return NULL;
}

void act_thread_spin_flag(struct actor *a)
{
	struct flag f = {.wait = brief(a), .pauses = once_in(a, 2)};
	const bool relaxes = once_in(a, 2);
	uint64_t n = 0;
	pthread_t t;

	CHECK(!pthread_create(&t, NULL, set_flag, &f));
	while (!f.set) {
		n++;
		if (relaxes)
			__builtin_ia32_pause();
	}
	saw(a, n);
	saw(a, f.turns);
	CHECK(!pthread_join(t, NULL));
}

struct round {
	pthread_barrier_t barrier;
	volatile uint64_t sum;
};

static void *meet(void *arg)
{
	struct round *r = arg;
	int serial = 0;

	for (int i = 0; i < 3; i++) {
		r->sum = r->sum * 3 + 1;
		serial += pthread_barrier_wait(&r->barrier) == PTHREAD_BARRIER_SERIAL_THREAD;
	}
	return (void *)(intptr_t)serial;
}

void act_thread_barrier(struct actor *a)
{
	struct round r = {.sum = 1};
	unsigned int n = 1 + below(a, 3);
	pthread_t t[3];
	void *serial;

	pthread_barrier_init(&r.barrier, NULL, n + 1);
	for (unsigned int i = 0; i < n; i++)
		CHECK(!pthread_create(&t[i], NULL, meet, &r));
	saw(a, (uintptr_t)meet(&r));
	for (unsigned int i = 0; i < n; i++) {
		CHECK(!pthread_join(t[i], &serial));
		saw(a, (uintptr_t)serial);
	}
	pthread_barrier_destroy(&r.barrier);
	saw(a, r.sum);
}

static void *die_holding(void *arg)
{
	CHECK(!pthread_mutex_lock(arg));
	return NULL;
}

void act_thread_robust(struct actor *a)
{
	struct timespec t = {.tv_sec = time(NULL) + 100};
	pthread_mutexattr_t attr;
	pthread_mutex_t m;
	pthread_t th;
	int ret;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	if (once_in(a, 2))
		pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&m, &attr);
	CHECK(!pthread_create(&th, NULL, die_holding, &m));
	if (once_in(a, 2))
		sched_yield();
	ret = pthread_mutex_timedlock(&m, &t);
	saw(a, ret);
	if (ret == EOWNERDEAD)
		pthread_mutex_consistent(&m);
	if (!ret || ret == EOWNERDEAD)
		pthread_mutex_unlock(&m);
	CHECK(!pthread_join(th, NULL));
	if (ret)
		return;
	CHECK(pthread_mutex_lock(&m) == EOWNERDEAD);
	pthread_mutex_consistent(&m);
	pthread_mutex_unlock(&m);
}
