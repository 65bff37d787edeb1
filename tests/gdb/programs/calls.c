/* For sessions: what a debugger lets a program call. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int value = 1;

int change(int n)
{
	value += n;
	return value;
}

int forks(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(3);
	return pid > 0;
}

int crashes(void)
{
	*(volatile int *)8 = 1;
	return 0;
}

int never_returns(void)
{
	for (volatile int i = 0;; i++)
		;
}

int main(void)
{
	char *text = malloc(16);

	change(1);
	snprintf(text, 16, "value %d", value);
	puts(text);
	change(10);
	printf("value %d\n", value);
	free(text);
	return 0;
}
