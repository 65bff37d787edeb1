/*
 * Who runs next, and for how long.
 *
 * A queue, first come first served; slices are longer for tasks of higher priority (nice(2)), which
 * shares the core as the kernel would. With chaos, both order and lengths are drawn at random: what
 * hardly ever happens has a chance to.
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
	unsigned int passed_over;	  /* chaos: so many more times, if others are queued */
};

struct sched {
	struct sched_entity queue; /* head of a ring */
	bool chaos;
	uint64_t random;    /* state of the generator */
	int nice;	    /* of the running task */
	uint64_t slice_ns;  /* of the running task: how long it may go on while others are queued */
	uint64_t slice_end; /* CLOCK_MONOTONIC ns */
};

void sched_init(struct sched *s, bool chaos, uint64_t seed);
/* Queue behind all others; nothing happens if it is queued already. */
void sched_ready(struct sched *s, struct sched_entity *e);
/* Take it out of the queue, wherever it is. */
void sched_remove(struct sched_entity *e);
/* Take out the next one; NULL if none is queued. */
struct sched_entity *sched_pick(struct sched *s);
/* The slice of a task begins whose nice value is by so much that of others. */
void sched_begin(struct sched *s, int nice, uint64_t now_ns);
/* The running task goes on: its slice begins anew. */
void sched_renew(struct sched *s, uint64_t now_ns);
bool sched_others_ready(const struct sched *s);
/* Whether the running task has to let others run. */
bool sched_slice_over(const struct sched *s, uint64_t now_ns);

/* A number below `n`; good enough to choose schedules. */
unsigned int sched_random_below(struct sched *s, unsigned int n);

#endif
