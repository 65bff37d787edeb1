/*
 * The registers of a task. Everything that reads, compares or prints them goes through the table
 * (regs.def), so that there is no second list to keep in step; only the calling conventions of
 * system calls name registers directly.
 */
#include "abi/regs.h"

#include "base/log.h"

#include <inttypes.h>

#define ALL	 UINT64_MAX
#define LOW32	 UINT32_MAX
#define SELECTOR UINT16_MAX
/*
 * CF PF AF ZF SF DF OF NT AC ID. Not compared: TF and RF, which debuggers and the kernel set; IF
 * and the bits that are always one or zero (SDM vol. 1, 3.4.3).
 */
#define FLAGS 0x244cd5u

static const struct reg_desc table[] = {
#define REG(field, name, name32, gdb64, gdb32, mask64, mask32) \
	{name,                                                 \
	 name32,                                               \
	 offsetof(struct regs, u.field),                       \
	 sizeof(((struct regs *)NULL)->u.field),               \
	 {gdb64, gdb32},                                       \
	 {mask64, mask32}},
#include "abi/regs.def"
#undef REG
};

const struct reg_desc *reg_table(size_t *count)
{
	*count = ARRAY_SIZE(table);
	return table;
}

static uint64_t reg_value(const struct regs *r, const struct reg_desc *d)
{
	uint64_t v = 0;

	memcpy(&v, (const char *)r + d->offset, d->size);
	return v;
}

/* Where arguments are: syscall(2), table "Architecture calling conventions". */
static const uint16_t arg_offset[N_ARCHS][6] = {
	[ARCH_X86_64] = {offsetof(struct regs, u.rdi), offsetof(struct regs, u.rsi),
			 offsetof(struct regs, u.rdx), offsetof(struct regs, u.r10),
			 offsetof(struct regs, u.r8), offsetof(struct regs, u.r9)},
	[ARCH_I386] = {offsetof(struct regs, u.rbx), offsetof(struct regs, u.rcx),
		       offsetof(struct regs, u.rdx), offsetof(struct regs, u.rsi),
		       offsetof(struct regs, u.rdi), offsetof(struct regs, u.rbp)},
};

uint64_t regs_get_arg(const struct regs *r, int i)
{
	enum abi_arch arch = regs_arch(r);
	uint64_t v;

	BUG_ON(i < 0 || i >= 6);
	memcpy(&v, (const char *)r + arg_offset[arch][i], sizeof(v));
	return arch == ARCH_I386 ? (uint32_t)v : v;
}

void regs_set_arg(struct regs *r, int i, uint64_t v)
{
	enum abi_arch arch = regs_arch(r);

	BUG_ON(i < 0 || i >= 6);
	if (arch == ARCH_I386)
		v = (uint32_t)v;
	memcpy((char *)r + arg_offset[arch][i], &v, sizeof(v));
}

void regs_to_call(const struct regs *r, struct abi_call *call)
{
	call->arch = regs_arch(r);
	call->nr = (int)r->u.orig_rax;
	for (int i = 0; i < 6; i++)
		call->arg[i] = regs_get_arg(r, i);
	call->ret = call->arch == ARCH_I386 ? (int32_t)r->u.rax : (int64_t)r->u.rax;
}

/*
 * At entry rax is -ENOSYS, and on x86-64 the instruction has put rip into rcx and eflags into r11;
 * a 32-bit task's ecx is its second argument, whichever instruction it used.
 */
static bool is_compared(const struct reg_desc *d, enum abi_arch arch, bool at_entry)
{
	if (!at_entry)
		return d->offset != offsetof(struct regs, u.orig_rax);
	if (d->offset == offsetof(struct regs, u.rax))
		return false;
	return arch == ARCH_I386 || (d->offset != offsetof(struct regs, u.rcx) &&
				     d->offset != offsetof(struct regs, u.r11));
}

static const char *reg_name(const struct reg_desc *d, enum abi_arch arch)
{
	return arch == ARCH_I386 && d->name32 ? d->name32 : d->name;
}

bool regs_equal(const struct regs *recorded, const struct regs *replayed, bool at_entry,
		struct buf *diff)
{
	enum abi_arch arch = regs_arch(recorded);
	bool equal = true;

	for (const struct reg_desc *d = table; d < table + ARRAY_SIZE(table); d++) {
		uint64_t a = reg_value(recorded, d) & d->compare_mask[arch];
		uint64_t b = reg_value(replayed, d) & d->compare_mask[arch];

		if (a == b || !is_compared(d, arch, at_entry))
			continue;
		equal = false;
		if (diff)
			buf_addf(diff, "  %s  recorded 0x%" PRIx64 "  replayed 0x%" PRIx64 "\n",
				 reg_name(d, arch), a, b);
	}
	return equal;
}

void regs_format(const struct regs *r, struct buf *out)
{
	enum abi_arch arch = regs_arch(r);
	int column = 0;

	for (const struct reg_desc *d = table; d < table + ARRAY_SIZE(table); d++) {
		if (arch == ARCH_I386 && !d->name32)
			continue;
		buf_addf(out, "%s%8s 0x%-16" PRIx64, column ? "  " : "", reg_name(d, arch),
			 reg_value(r, d));
		column = (column + 1) % 4;
		if (column == 0)
			buf_addch(out, '\n');
	}
	if (column)
		buf_addch(out, '\n');
}
