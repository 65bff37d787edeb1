/* Processes that compute and write down their turns in shared memory. modes: all */
#include "check.h"
#include "code.h"

#define PROCESSES 5
#define TIMES	  40

static struct {
	volatile unsigned n, counter;
	char order[PROCESSES * TIMES + 1];
	uint64_t results[PROCESSES];
} * shared;

int main(void)
{
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED);
	for (int me = 0; me < PROCESSES; me++) {
		uint64_t x = me;

		if (fork())
			continue;
		for (int i = 0; i < TIMES; i++) {
			unsigned v = shared->counter;

			x = work(x, MILLISECOND / 10);
			shared->counter = v + 1;
			shared->order[__atomic_fetch_add(&shared->n, 1, __ATOMIC_RELAXED)] =
				'a' + me;
		}
		shared->results[me] = x;
		_exit(0);
	}
	for (int me = 0; me < PROCESSES; me++)
		reap_ok(-1);
	for (int me = 0; me < PROCESSES; me++)
		CHECK(shared->results[me] == work(me, TIMES * (MILLISECOND / 10)));
	CHECK(shared->n == PROCESSES * TIMES);
	printf("%s, %u\n", shared->order, shared->counter);
	return 0;
}
