/* A signal that comes in running code is handled before the next call. modes: all */
#include "check.h"

#include <sys/time.h>

static volatile int hits, other;

static void handler(int sig)
{
	hits++;
}

static void other_handler(int sig)
{
	other++;
}

static void exiting_handler(int sig)
{
	_exit(42);
}

/* Runs, without calls, until the timer that will send SIGPROF has certainly expired: the kernel
 * looks at timers of CPU time when its tick (4 ms) meets the process running, which is chance on a
 * busy core.
 */
static void compute(void)
{
	static volatile unsigned long x;

	for (unsigned long i = 0; i < 240000000; i++)
		x += i;
}

static void arm(void)
{
	const struct itimerval once = {{0, 0}, {0, 2000}};

	hits = other = 0;
	on_signal(SIGPROF, handler, 0);
	CHECK(setitimer(ITIMER_PROF, &once, NULL) == 0);
}

static void check_exec(void)
{
	pid_t pid = fork();

	if (!pid) {
		on_signal(SIGPROF, exiting_handler, 0);
		CHECK(setitimer(ITIMER_PROF, &(struct itimerval){{0, 0}, {0, 2000}}, NULL) == 0);
		compute();
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	CHECK(WEXITSTATUS(reap(pid)) == 42);
}

static void check_exit(void)
{
	pid_t pid = fork();

	if (!pid) {
		on_signal(SIGPROF, exiting_handler, 0);
		CHECK(setitimer(ITIMER_PROF, &(struct itimerval){{0, 0}, {0, 2000}}, NULL) == 0);
		compute();
		_exit(1);
	}
	CHECK(WEXITSTATUS(reap(pid)) == 42);
}

int main(void)
{
	sigset_t set;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGPROF);
	arm();
	compute();
	on_signal(SIGPROF, other_handler, 0);
	CHECK(hits == 1 && other == 0);
	arm();
	compute();
	CHECK(signal(SIGPROF, SIG_IGN) == handler);
	CHECK(hits == 1);
	arm();
	compute();
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	CHECK(hits == 1);
	CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
	CHECK(hits == 1);
	arm();
	compute();
	pid = fork();
	if (!pid)
		_exit(hits);
	CHECK(WEXITSTATUS(reap(pid)) == 1 && hits == 1);
	arm();
	compute();
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
	CHECK(hits == 1);
	arm();
	compute();
	CHECK(sbrk(4096) != (void *)-1);
	CHECK(hits == 1);
	check_exec();
	check_exit();
	printf("%d\n", hits);
	return 0;
}
