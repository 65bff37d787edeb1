/*
 * Clocks that work with rdtsc trapped.
 */
#include "base/clock.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

static _Thread_local bool trapped;

uint64_t clock_now_ns(void)
{
	struct timespec ts;

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/*
 * Some library read the counter after all (through the vDSO): allow it, slower but right. Any other
 * fault is a crash as usual, once the handler is gone.
 */
static void on_fault(int signo, siginfo_t *si, void *context)
{
	if (trapped && si->si_code == SI_KERNEL)
		clock_trap_tsc(false);
	else
		signal(SIGSEGV, SIG_DFL);
}

static void install_fault_handler(void)
{
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

	sigaction(SIGSEGV, &sa, NULL);
}

void clock_trap_tsc(bool on)
{
#if defined(__SANITIZE_ADDRESS__)
	return; /* its run-time library reads clocks through the vDSO */
#endif
	if (on)
		install_fault_handler();
	if (trapped != on && !prctl(PR_SET_TSC, on ? PR_TSC_SIGSEGV : PR_TSC_ENABLE, 0, 0, 0))
		trapped = on;
}

uint64_t clock_read_tsc(uint32_t *aux)
{
	bool again = trapped;
	uint64_t tsc;

	if (again)
		clock_trap_tsc(false);
	tsc = __rdtscp(aux);
	if (again)
		clock_trap_tsc(true);
	return tsc;
}
