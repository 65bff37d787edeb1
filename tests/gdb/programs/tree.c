/* For sessions: a parent, a forked child, and a child that executes this program again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

volatile int stage;

static void in_forked(void)
{
	stage = 20;
	stage = 21;
}

static void in_executed(void)
{
	stage = 30;
	stage = 31;
}

static void in_parent(int status)
{
	stage = status;
}

int main(int argc, char **argv)
{
	int status;

	if (argc > 1) {
		in_executed();
		return 5;
	}
	stage = 1;
	if (!fork()) {
		in_forked();
		_exit(4);
	}
	wait(&status);
	in_parent(WEXITSTATUS(status));
	if (!fork()) {
		execl("/proc/self/exe", "tree", "again", NULL);
		_exit(9);
	}
	wait(&status);
	in_parent(WEXITSTATUS(status));
	printf("stage %d\n", stage);
	return 0;
}
