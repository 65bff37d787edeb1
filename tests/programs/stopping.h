/* A process that counts in shared memory is stopped and continued. */
#ifndef TESTS_PROGRAMS_STOPPING_H
#define TESTS_PROGRAMS_STOPPING_H

#include "check.h"

/* A page of memory that children share. */
static volatile unsigned long *shared_words(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

/* Wherever `pid` is: what counted() tells does not change for `ms` while it is stopped. */
static void stop_and_continue(pid_t pid, unsigned long (*counted)(void), int ms)
{
	unsigned long before = counted();
	int status;

	while (counted() == before)
		msleep(1);
	CHECK(kill(pid, SIGSTOP) == 0);
	CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	before = counted();
	msleep(ms);
	CHECK(counted() == before);
	printf("stopped at %lu\n", before);
	CHECK(kill(pid, SIGCONT) == 0);
	CHECK(waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
}

static void end_stopping(pid_t pid)
{
	CHECK(kill(pid, SIGKILL) == 0);
	CHECK(WTERMSIG(reap(pid)) == SIGKILL);
}

#endif
