/*
 * Signals: lookups in signals.def. The kernel's numbering is used throughout: 32 is SIGRTMIN there,
 * although libc keeps the first ones for itself.
 */
#include "abi/signal.h"

#include <errno.h>

#define KERNEL_SIGRTMIN 32
#define KERNEL_SIGRTMAX 64

struct signal_desc {
	const char *name;
	enum signal_default action;
	bool synchronous;
};

static const struct signal_desc signals[KERNEL_SIGRTMIN] = {
#define SIGNAL(name, number, action, sync) [number] = {name, SIG_DEFAULT_##action, sync},
#include "abi/signals.def"
#undef SIGNAL
};

static const struct {
	int signo;
	int code;
	const char *name;
} codes[] = {
#define CODE(signo, code, name) {signo, code, name},
#include "abi/signals.def"
#undef CODE
};

static const struct signal_desc *standard_signal(int signo)
{
	if (signo < 1 || signo >= KERNEL_SIGRTMIN)
		return NULL;
	return &signals[signo];
}

const char *signal_name(int signo)
{
	static char name[32];
	const struct signal_desc *d = standard_signal(signo);

	if (d)
		return d->name;
	if (signo == KERNEL_SIGRTMIN)
		return "SIGRTMIN";
	if (signo > KERNEL_SIGRTMIN && signo <= KERNEL_SIGRTMAX)
		snprintf(name, sizeof(name), "SIGRTMIN+%d", signo - KERNEL_SIGRTMIN);
	else
		snprintf(name, sizeof(name), "SIG?%d", signo);
	return name;
}

static int parse_number(const char *s, int lowest, int highest)
{
	char *end;
	long v;

	if (*s < '0' || *s > '9')
		return -EINVAL;
	v = strtol(s, &end, 10);
	return *end || v < lowest || v > highest ? -EINVAL : (int)v;
}

static int realtime_from_name(const char *name)
{
	int n;

	if (strcmp(name, "RTMIN") == 0)
		return KERNEL_SIGRTMIN;
	if (strcmp(name, "RTMAX") == 0)
		return KERNEL_SIGRTMAX;
	if (strncmp(name, "RTMIN+", 6) != 0)
		return -EINVAL;
	n = parse_number(name + 6, 0, KERNEL_SIGRTMAX - KERNEL_SIGRTMIN);
	return n < 0 ? n : KERNEL_SIGRTMIN + n;
}

int signal_from_name(const char *name)
{
	static const struct {
		const char *name;
		int signo;
	} aliases[] = {{"IOT", 6}, {"CLD", 17}, {"POLL", 29}};

	if (*name >= '0' && *name <= '9')
		return parse_number(name, 1, KERNEL_SIGRTMAX);
	if (strncmp(name, "SIG", 3) == 0)
		name += 3;
	for (int i = 1; i < KERNEL_SIGRTMIN; i++)
		if (strcmp(signals[i].name + 3, name) == 0)
			return i;
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++)
		if (strcmp(aliases[i].name, name) == 0)
			return aliases[i].signo;
	return realtime_from_name(name);
}

enum signal_default signal_default_action(int signo)
{
	const struct signal_desc *d = standard_signal(signo);

	return d ? d->action : SIG_DEFAULT_TERM; /* real-time signals: signal(7) */
}

/*
 * The kernel gives a positive si_code to what it raised itself. Two of those come at no particular
 * instruction: memory errors found by scrubbing, and perf events' signals, which may be late
 * (perf_event_open(2), TRAP_PERF_FLAG_ASYNC).
 */
bool signal_is_synchronous(const siginfo_t *si)
{
	const struct signal_desc *d = standard_signal(si->si_signo);

	if (!d || !d->synchronous || si->si_code <= 0)
		return false;
	if (si->si_signo == SIGBUS)
		return si->si_code != 5; /* BUS_MCEERR_AO */
	if (si->si_signo == SIGTRAP)
		return si->si_code != 6; /* TRAP_PERF */
	return true;
}

const char *signal_code_name(const siginfo_t *si)
{
	static char number[16];

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i].code == si->si_code &&
		    (codes[i].signo == 0 || codes[i].signo == si->si_signo))
			return codes[i].name;
	snprintf(number, sizeof(number), "%d", si->si_code);
	return number;
}
