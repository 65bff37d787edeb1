/*
 * Emitting stubs: the counting sequences, displaced instructions, and the tables that tell what
 * each of their bytes is. Not for others than the instrumenter.
 *
 * Nothing has an address before all stubs are emitted: what depends on one is kept as a fixup, and
 * stubs_place() settles them all.
 */
#ifndef IMAGE_STUBS_H
#define IMAGE_STUBS_H

#include "base/map.h"
#include "image/code.h"

#define JMP_SIZE  5  /* jmp rel32: what a window begins with */
#define MAX_CLONE 40 /* instructions of a loop that can be cloned */

struct fixup {
	uint32_t pos; /* of the rel32: in the stubs, or, if `in_text`, in the text */
	uint8_t tail; /* bytes of the instruction behind it */
	bool in_text; /* leads from the text to a stub */
	bool jump;    /* leads to an instruction, not to data */
	uint64_t to;  /* address; in_text: offset in the stubs */
};

struct window_stub {
	uint32_t at, stub;
};

struct stubs {
	struct code *c;
	struct buf bytes, kept;
	struct image_entry *entries;
	size_t n_entries, cap_entries;
	struct fixup *fixups;
	size_t n_fixups, cap_fixups;
	struct image_patch *patches;
	size_t n_patches, cap_patches;
	struct window_stub *windows; /* of which instructions are displaced */
	size_t n_windows, cap_windows;
	struct map counted; /* stubs that count one and go on: by where they go to */
	struct map clones;  /* loops copied into stubs: by their heads */
};

void stubs_release(struct stubs *s);

/*
 * Overwrite the instructions first..last, which are whole, movable and free, by a jump to a stub
 * that runs them. `weight` ticks are counted before the first one; 0: none, but backward branches
 * among them count one when taken.
 */
void stubs_window(struct stubs *s, struct insn *first, struct insn *last, uint32_t weight);

/*
 * The same with the `syscall` instruction `call` among them, which the stub leaves to the agent
 * before; the end of the call, or of what follows it in the window, counts one tick.
 */
void stubs_syscall(struct stubs *s, struct insn *first, struct insn *call, struct insn *last);

/* The same with an instruction of the agent's (mem/insn_site.h), without a count. */
void stubs_insn(struct stubs *s, struct insn *first, struct insn *site, struct insn *last);

/* Make the instruction trap instead of being executed: the tracer does it. */
void stubs_trap(struct stubs *s, struct insn *i);

/* Lead the rel32 branch or call `i` through a stub that counts `weight` ticks; branches to one
 * place share it. */
void stubs_retarget(struct stubs *s, struct insn *i, uint32_t weight);

/*
 * Copy a loop, the `n` movable instructions `v`, sorted: `trips` copies in a row. A branch back
 * leads from each copy to the next one, and from the last one to a count for all of them. Branches
 * back to the same places that are patched afterwards lead to those counts. Control may leave to
 * what follows an instruction of `v`: no window may be there.
 */
void stubs_clone(struct stubs *s, struct insn *const *v, uint32_t n, uint32_t trips);

/*
 * Settle where the stubs are, write jumps to them into the texts of `im`, and hand all tables to
 * it. 0 or -ERANGE.
 */
int stubs_place(struct stubs *s, struct image *im, const struct image_options *opt);

#endif
