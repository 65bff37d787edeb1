/*
 * Software ticks: the count that instrumented code keeps in the tick page (mem/layout.h).
 *
 * One page serves all tracees and the tracer, as shared memory: only one task runs at a time.
 * Before a task runs its code it is *granted* a number of ticks, which goes into the page; a
 * safepoint that uses up the last one traps. Whenever it has stopped, what it used is added to its
 * count.
 */
#ifndef TICKS_SOFT_H
#define TICKS_SOFT_H

#include "mem/layout.h"
#include "task/task.h"

struct soft_ticks {
	struct tick_page *page; /* where the tracer has it mapped */
};

/* A task's progress. */
struct task_ticks {
	ticks_t count;	 /* when it was last settled */
	int64_t granted; /* what the page held then, if the page is this task's */
	uint64_t saved_rcx;
};

#define TICKS_NEVER INT64_MAX

/* The task runs next, and stops at the safepoint that is `n` ticks (> 0) ahead, or behind it. */
static inline void soft_ticks_grant(struct soft_ticks *s, struct task_ticks *t, int64_t n)
{
	s->page->remaining = t->granted = n;
	s->page->saved_rcx = t->saved_rcx;
}

/* The task, the last that was granted ticks, has stopped: count what it used. */
static inline void soft_ticks_settle(struct soft_ticks *s, struct task_ticks *t)
{
	t->count += t->granted - s->page->remaining;
	t->granted = s->page->remaining;
	t->saved_rcx = s->page->saved_rcx;
}

#endif
