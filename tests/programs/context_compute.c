/* Coroutines that compute, thousands of switches, in two threads. modes: all */
#include "check.h"
#include "code.h"

#include <pthread.h>
#include <ucontext.h>

#define COROUTINES 4
#define ROUNDS	   500
#define STEP	   200

struct set {
	ucontext_t home, contexts[COROUTINES];
	uint64_t values[COROUTINES], order;
	int next;
	char stacks[COROUTINES][32768];
};

static _Thread_local struct set *mine;

static void run(int me)
{
	uint64_t x = me;

	for (int i = 0; i < ROUNDS; i++) {
		double d = (double)(x >> 11), e = d;

		x = work(x, STEP + x % STEP);
		for (int j = 0; j < 20; j++)
			e = e * 0.5 + me;
		mine->values[me] = x;
		mix(&mine->order, x);
		mine->next = (me + 1 + i % 2) % COROUTINES;
		if (mine->next != me)
			swapcontext(&mine->contexts[me], &mine->contexts[mine->next]);
		CHECK(e >= 0 && d <= 0x1p53);
	}
	setcontext(&mine->home);
}

static void *thread(void *arg)
{
	struct set *s = mine = arg;

	for (volatile int i = 0; i < COROUTINES; i++) {
		CHECK(getcontext(&s->contexts[i]) == 0);
		s->contexts[i].uc_stack.ss_sp = s->stacks[i];
		s->contexts[i].uc_stack.ss_size = sizeof(s->stacks[i]);
		s->contexts[i].uc_link = &s->home;
		makecontext(&s->contexts[i], (void (*)(void))run, 1, i);
	}
	CHECK(swapcontext(&s->home, &s->contexts[0]) == 0);
	return NULL;
}

int main(void)
{
	static struct set sets[2];
	pthread_t t[2];

	for (int i = 0; i < 2; i++)
		CHECK(pthread_create(&t[i], NULL, thread, &sets[i]) == 0);
	for (int i = 0; i < 2; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	CHECK(sets[0].order == sets[1].order);
	for (int i = 0; i < COROUTINES; i++) {
		CHECK(sets[0].values[i] == sets[1].values[i]);
		printf("%lx\n", sets[0].values[i]);
	}
	printf("%lx\n", sets[0].order);
	return 0;
}
