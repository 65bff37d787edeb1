/* Two processes wait for each other in shared memory without any call. modes: all; needs: ticks */
#include "check.h"
#include "code.h"

#define ROUNDS 10

int main(void)
{
	volatile unsigned *turn;
	unsigned long trips = 0;
	uint64_t x = 0;
	pid_t pid;

	turn = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(turn != MAP_FAILED);
	pid = fork();
	CHECK(pid >= 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		while (*turn % 2 != (pid == 0))
			trips++;
		x = work(x, MILLISECOND);
		*turn = *turn + 1;
	}
	CHECK(x == work(0, ROUNDS * MILLISECOND));
	if (pid)
		reap_ok(pid);
	printf("%s: %lu trips\n", pid ? "parent" : "child", trips);
	CHECK(pid == 0 || *turn == 2 * ROUNDS);
	return 0;
}
