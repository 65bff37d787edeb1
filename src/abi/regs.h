/*
 * The registers of a task, as a table (regs.def): offset, size, name, gdb's number, and which bits
 * must be equal in replay. Used for comparing and printing, and later by gdb.
 */
#ifndef ABI_REGS_H
#define ABI_REGS_H

#include "abi/abi.h"
#include "base/buf.h"

#include <sys/user.h>

/* General-purpose registers as PTRACE_GETREGS gives them to a 64-bit tracer, for either kind of
 * tracee. */
struct regs {
	struct user_regs_struct u;
};

struct reg_desc {
	const char *name;
	const char *name32;		/* as a 32-bit task calls it; NULL: it does not have it */
	uint16_t offset;		/* in struct regs */
	uint8_t size;			/* bytes */
	int16_t gdb_num[N_ARCHS];	/* in gdb's numbering for the architecture, -1: none */
	uint64_t compare_mask[N_ARCHS]; /* bits that replay must reproduce; 0: not compared */
};

const struct reg_desc *reg_table(size_t *count);

static inline enum abi_arch regs_arch(const struct regs *r)
{
	return r->u.cs == 0x23 ? ARCH_I386 : ARCH_X86_64; /* __USER32_CS, asm/segment.h */
}

/* The system call in the registers at a system-call stop: number (orig_rax) and arguments; ret =
 * rax. */
void regs_to_call(const struct regs *r, struct abi_call *call);
uint64_t regs_get_arg(const struct regs *r, int i);
void regs_set_arg(struct regs *r, int i, uint64_t v);

/*
 * Whether two sets are equal as far as replay must reproduce them. `at_entry`: both are at a
 * system-call entry, where rcx and r11 (clobbered by the instruction) and rax (-ENOSYS) say
 * nothing; otherwise orig_rax says nothing. On a difference, append a line per differing register
 * ("  rbx  recorded 0x1  replayed 0x2") to `diff` if it is not NULL.
 */
bool regs_equal(const struct regs *recorded, const struct regs *replayed, bool at_entry,
		struct buf *diff);

/* All registers, a few to a line. */
void regs_format(const struct regs *r, struct buf *out);

#endif
