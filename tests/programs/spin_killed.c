/* Endless loops are killed: by a parent, an alarm, a limit of CPU time. modes: all; needs: ticks */
#include "check.h"

#include <sys/resource.h>
#include <sys/time.h>

static volatile unsigned long *count;

__attribute__((noreturn)) static void loop_of_one_jump(void)
{
	for (;;)
		asm volatile("1: jmp 1b");
}

__attribute__((noreturn)) static void loop(void)
{
	for (unsigned long i = 0;; i++)
		count[1] = i;
}

/* A child that does `how`, ended by `sig`, or by itself if that is 0. */
static void child(const char *name, int how, int sig, int expected)
{
	int ready[2], status;
	pid_t pid;

	CHECK(pipe(ready) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		struct rlimit limit = {1, 2};
		struct itimerval it = {{0, 0}, {0, 30000}};

		if (how == 2)
			CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
		if (how == 3)
			CHECK(setitimer(ITIMER_PROF, &it, NULL) == 0);
		if (how == 4)
			CHECK(setrlimit(RLIMIT_CPU, &limit) == 0);
		tell(ready[1]);
		if (how == 1)
			loop_of_one_jump();
		loop();
	}
	hear(ready[0]);
	if (sig) {
		msleep(30);
		CHECK(kill(pid, sig) == 0);
	}
	status = reap(pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == expected);
	printf("%s: %d after %lu\n", name, WTERMSIG(status), count[1]);
}

int main(void)
{
	count = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(count != MAP_FAILED);
	child("SIGKILL", 0, SIGKILL, SIGKILL);
	child("SIGTERM", 0, SIGTERM, SIGTERM);
	child("SIGKILL, jmp .", 1, SIGKILL, SIGKILL);
	child("SIGTERM, jmp .", 1, SIGTERM, SIGTERM);
	child("alarm", 2, 0, SIGALRM);
	child("profiling timer", 3, 0, SIGPROF);
	child("CPU limit", 4, 0, SIGXCPU);
	return 0;
}
