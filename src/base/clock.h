/*
 * The time, and the time-stamp counter, for a thread that may have made rdtsc fault for itself.
 *
 * Why it would: the kernel writes CR4 whenever it switches between a thread whose rdtsc traps (each
 * tracee) and one whose does not. In a virtual machine that write leaves the guest: measured here,
 * 8-12 us a stop, more than all the rest of it. So the tracer takes the same setting while it
 * traces. The vDSO's clocks read the counter and would fault then: the clock is asked by a real
 * system call.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/types.h"

/* CLOCK_MONOTONIC in ns. Safe with rdtsc trapped. */
uint64_t clock_now_ns(void);

/* Let rdtsc fault in this thread from now on, or not (prctl(2), PR_SET_TSC). */
void clock_trap_tsc(bool on);
/* Read the counter and the processor's number (IA32_TSC_AUX), whatever the setting. */
uint64_t clock_read_tsc(uint32_t *aux);

#endif
