/*
 * Planning the safepoints of one function: windows.c and cover.c; and its ways to the agent:
 * sites.c.
 */
#ifndef IMAGE_PLAN_H
#define IMAGE_PLAN_H

#include "image/stubs.h"

struct plan {
	struct code *c;
	struct function *f;
	struct stubs *s;
	struct insn *first, *end; /* the function's instructions */
};

static inline uint32_t insn_end(const struct insn *i)
{
	return i->at + i->length;
}

/* The last instruction of the shortest window from `first` on, or NULL. */
struct insn *plan_reach(const struct plan *p, struct insn *first);

/* The window that holds `i` and begins at it or before, or NULL; *last is its last instruction. */
struct insn *plan_window_with(const struct plan *p, struct insn *i, struct insn **last);

/* Patch the function's `syscall` instructions; before anything else takes the bytes around them. */
void plan_syscalls(struct plan *p);
/* Patch the other instructions of the agent's, with what bytes are left. */
void plan_insns(struct plan *p);

/* How many places are left that may read the time-stamp counter (struct image_stats). When all
 * functions are planned. */
uint64_t plan_tsc_left(const struct code *c);

/* A direct call whose rel32 may be led elsewhere. */
static inline bool plan_can_count_call(const struct insn *i)
{
	return i->kind == INSN_CALL && i->opcode == 0xe8 && i->length == 5 &&
	       i->target != NOWHERE && !(i->plan & PLAN_CLAIMED);
}

/*
 * Whether all cycles have a safepoint: where not, put one anywhere on them; count the backward
 * branches for which that cannot be done. (cover.c)
 */
void plan_cover(struct plan *p);

/* Take PLAN_BACK from the branches that need not count, given what does already; copy small loops.
 */
void plan_choose(struct plan *p);

#endif
