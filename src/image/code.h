/*
 * A file's code, decoded: what the parts of the instrumenter share among themselves (decode.c,
 * flow.c, windows.c, stubs.c, build.c). Not for others.
 *
 * Places in code are 32-bit distances from the first text segment's start ("at"), as in the image's
 * tables; instructions are stored once, 16 bytes each, in one array sorted by address.
 */
#ifndef IMAGE_CODE_H
#define IMAGE_CODE_H

#include "image/elf.h"
#include "image/image.h"

#define NOWHERE UINT32_MAX

enum insn_kind {
	INSN_PLAIN,
	INSN_JCC,
	INSN_JMP,	    /* direct */
	INSN_LOOP,	    /* loop, loopcc, jrcxz: rel8 only */
	INSN_CALL,	    /* direct */
	INSN_CALL_INDIRECT, /* also far ones */
	INSN_JMP_INDIRECT,
	INSN_RET,
	INSN_SYSCALL, /* and sysenter, int n: see is_syscall() */
	INSN_END,     /* ud2, hlt: what follows is not reached */
};

/* Arithmetic flags, as bits of struct insn. */
#define FLAG_CF	     1
#define FLAG_PF	     2
#define FLAG_AF	     4
#define FLAG_ZF	     8
#define FLAG_SF	     16
#define FLAG_OF	     32
#define FLAGS_ALL    63

#define INSN_MOVABLE 1 /* may be displaced */
#define INSN_RIP     2 /* has an operand relative to rip, its disp32 at `disp` */
#define INSN_NOP     4 /* does nothing */
#define INSN_PAUSE   8
#define INSN_REL32   16 /* a direct branch that ends with its rel32 */
#define INSN_LEA     32 /* lea from rip */
#define INSN_ENDBR   64
#define INSN_SITE    128 /* may be executed by the agent (mem/insn_site.h) */

#define PLAN_BACK    1	/* a backward branch, which is to count */
#define PLAN_CLAIMED 2	/* patched, or inside of a window */
#define PLAN_POINT   4	/* a count before it */
#define PLAN_EDGE    8	/* a count where it branches to */
#define PLAN_CALL    16 /* a call that counts, unless another does so before */
#define PLAN_FIRST   32 /* and none does */
#define PLAN_CHOSEN  64 /* a backward branch that has to count */
#define PLAN_CLONED  128

struct insn {
	uint32_t at;
	uint32_t target; /* of a direct branch; NOWHERE: out of the texts */
	uint8_t length;
	uint8_t kind;	/* enum insn_kind */
	uint8_t reads;	/* FLAG_*: of which it uses what was there before */
	uint8_t writes; /* FLAG_*: of which it leaves nothing */
	uint8_t props;	/* INSN_* */
	union {
		uint8_t disp;
		uint8_t site; /* of INSN_SITE: enum insn_site_kind */
	};
	uint8_t opcode;
	uint8_t plan; /* PLAN_* */
};

struct function {
	uint32_t start, end;
	size_t first, n;    /* instructions */
	bool left;	    /* not understood: not touched */
	bool indirect;	    /* has an indirect jump */
	bool called;	    /* found by calls alone (gaps.c): may use flags in ways of its own */
	uint32_t component; /* of the call graph */
	int8_t live; /* FLAG_*: that may be in use where an indirect jump goes; -1: not known */
};

struct code {
	const struct elf_file *elf;
	const uint8_t *text; /* the original bytes, by `at` */
	uint8_t *text_copy;  /* owns them if there are several texts */
	uint64_t base;	     /* texts[0].vaddr */
	uint64_t size;	     /* up to the end of the last text */
	struct insn *insns;
	size_t n_insns, cap_insns;
	struct function *functions;
	size_t n_functions;
	struct code_bits targets; /* every byte that something may jump to */
	struct code_bits named;	  /* those of them that are named by more than direct branches */
	struct code_bits pads;	  /* those at which exceptions land */
	struct code_bits tables;  /* those that jump tables name */
	struct code_bits data;	  /* what instructions read or write there */
	struct code_ranges plts;
	uint32_t *syscalls;
	size_t n_syscalls, cap_syscalls;
	uint64_t *leas; /* addresses outside of code that a `lea` names */
	size_t n_leas, cap_leas;
	struct image_stats *stats;
};

