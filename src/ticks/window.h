/*
 * Whole instructions that a jump can take the place of, and the same instructions at another
 * address.
 *
 * Code may jump to the second or a later one of them: to a byte of the jump then, which is made one
 * that traps (window_jump()).
 */
#ifndef TICKS_WINDOW_H
#define TICKS_WINDOW_H

#include "mem/mm.h"

#define JUMP_SIZE	 5
#define WINDOW_MAX	 (JUMP_SIZE - 1 + 15)
#define WINDOW_MAX_INSNS JUMP_SIZE

enum move {
	MOVE_AS_IS,
	MOVE_RIP,  /* has an operand at a distance from itself */
	MOVE_JUMP, /* jmp, jcc ... */
	MOVE_COND,
	MOVE_SHORT, /* jrcxz, loop: there is no form that reaches far */
	MOVE_CALL,  /* pushes the original's return address */
	MOVE_CALL_REG,
};

struct window {
	raddr_t start;
	size_t length; /* bytes, JUMP_SIZE at least */
	size_t n;
	struct window_insn {
		enum move move;
		uint8_t offset, length;
		uint8_t disp;	   /* MOVE_RIP: where the distance stands */
		uint8_t reg;	   /* MOVE_CALL_REG */
		uint8_t condition; /* MOVE_COND */
		raddr_t target;	   /* of what is relative */
	} insns[WINDOW_MAX_INSNS];
	bool straight;	      /* a branch is at most the last one */
	unsigned int entries; /* bit N: code may jump to byte N */
	uint8_t bytes[WINDOW_MAX];
};

/* The window that begins at `start`. False: there is none. */
bool window_find(struct window *w, const struct mm *mm, raddr_t start);

/* Code that is being written, for an address. */
#define CODE_MAX 8192
struct code {
	raddr_t at;
	size_t n;
	bool too_far; /* something could not be reached */
	uint8_t bytes[CODE_MAX];
};
void code_put(struct code *c, const void *bytes, size_t n);
#define CODE_PUT(c, ...) \
	code_put(c, (const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}))
/* The distance to `target` from behind these four bytes. */
void code_put_rel32(struct code *c, raddr_t target);

/* The instructions, and the jump back; copies[i]: where (in c->bytes) instruction i begins. */
void window_emit(const struct window *w, struct code *c, size_t copies[WINDOW_MAX_INSNS]);

#define WINDOW_TRIES 256
/* For tries from 0 up: where a jump from the window may lead to, so that other entries trap. 0: it
 * is not an address. */
raddr_t window_jump_target(const struct window *w, unsigned int try);
/* What stands in the window then: w->length bytes. */
void window_jump(const struct window *w, raddr_t target, uint8_t out[WINDOW_MAX]);

#endif
