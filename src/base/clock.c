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

	if (trapped)
		syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &ts);
	else
		clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

#define TSC_CLOCK_NS_MIN  2000000ULL
#define TSC_CLOCK_NS_GOOD 100000000ULL

/* The closest of some readings of both. */
static void read_both(uint64_t *ns, uint64_t *tsc)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < 8; i++) {
		uint64_t before = __rdtsc(), now = clock_now_ns(), after = __rdtsc();

		if (after - before >= best)
			continue;
		best = after - before;
		*ns = now;
		*tsc = before + best / 2;
	}
}

void tsc_clock_begin(struct tsc_clock *c)
{
	*c = (struct tsc_clock){.ns = 0};
	read_both(&c->ns, &c->tsc);
	c->first_ns = c->ns;
	c->first_tsc = c->tsc;
}

static void set_rate(struct tsc_clock *c, uint64_t ns, uint64_t tsc)
{
	c->mult = (uint64_t)(((unsigned __int128)(tsc - c->first_tsc) << 32) / (ns - c->first_ns));
}

void tsc_clock_end(struct tsc_clock *c)
{
	uint64_t ns = 0, tsc = 0;

	do
		read_both(&ns, &tsc);
	while (ns - c->ns < TSC_CLOCK_NS_MIN);
	set_rate(c, ns, tsc);
}

void tsc_clock_follow(struct tsc_clock *c)
{
	uint64_t ns = 0, tsc = 0, computed;

	read_both(&ns, &tsc);
	computed = tsc_at(c, ns);
	if (ns - c->first_ns >= TSC_CLOCK_NS_GOOD)
		set_rate(c, ns, tsc);
	c->ns = ns;
	/* Nor may it go back for those who had it from here. */
	c->tsc = tsc > computed ? tsc : computed;
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

bool clock_tsc_trapped(void)
{
	return trapped;
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