/* Make room for one more element. */
#define GROW(v, n, cap)                                            \
	do {                                                       \
		if ((n) == (cap)) {                                \
			(cap) = (cap) ? (cap)*2 : 64;              \
			(v) = xrealloc((v), (cap) * sizeof(*(v))); \
		}                                                  \
	} while (0)

static inline uint64_t code_vaddr(const struct code *c, uint32_t at)
{
	return c->base + at;
}

static inline bool is_branch(const struct insn *i)
{
	return i->kind == INSN_JCC || i->kind == INSN_JMP || i->kind == INSN_LOOP;
}

/* Whether control never goes on behind it. */
static inline bool is_end(const struct insn *i)
{
	return i->kind == INSN_JMP || i->kind == INSN_JMP_INDIRECT || i->kind == INSN_RET ||
	       i->kind == INSN_END;
}

/* The instruction 0f 05 itself, without prefixes. */
static inline bool is_syscall(const struct insn *i)
{
	return i->kind == INSN_SYSCALL && i->opcode == 0x05 && i->length == 2;
}

static inline bool is_target(const struct code *c, uint32_t at)
{
	return code_bits_test(&c->targets, code_vaddr(c, at));
}

/* --- build.c --- */

/* Decode and analyse the file `c->elf`, whose texts are those of `im`. To be released in any case.
 */
int code_open(struct code *c, const struct image *im);

/* --- decode.c --- */

/* Decode all functions; set the targets of direct branches and of instructions that name code. */
int code_decode(struct code *c);
void code_release(struct code *c);
/* Decode what stands at `at` and ends by `end`, and note nothing of it. */
enum code_read {
	READ_NOTHING, /* that is an instruction */
	READ_ODD,     /* one that has no business in a program */
	READ_USUAL,
};
enum code_read code_read(const struct code *c, uint32_t at, uint32_t end, struct insn *i);
/* Something may jump to the address; `named`: something else than a direct branch. */
void code_note_target(struct code *c, uint64_t vaddr, bool named);
/* The address of an INSN_RIP's operand. */
uint64_t code_rip_operand(const struct code *c, const struct insn *i);

/* The function that `at` lies in, or NULL. */
struct function *code_function(const struct code *c, uint32_t at);
/* The instruction of `f` that starts at `at`, or NULL. */
struct insn *code_insn(const struct code *c, const struct function *f, uint32_t at);
/* Whether a direct branch may lead to `at`, which is in `f`. */
bool code_may_enter(const struct code *c, const struct function *f, uint32_t at);
/* Whether a direct branch goes to a PLT. */
bool code_in_plt(const struct code *c, uint64_t vaddr);

/* --- gaps.c --- */

/* Find functions in what lies between those of `c`, and note what code there may jump to. 0, or
 * -ENOEXEC. Release *out in both cases. */
int code_search_gaps(struct code *c, struct code_ranges *out);

/* --- flow.c --- */

/* Find jump tables and set what is in them. */
void code_jump_tables(struct code *c);
/* Whether the indirect jump `i` of `f` goes through a table that only leads forward. */
bool code_forward_switch(struct code *c, struct function *f, const struct insn *i);
/* Which of the flags `wanted` may be used by what runs from `at` on. */
uint8_t code_live_flags(struct code *c, uint32_t at, uint8_t wanted);
/* Whether what runs from `at` on is known to use flags. */
bool code_uses_flags(struct code *c, uint32_t at);

/* --- calls.c --- */

/* Set each function's component, and what other functions jump to in it. */
void code_call_graph(struct code *c);
/* Whether the call or jump `i` of `f` may lie on a cycle of calls. */
bool code_recursive(const struct code *c, const struct function *f, const struct insn *i);
/* Set PLAN_FIRST on those with PLAN_CALL which can be reached without passing another. */
void code_first_calls(const struct code *c, const struct function *f);

/* --- windows.c --- */

struct stubs;
/* Choose the safepoints of `f` and emit their stubs. */
void plan_function(struct code *c, struct function *f, struct stubs *s);

#endif
