/*
 * A landing in progress: what landing.c and compare.c share.
 */
#ifndef TICKS_LANDING_IMPL_H
#define TICKS_LANDING_IMPL_H

#include "ticks/landing.h"

struct landing {
	struct task *t;
	struct ticks_counter *c;
	const struct landing_point *p;
	struct landing_stats stats;
	unsigned int differ; /* general registers that did at each hit: bit N is register N */
	bool no_compare;     /* code cannot be put at the point */
	struct landing_way *way;
};

/* What the landing stopped for. (Not mistaken for an enum landing_result.) */
enum arrival {
	ARRIVED_BREAKPOINT = 16,
	ARRIVED_INTERRUPT,
	ARRIVED_LIMIT,
	ARRIVED_OTHER, /* the task's own stop, or a watchpoint of the caller's */
};

/* Run to the next stop that matters: enum arrival or -errno. */
int landing_go(struct landing *l);
/* Whether a signal is from the task's own instruction. */
bool landing_is_own_signal(struct task *t);
/* Whether the task is at the point: 1 or 0, or -errno. */
int landing_is_there(struct landing *l);

/* A watchpoint of the caller's was met; l->way says which. */
bool landing_meets_watch(struct landing *l);

/* --- compare.c --- */
#define COMPARE_MAP_SIZE (2 * PAGE_SIZE_BYTES + CODE_MAX)
/* The task is at the point's address, in another state. */
void compare_note(struct landing *l);
/*
 * The task is at the point's address, in another state, and was counted: let it run until it is at
 * the point. Enum landing_result or -errno; ARRIVED_BREAKPOINT: it cannot be done like this, or not
 * any further. The task is somewhere then; if at the point's address, it was counted.
 */
int compare_run(struct landing *l);

#endif
