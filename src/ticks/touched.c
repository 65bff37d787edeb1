/*
 * The words of memory that a piece of code works with: what its state is in, if it is not in
 * registers.
 */
#include "mem/layout.h"
#include "ticks/gpr.h"
#include "ticks/landing.h"

#include <Zydis/Zydis.h>

#define WORD 8

static uint64_t value_of(const struct regs *r, ZydisRegister reg, raddr_t next)
{
	ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
	uint64_t value;

	if (whole == ZYDIS_REGISTER_RIP)
		return next;
	if (whole < ZYDIS_REGISTER_RAX || whole > ZYDIS_REGISTER_R15)
		return 0;
	value = gpr(r, whole - ZYDIS_REGISTER_RAX);
	return ZydisRegisterGetWidth(ZYDIS_MACHINE_MODE_LONG_64, reg) == 32 ? (uint32_t)value
									    : value;
}

static raddr_t address_of(const struct regs *r, const ZydisDecodedOperandMem *m, raddr_t next)
{
	raddr_t addr = value_of(r, m->base, next) + value_of(r, m->index, next) * m->scale +
		       (m->disp.has_displacement ? m->disp.value : 0);

	if (m->segment == ZYDIS_REGISTER_FS)
		addr += r->u.fs_base;
	if (m->segment == ZYDIS_REGISTER_GS)
		addr += r->u.gs_base;
	return addr;
}

static void note_word(struct touched *w, raddr_t addr, bool written)
{
	/* In what is ours the two runs differ. */
	if (overlaps_ours(addr, addr + WORD))
		return;
	for (size_t i = 0; i < w->n; i++)
		if (w->words[i].addr == addr) {
			w->words[i].written |= written;
			return;
		}
	if (w->n < TOUCHED_MAX)
		w->words[w->n++] = (struct touched_word){addr, written};
}

int touched_note(struct touched *w, struct task *t)
{
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction in;
	uint8_t bytes[15];
	ZydisDecoder d;
	size_t got;
	int ret = task_regs(t);

	if (ret || regs_arch(&t->regs) != ARCH_X86_64)
		return ret;
	got = mm_read_some(t->mm, t->regs.u.rip, bytes, sizeof(bytes));
	ZydisDecoderInit(&d, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&d, bytes, got, &in, op)))
		return 0;
	for (int i = 0; i < in.operand_count_visible; i++) {
		const bool written = op[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
		raddr_t addr, end;

		if (op[i].type != ZYDIS_OPERAND_TYPE_MEMORY ||
		    op[i].mem.type != ZYDIS_MEMOP_TYPE_MEM)
			continue;
		addr = address_of(&t->regs, &op[i].mem, t->regs.u.rip + in.length);
		end = addr + min_u64(op[i].size / 8, 4 * WORD);
		for (addr &= -(raddr_t)WORD; addr < end; addr += WORD)
			note_word(w, addr, written);
	}
	return 0;
}

static bool is_in_stack(const struct landing_point *p, raddr_t addr)
{
	return addr - (p->regs.u.rsp - LANDING_BELOW) <= LANDING_STACK - WORD;
}

static void add_words(struct landing_point *p, struct task *t, const struct touched *w,
		      bool written)
{
	for (size_t i = 0; i < w->n && p->n_words < LANDING_WORDS; i++) {
		struct landing_word *word = &p->words[p->n_words];

		if (w->words[i].written != written || is_in_stack(p, w->words[i].addr))
			continue;
		word->addr = w->words[i].addr;
		p->n_words += !mm_read(t->mm, word->addr, &word->value, WORD);
	}
}

void landing_add_words(struct landing_point *p, struct task *t, const struct touched *w)
{
	add_words(p, t, w, true);
	add_words(p, t, w, false);
}
