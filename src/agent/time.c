/*
 * Calls that ask for the time, answered by the vDSO: no system call, neither ours nor the kernel's.
 *
 * The program's vDSO is overwritten by hooks, so that all of its calls come here. The agent has a
 * copy of the original code, at a place of its own, with the data that the kernel keeps current
 * moved to just before it; recording only. It reads the time-stamp counter, which is why tasks for
 * which that has to trap make system calls. Its own fallback, for clocks that it does not know, is
 * let pass by the filter. The kernel compiles it without vector instructions (arch/x86/Makefile),
 * as it does itself: what it leaves in general registers is nothing that the program sees.
 */
#include "agent/internal.h"

#include <sys/time.h>
#include <time.h>

#define PAIR_SIZE 16
#define PAGE_MASK 4095

typedef int clock_gettime_fn(uint64_t clock, struct timespec *ts);
typedef int gettimeofday_fn(struct timeval *tv, void *tz);
typedef int64_t time_fn(int64_t *t);

struct moment {
	int64_t seconds;
	uint32_t fraction;
};

static bool ask(const uint64_t arg[6], int64_t nr, struct moment *m)
{
	const struct agent_vdso *v = &STATE->vdso;
	struct timespec ts;
	struct timeval tv;

	switch (nr) {
	case __NR_clock_gettime:
		if (!v->clock_gettime || ((clock_gettime_fn *)v->clock_gettime)(arg[0], &ts))
			return false;
		*m = (struct moment){ts.tv_sec, (uint32_t)ts.tv_nsec};
		return true;
	case __NR_gettimeofday:
		if (!v->gettimeofday || arg[1] || ((gettimeofday_fn *)v->gettimeofday)(&tv, NULL))
			return false;
		*m = (struct moment){tv.tv_sec, (uint32_t)tv.tv_usec};
		return true;
	default:
		if (!v->time)
			return false;
		*m = (struct moment){((time_fn *)v->time)(NULL), 0};
		return true;
	}
}

/* Where the call stores a pair; 0: nowhere. */
static uint64_t pair_of(const uint64_t arg[6], int64_t nr)
{
	return nr == __NR_clock_gettime ? arg[1] : nr == __NR_gettimeofday ? arg[0] : 0;
}

/* Those whose pair crosses pages are left to the kernel, and so are the uses of time()'s pointer:
 * what is stored here is stored as a whole or not at all. */
static bool is_simple(const uint64_t arg[6], int64_t nr)
{
	uint64_t to = pair_of(arg, nr);

	switch (nr) {
	case __NR_clock_gettime:
	case __NR_gettimeofday:
		return to && (to & PAGE_MASK) <= PAGE_MASK + 1 - PAIR_SIZE;
	case __NR_time:
		return !arg[0];
	default:
		return false;
	}
}

bool time_call(const uint64_t arg[6], int64_t nr, struct outcome *out)
{
	uint64_t to = pair_of(arg, nr);
	struct moment m;

	if (!is_simple(arg, nr) || !ask(arg, nr, &m))
		return false;
	if (to && !store_pair(to, (uint64_t)m.seconds, m.fraction))
		return false;
	record_time(arg, nr, m.seconds, m.fraction);
	*out = (struct outcome){to ? 0 : m.seconds, 1};
	return true;
}

int64_t time_apply(const uint64_t arg[6], int64_t nr, const struct agent_record *r)
{
	uint64_t to = pair_of(arg, nr);

	if (!to)
		return r->result;
	store_pair(to, (uint64_t)r->result, r->file);
	return 0;
}
