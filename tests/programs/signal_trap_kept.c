/* SIGTRAP blocked or ignored while code computes stays so. modes: all; needs: kept-sigtrap */
#include "check.h"
#include "code.h"

#include <sys/time.h>

static volatile int traps, alarms;

static void on_trap(int sig)
{
	traps++;
	work(traps, 3 * MILLISECOND); /* blocked by its own handler */
}

static void on_alarm(int sig)
{
	alarms++;
}

static void check_action(void (*handler)(int), bool blocked)
{
	struct sigaction sa;
	sigset_t mask;

	CHECK(sigaction(SIGTRAP, NULL, &sa) == 0);
	CHECK(sa.sa_handler == handler);
	CHECK(sigprocmask(SIG_BLOCK, NULL, &mask) == 0);
	CHECK(sigismember(&mask, SIGTRAP) == blocked);
}

int main(void)
{
	struct itimerval it = {{0, 1000}, {0, 1000}}, off = {0};
	sigset_t trap;

	sigemptyset(&trap);
	sigaddset(&trap, SIGTRAP);
	on_signal(SIGALRM, on_alarm, SA_RESTART);
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);

	on_signal(SIGTRAP, SIG_IGN, 0);
	work(1, 20 * MILLISECOND);
	check_action(SIG_IGN, false);

	on_signal(SIGTRAP, on_trap, 0);
	CHECK(sigprocmask(SIG_BLOCK, &trap, NULL) == 0);
	work(1, 20 * MILLISECOND);
	check_action(on_trap, true);
	CHECK(raise(SIGTRAP) == 0);
	work(1, 20 * MILLISECOND);
	CHECK(traps == 0);
	CHECK(sigprocmask(SIG_UNBLOCK, &trap, NULL) == 0);
	CHECK(traps == 1);
	check_action(on_trap, false);

	for (int i = 0; i < 10; i++) {
		asm volatile("int3");
		CHECK(traps == i + 2);
		check_action(on_trap, false);
	}
	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
	printf("%d traps, %d alarms\n", traps, alarms);
	return 0;
}
