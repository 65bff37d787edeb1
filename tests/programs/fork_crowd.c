/* 200 children at once, each of which makes calls of its own and on a pipe of all. modes: all */
#include "check.h"

#include <sys/stat.h>

#define N 200

static void child(int go, int out, int number)
{
	struct stat st;
	struct timespec t;
	int report[2];

	hear(go);
	for (int i = 0; i < 5; i++) {
		CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
		CHECK(stat("/", &st) == 0);
	}
	report[0] = number;
	report[1] = getpid() + (int)t.tv_nsec % 7;
	CHECK(write(out, report, sizeof(report)) == sizeof(report));
	_exit(number % 100);
}

int main(void)
{
	int go[2], out[2], order = 0, report[2];
	pid_t pids[N];

	CHECK(pipe(go) == 0 && pipe(out) == 0);
	for (int i = 0; i < N; i++) {
		pids[i] = fork();
		CHECK(pids[i] >= 0);
		if (!pids[i])
			child(go[0], out[1], i);
	}
	for (int i = 0; i < N; i++)
		tell(go[1]);
	for (int i = 0; i < N; i++) {
		CHECK(read(out[0], report, sizeof(report)) == sizeof(report));
		order = order * 31 + report[0] + report[1];
	}
	for (int i = 0; i < N; i++)
		CHECK(reap(pids[i]) == i % 100 << 8);
	printf("%d children, in the order %08x\n", N, (unsigned int)order);
	return 0;
}
