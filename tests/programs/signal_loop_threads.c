/* A timer for each thread, and signals between them. modes: all; needs: ticks */
#include "check.h"
#include "code.h"

#include <pthread.h>
#include <ucontext.h>

#define THREADS 3
#define HITS	25

static struct state {
	pthread_t thread;
	volatile int hits, kicks;
	uint64_t seen;
	pid_t tid;
} states[THREADS];
static _Thread_local struct state *me;

static void timer_handler(int sig, siginfo_t *si, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;

	CHECK(si->si_code == SI_TIMER && si->si_value.sival_ptr == me);
	CHECK(known_code(r[REG_RIP]));
	CHECK(gettid() == me->tid);
	mix(&me->seen, r[REG_RIP]);
	mix(&me->seen, r[REG_RAX] ^ r[REG_RCX] ^ r[REG_RDX]);
	me->hits++;
}

static void kick_handler(int sig, siginfo_t *si, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;

	CHECK(si->si_code == SI_TKILL && known_code(r[REG_RIP]));
	mix(&me->seen, r[REG_RIP]);
	me->kicks++;
}

static void *run(void *arg)
{
	struct itimerspec it = {{0, 1500000}, {0, 1000000}};
	struct sigevent ev = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 3};
	uint64_t x = 1;
	timer_t timer;

	me = arg;
	me->tid = gettid();
	ev._sigev_un._tid = me->tid;
	ev.sigev_value.sival_ptr = me;
	CHECK(timer_create(me == states ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &ev, &timer) ==
	      0);
	CHECK(timer_settime(timer, 0, &it, NULL) == 0);
	while (me->hits < HITS || me->kicks < 5)
		x = work(x, 50);
	CHECK(timer_delete(timer) == 0);
	mix(&me->seen, x);
	return NULL;
}

int main(void)
{
	code_init();
	on_siginfo(SIGRTMIN + 3, timer_handler, SA_RESTART);
	on_siginfo(SIGUSR2, kick_handler, SA_RESTART);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_create(&states[i].thread, NULL, run, &states[i]) == 0);
	for (int k = 1; k <= 5; k++) {
		for (int i = 0; i < THREADS; i++) {
			while (states[i].hits == 0)
				;
			CHECK(pthread_kill(states[i].thread, SIGUSR2) == 0);
			while (states[i].kicks < k)
				;
		}
	}
	for (int i = 0; i < THREADS; i++) {
		CHECK(pthread_join(states[i].thread, NULL) == 0);
		printf("%d hits, %d kicks, %lx\n", states[i].hits, states[i].kicks, states[i].seen);
	}
	return 0;
}
