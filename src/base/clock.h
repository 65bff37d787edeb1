/*
 * The time, and the time-stamp counter, for a thread that may have made rdtsc fault for itself.
 *
 * Why it would: the kernel writes CR4 whenever it switches between a thread whose rdtsc traps (many
 * a tracee) and one whose does not. In a virtual machine that write leaves the guest: measured
 * here, 8-12 us a stop, more than all the rest of it. So the tracer takes the setting of the tracee
 * that it lets run. The vDSO's clocks read the counter and would fault then: the clock is asked by
 * a real system call.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/types.h"

/* CLOCK_MONOTONIC in ns. Safe with rdtsc trapped. */
uint64_t clock_now_ns(void);

/*
 * The time-stamp counter as a function of CLOCK_MONOTONIC, for tracees: those that trap get it from
 * the tracer, others compute it where the counter itself cannot be read, and it goes forwards for
 * all.
 */
struct tsc_clock {
	uint64_t ns, tsc; /* a time, and the counter then */
	uint64_t mult;	  /* counts in a ns, times 2^32; 0: not known */
	uint64_t first_ns, first_tsc;
};

static inline uint64_t tsc_at(const struct tsc_clock *c, uint64_t ns)
{
	return c->tsc + (uint64_t)((unsigned __int128)(ns - c->ns) * c->mult >> 32);
}

/* Make the first of two readings, and the second one, some time later. Not with rdtsc trapped. */
void tsc_clock_begin(struct tsc_clock *c);
void tsc_clock_end(struct tsc_clock *c);
/* Begin anew from the counter as it is now, so that those who have read it themselves find it going
 * on. Not with rdtsc trapped. */
void tsc_clock_follow(struct tsc_clock *c);

/* Let rdtsc fault in this thread from now on, or not (prctl(2), PR_SET_TSC). */
void clock_trap_tsc(bool on);
bool clock_tsc_trapped(void);
/* Read the counter and the processor's number (IA32_TSC_AUX), whatever the setting. */
uint64_t clock_read_tsc(uint32_t *aux);

#endif
