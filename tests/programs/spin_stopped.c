/* A computing child is stopped and continued; waitpid tells. modes: all; needs: ticks */
#include "stopping.h"

static volatile unsigned long *count;

static unsigned long counted(void)
{
	return *count;
}

int main(void)
{
	pid_t pid;

	count = shared_words();
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		for (;;)
			++*count;
	for (int i = 0; i < 5; i++)
		stop_and_continue(pid, counted, 5);
	end_stopping(pid);
	return 0;
}
