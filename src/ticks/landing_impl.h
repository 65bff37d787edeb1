/*
 * A landing in progress: what landing.c and skip.c share.
 */
#ifndef TICKS_LANDING_IMPL_H
#define TICKS_LANDING_IMPL_H

#include "ticks/landing.h"
#include "ticks/loop.h"

#define POINT_SLOT 0

struct landing {
	struct task *t;
	struct ticks_counter *c;
	const struct landing_point *p;
	struct landing_stats stats;

	/* skip.c */
	uint64_t next_skip; /* number of hits before it is tried (again) */
	struct loop *loop;  /* NULL: not known, or none */
	int event;	    /* perf event that counts or measures; -1: none */
	double max_rate;    /* trips in a ns, at most; 0: not measured */
};

/* What the landing stopped for. (Not mistaken for an enum landing_result.) */
enum arrival {
	ARRIVED_BREAKPOINT = 16,
	ARRIVED_INTERRUPT,
	ARRIVED_OTHER, /* the task's own stop */
};

/* Run to the next stop that matters: enum arrival or -errno. */
int landing_go(struct landing *l);
/* Whether a signal is from the task's own instruction. */
bool landing_is_own_signal(struct task *t);

/* --- skip.c --- */
#define SKIP_AFTER 64
/*
 * The task is at the point's address, in another state: pass by as many hits as cannot be it. 0
 * (it is anywhere, with the point's breakpoint set), LANDING_STOPPED, LANDING_PASSED or -errno.
 */
int skip_hits(struct landing *l);
bool skip_is_interrupt(struct landing *l);

/* --- patch.c --- */
/* Let the task go so often through a place of its loop, at full speed: ARRIVED_INTERRUPT, and it
 * stands there; another enum arrival; -ENOTSUP or another -errno, and nothing was done. */
int patch_run_trips(struct landing *l, uint64_t trips);

/* --- skip.c --- */
void skip_end(struct landing *l);

#endif
