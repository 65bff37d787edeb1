/* A computing child is stopped and continued; waitpid tells. modes: all; needs: ticks */
#include "check.h"

static volatile unsigned long *count;

int main(void)
{
	unsigned long before;
	int status;
	pid_t pid;

	count = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(count != MAP_FAILED);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		for (;;)
			++*count;
	for (int i = 0; i < 5; i++) {
		while (*count == 0)
			msleep(1);
		CHECK(kill(pid, SIGSTOP) == 0);
		CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
		before = *count;
		msleep(5);
		CHECK(*count == before);
		printf("stopped at %lu\n", before);
		*count = 0;
		CHECK(kill(pid, SIGCONT) == 0);
		CHECK(waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
	}
	CHECK(kill(pid, SIGKILL) == 0);
	CHECK(WTERMSIG(reap(pid)) == SIGKILL);
	return 0;
}
