/* For sessions: a parent, a forked child, and a child that executes this program again. */
#include "tour.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

volatile int stage;

static void in_forked(void)
{
	stage = 20;
	stage = 21;
	stage += tour(4);
}

static void in_executed(void)
{
	stage = 30;
	stage = 31;
	stage += tour(5);
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
	stage += tour(6);
	printf("stage %d\n", stage);
	return 0;
}
