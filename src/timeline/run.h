/*
 * Between run.c, which drives a task through an interval, and execute.c, which takes it on by an
 * instruction and through code of ours.
 */
#ifndef TIMELINE_RUN_H
#define TIMELINE_RUN_H

#include "timeline/internal.h"

/* What a piece of running came to; negative: enum replay_error. */
enum came {
	CAME_ON = 16,  /* to a boundary */
	CAME_OUT,      /* of the agent */
	CAME_TO_END,   /* the event happens here */
	CAME_TO_TRAP,  /* to the safepoint that the replay asked for, on the way to a landing */
	CAME_TO_PAUSE, /* w->pause is set */
};

/* Ticks up to the safepoint that the replay asked for, or TICKS_NEVER; and to grant some. */
int64_t ticks_left(const struct timeline *tl, const struct ptask *p);
void run_grant(struct timeline *tl, struct ptask *p, int64_t n);
/* Resume the task, and wait for its next stop: 0 or <0. */
int run_on(struct timeline *tl, struct ptask *p, int how);

/* The signal is one that an instruction of the task's has raised. */
bool own_signal(struct ptask *p);
/* The task has met the trap of a count that is used up, and goes on at *go_on. */
bool at_trap(struct timeline *tl, struct ptask *p, raddr_t *go_on);

/* What a stop comes to; those of the agent are answered. */
int meet_trap(struct timeline *tl, struct ptask *p);
int meet_call(struct timeline *tl, struct ptask *p);
int come_to_end(struct timeline *tl, struct ptask *p);
int task_lost(struct timeline *tl, struct ptask *p);
/* Killed in running code, the task has made its last call: the interval ends behind that. */
bool has_died(const struct ptask *p);

/* --- place.c --- */
/* Whether passes have a meaning on this way: to a landing at a boundary, and nothing else counts.
 */
bool counts_passes(struct timeline *tl, struct ptask *p);
/* The task has come to a boundary by something else than landing_run_way(): whether that is a pass,
 * which is counted then. */
bool note_pass(struct timeline *tl, struct ptask *p);
/* At full speed from here on: arrivals and hits are counted from the same point as before, if all
 * since then was seen. */
void track_begin(struct timeline *tl, const struct ptask *p);
/* One more of `key`: how many there were. */
uint64_t track(struct timeline *tl, const struct ptask *p, uint64_t key);
/* The place is the known point, and this way from there. */
void place_by_way(struct timeline *tl, const struct ptask *p, struct way way);
/* One instruction further, or to a new tick or pass. */
void place_step(struct timeline *tl, struct ptask *p);
/* At the first boundary behind a tick, or of the interval; at a pass. */
void place_tick(struct timeline *tl, const struct ptask *p);

/* --- execute.c --- */
/* One instruction, wherever it leads to. */
int execute_one(struct timeline *tl, struct ptask *p);
/* Through code of ours to the next instruction of the program. */
int reach_boundary(struct timeline *tl, struct ptask *p);

#endif
