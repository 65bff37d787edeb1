/*
 * Counting by perf_event_open(2): what pmu.c and its tests share.
 */
#ifndef TICKS_PMU_H
#define TICKS_PMU_H

#include "ticks/ticks.h"

#include <linux/perf_event.h>

/*
 * A perf event becomes a source: `source->open` will open `event` (its type, config and
 * breakpoint fields are used) for the task, in user mode only. The interrupt is PMU_SIGNAL, sent to
 * the task as often as an event overflows; the tracer sees it as a stop.
 */
struct pmu_source {
	struct ticks_source source;
	struct perf_event_attr event;
};

/* The kernel does not send it, and programs have no use for it (signal(7)). One that blocks it is
 * not interrupted. */
#define PMU_SIGNAL     SIGSTKFLT
#define PMU_SIGNAL_BIT (1ULL << (PMU_SIGNAL - 1))

/* An event that counts for thread `tid` and, when it overflows, sends it PMU_SIGNAL; it has no
 * period yet. An fd or -errno. */
int perf_event_start(const struct perf_event_attr *event, pid_t tid);
/* Overflow after so many from now on, and then again and again. 0 or -errno. */
int perf_event_period(int fd, uint64_t period);
/* A period that never ends; the kernel bounds what it gives to the CPU. */
#define PERF_EVENT_NEVER (1ULL << 60)

void pmu_source_init(struct pmu_source *p, const char *name, const struct perf_event_attr *event,
		     ticks_t skid, ticks_t min_period);

/* Whether counting by the event is exact and its interrupt comes, tried in this process. 0, or
 * -errno with the reason in `why`. */
int pmu_verify(const struct pmu_source *p, bool amd, struct buf *why);

#endif
