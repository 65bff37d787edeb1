/* Anonymous shared memory across fork: raw futexes order four processes on it. modes: all */
#include "check.h"

#include <linux/futex.h>

#define CHILDREN 4
#define ROUNDS	 25

struct shared {
	int turn;
	int log[CHILDREN * ROUNDS];
	int n;
};

static void wait_for_turn(struct shared *s, int me)
{
	int turn;

	while ((turn = __atomic_load_n(&s->turn, __ATOMIC_SEQ_CST)) != me)
		syscall(SYS_futex, &s->turn, FUTEX_WAIT, turn, NULL, NULL, 0);
}

int main(void)
{
	struct shared *s =
		mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid[CHILDREN];

	CHECK(s != MAP_FAILED);
	for (int c = 0; c < CHILDREN; c++) {
		pid[c] = fork();
		if (pid[c])
			continue;
		for (int i = 0; i < ROUNDS; i++) {
			wait_for_turn(s, c);
			s->log[s->n++] = getpid();
			__atomic_store_n(&s->turn, (c + 1) % CHILDREN, __ATOMIC_SEQ_CST);
			syscall(SYS_futex, &s->turn, FUTEX_WAKE, CHILDREN, NULL, NULL, 0);
		}
		exit(0);
	}
	for (int c = 0; c < CHILDREN; c++)
		reap_ok(pid[c]);
	CHECK(s->n == CHILDREN * ROUNDS);
	for (int i = 0; i < s->n; i++)
		CHECK(s->log[i] == pid[i % CHILDREN]);
	printf("shared at %p: %08x\n", s, hash(s->log, sizeof(s->log)));
	return 0;
}
