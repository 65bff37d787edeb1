/*
 * What can be said beforehand of a loop in a tracee: in how many of its trips registers cannot be
 * what they are at some point.
 *
 * A loop here is one path from its head back to it; where a conditional branch of it goes the other
 * way, the loop is left (to an *exit*). Jumps through registers that the path does not write always
 * go the same way, and so do returns to addresses that the path itself pushed (nothing is taken to
 * write over them). As long as no exit is met, each register that the path only adds constants to
 * runs through known values.
 */
#ifndef TICKS_LOOP_H
#define TICKS_LOOP_H

#include "abi/regs.h"
#include "mem/mm.h"

#define LOOP_MAX_PATH  128 /* instructions */
#define LOOP_MAX_EXITS 16

enum loop_change {
	CHANGE_NONE,	/* the path does not write the register */
	CHANGE_STEP,	/* adds `step` to all of it in each trip */
	CHANGE_STEP_32, /* ... to its lower half, and clears the upper one */
	CHANGE_ANY,
};

struct loop {
	raddr_t head;
	struct loop_reg {
		enum loop_change change;
		int64_t step;
	} regs[16]; /* numbered as the CPU does */
	raddr_t exits[LOOP_MAX_EXITS];
	size_t n_exits;
	/* The code, to see whether it is the same still. */
	size_t n;
	struct loop_insn {
		raddr_t addr;
		uint8_t length;
		uint8_t bytes[15];
	} path[LOOP_MAX_PATH];
};

/* The loop whose one path was seen to be addr[0] (the head) ... addr[n - 1], and the head again.
 * False: it is not of the kind. */
bool loop_analyse(struct loop *lp, const struct mm *mm, const raddr_t *addr, size_t n);
/* Whether the code is what was analysed. */
bool loop_unchanged(const struct loop *lp, const struct mm *mm);

#define LOOP_NEVER UINT64_MAX
/* With `now` at the head: how often the head is met again, at least, before the registers can be
 * `to` (LOOP_NEVER: not before the loop is left). 0: nothing is known. */
uint64_t loop_bound(const struct loop *lp, const struct regs *now, const struct regs *to);

#endif
