/*
 * Who runs next: a queue of the tasks that could run, first come first served.
 *
 * A task that is not queued is running, waits in the kernel, or is stopped. Order is a free choice
 * while recording; replay follows the events.
 */
#ifndef SCHED_SCHED_H
#define SCHED_SCHED_H

#include "base/types.h"

/* Embedded in the recorder's task. */
struct sched_entity {
	struct sched_entity *prev, *next; /* NULL: not queued */
};

struct sched {
	struct sched_entity queue; /* head of a ring */
	uint64_t slice_ns;	   /* how long a task may go on while others are queued */
	uint64_t slice_end;	   /* CLOCK_MONOTONIC ns */
};

void sched_init(struct sched *s, uint64_t slice_ns);
/* Queue behind all others; nothing happens if it is queued already. */
void sched_ready(struct sched *s, struct sched_entity *e);
/* Take it out of the queue, wherever it is. */
void sched_remove(struct sched_entity *e);
/* Take out the first, and begin its slice; NULL if none is queued. */
struct sched_entity *sched_pick(struct sched *s, uint64_t now_ns);
/* The running task goes on: its slice begins anew. */
void sched_renew(struct sched *s, uint64_t now_ns);
bool sched_others_ready(const struct sched *s);
/* Whether the running task has to let others run. */
bool sched_slice_over(const struct sched *s, uint64_t now_ns);

#endif
