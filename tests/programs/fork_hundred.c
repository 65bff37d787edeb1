/* A hundred children alive at once, reaped by wait() in the order in which they die. modes: all */
#include "check.h"

int main(void)
{
	int go[2], status, sum = 0;
	pid_t pid;

	CHECK(pipe(go) == 0);
	for (int i = 0; i < 100; i++) {
		pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			hear(go[0]);
			_exit(i);
		}
	}
	for (int i = 0; i < 100; i++)
		tell(go[1]);
	while ((pid = wait(&status)) > 0) {
		printf("%d:%d ", pid, WEXITSTATUS(status));
		sum += WEXITSTATUS(status);
	}
	CHECK(errno == ECHILD && sum == 4950);
	printf("\n");
	return 0;
}
