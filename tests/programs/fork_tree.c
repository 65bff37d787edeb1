/* A tree of forks, three deep and four wide, each reporting through its exit status. modes: all */
#include "check.h"

static int grow(int depth)
{
	int sum = 1;
	pid_t pid[4];

	if (depth == 0)
		return 1;
	for (int i = 0; i < 4; i++) {
		pid[i] = fork();
		CHECK(pid[i] >= 0);
		if (pid[i] == 0) {
			printf("%d under %d at depth %d\n", getpid(), getppid(), depth);
			exit(grow(depth - 1));
		}
	}
	for (int i = 0; i < 4; i++)
		sum += WEXITSTATUS(reap(pid[i]));
	return sum;
}

int main(void)
{
	CHECK(grow(3) == 85);
	return 0;
}
