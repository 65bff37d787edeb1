/*
 * Finding windows by decoding from their first instruction, and rewriting what is relative in them.
 */
#include "ticks/window.h"

#include "base/log.h"
#include "ticks/gpr.h"

#include <Zydis/Zydis.h>

/* --- finding --- */

static bool move_branch(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *op,
			struct window_insn *wi)
{
	const bool direct = op[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;

	if (in->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR || in->operand_width != 64)
		return false;
	switch (in->mnemonic) {
	case ZYDIS_MNEMONIC_CALL:
		wi->move = direct ? MOVE_CALL : MOVE_CALL_REG;
		wi->reg = op[0].reg.value - ZYDIS_REGISTER_RAX;
		return direct || (op[0].type == ZYDIS_OPERAND_TYPE_REGISTER && wi->reg != GPR_RSP);
	case ZYDIS_MNEMONIC_JMP:
		wi->move = direct ? MOVE_JUMP : MOVE_AS_IS;
		return true;
	case ZYDIS_MNEMONIC_RET:
		wi->move = MOVE_AS_IS;
		return true;
	case ZYDIS_MNEMONIC_XBEGIN:
		return false;
	case ZYDIS_MNEMONIC_JRCXZ:
	case ZYDIS_MNEMONIC_JECXZ:
	case ZYDIS_MNEMONIC_LOOP:
	case ZYDIS_MNEMONIC_LOOPE:
	case ZYDIS_MNEMONIC_LOOPNE:
		wi->move = MOVE_SHORT;
		return true;
	default:
		wi->move = MOVE_COND;
		wi->condition = in->opcode & 0x0f;
		return in->meta.category == ZYDIS_CATEGORY_COND_BR;
	}
}

/* Whether it does the same elsewhere, and how. */
static bool can_move(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *op,
		     struct window_insn *wi)
{
	switch (in->meta.category) {
	case ZYDIS_CATEGORY_CALL:
	case ZYDIS_CATEGORY_COND_BR:
	case ZYDIS_CATEGORY_UNCOND_BR:
	case ZYDIS_CATEGORY_RET:
		if (!move_branch(in, op, wi))
			return false;
		break;
	case ZYDIS_CATEGORY_SYSCALL:
	case ZYDIS_CATEGORY_SYSRET:
	case ZYDIS_CATEGORY_INTERRUPT:
	case ZYDIS_CATEGORY_SYSTEM:
		return false;
	default:
		/* It traps in a recording, where it stands; or can be in the middle of itself. */
		if (in->mnemonic == ZYDIS_MNEMONIC_CPUID || in->mnemonic == ZYDIS_MNEMONIC_RDTSC ||
		    in->mnemonic == ZYDIS_MNEMONIC_RDTSCP ||
		    (in->attributes &
		     (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE)))
			return false;
		wi->move = MOVE_AS_IS;
	}
	if (wi->move == MOVE_AS_IS && (in->attributes & ZYDIS_ATTRIB_IS_RELATIVE)) {
		wi->move = MOVE_RIP;
		wi->disp = in->raw.disp.offset;
		return in->raw.disp.size == 32 && in->address_width == 64;
	}
	return true;
}

static raddr_t target_of(const ZydisDecodedInstruction *in, const struct window_insn *wi,
			 raddr_t addr)
{
	switch (wi->move) {
	case MOVE_RIP:
		return addr + in->length + in->raw.disp.value;
	case MOVE_JUMP:
	case MOVE_COND:
	case MOVE_SHORT:
	case MOVE_CALL:
		return addr + in->length + in->raw.imm[0].value.s;
	default:
		return 0;
	}
}

static bool ends_flow(const ZydisDecodedInstruction *in)
{
	return in->meta.category == ZYDIS_CATEGORY_UNCOND_BR ||
	       in->meta.category == ZYDIS_CATEGORY_RET;
}

bool window_find(struct window *w, const struct mm *mm, raddr_t start)
{
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction in;
	ZydisDecoder d;
	size_t got;

	*w = (struct window){.start = start, .straight = true};
	got = mm_read_some(mm, start, w->bytes, sizeof(w->bytes));
	ZydisDecoderInit(&d, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	while (w->length < JUMP_SIZE) {
		struct window_insn *wi = &w->insns[w->n];

		w->entries |= 1u << w->length;
		if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&d, w->bytes + w->length, got - w->length,
							 &in, op)) ||
		    !can_move(&in, op, wi))
			return false;
		wi->target = target_of(&in, wi, start + w->length);
		wi->offset = w->length;
		wi->length = in.length;
		w->length += in.length;
		w->n++;
		if (w->length < JUMP_SIZE && wi->move != MOVE_AS_IS && wi->move != MOVE_RIP)
			w->straight = false;
		if (!ends_flow(&in) || w->length >= JUMP_SIZE)
			continue;
		/* Whatever follows belongs to others. */
		w->straight = false;
		w->entries |= (1u << JUMP_SIZE) - (1u << w->length);
		w->length = JUMP_SIZE;
		return got >= JUMP_SIZE;
	}
	return true;
}

/* --- code --- */

void code_put(struct code *c, const void *bytes, size_t n)
{
	BUG_ON(c->n + n > sizeof(c->bytes));
	memcpy(c->bytes + c->n, bytes, n);
	c->n += n;
}

void code_put_rel32(struct code *c, raddr_t target)
{
	int64_t distance = target - (c->at + c->n + 4);
	int32_t d = distance;

	c->too_far |= d != distance;
	code_put(c, &d, sizeof(d));
}

/* --- the copies --- */

static size_t size_of(const struct window_insn *wi)
{
	switch (wi->move) {
	case MOVE_AS_IS:
	case MOVE_RIP:
		break;
	case MOVE_JUMP:
		return 5;
	case MOVE_COND:
		return 6;
	case MOVE_SHORT:
		return wi->length + 2 + 5;
	case MOVE_CALL:
		return 6 + 5 + 8;
	case MOVE_CALL_REG:
		return 6 + 3 + 8;
	}
	return wi->length;
}

/* A jump to another instruction of the window goes to its copy. */
static raddr_t moved_target(const struct window *w, const struct code *c, const size_t *copies,
			    raddr_t target)
{
	for (size_t i = 1; i < w->n; i++)
		if (target == w->start + w->insns[i].offset)
			return c->at + copies[i];
	return target;
}

static void put_push_return(const struct window *w, const struct window_insn *wi, struct code *c,
			    const uint8_t *jump, size_t n)
{
	const raddr_t back = w->start + wi->offset + wi->length;
	const raddr_t slot = c->at + c->n + size_of(wi) - sizeof(back);

	CODE_PUT(c, 0xff, 0x35); /* push [slot] */
	code_put_rel32(c, slot);
	code_put(c, jump, n);
	if (wi->move == MOVE_CALL)
		code_put_rel32(c, wi->target);
	code_put(c, &back, sizeof(back));
}

static void put_insn(const struct window *w, const struct window_insn *wi, struct code *c,
		     const size_t *copies)
{
	const uint8_t *bytes = w->bytes + wi->offset;
	const raddr_t target = moved_target(w, c, copies, wi->target);

	switch (wi->move) {
	case MOVE_AS_IS:
		code_put(c, bytes, wi->length);
		break;
	case MOVE_RIP: {
		const size_t behind = wi->length - wi->disp - 4;

		code_put(c, bytes, wi->disp);
		code_put_rel32(c, wi->target - behind);
		code_put(c, bytes + wi->disp + 4, behind);
		break;
	}
	case MOVE_JUMP:
		CODE_PUT(c, 0xe9);
		code_put_rel32(c, target);
		break;
	case MOVE_COND:
		CODE_PUT(c, 0x0f, 0x80 | wi->condition);
		code_put_rel32(c, target);
		break;
	case MOVE_SHORT:
		code_put(c, bytes, wi->length - 1);
		CODE_PUT(c, 2, 0xeb, 5, 0xe9);
		code_put_rel32(c, target);
		break;
	case MOVE_CALL:
		put_push_return(w, wi, c, (const uint8_t[]){0xe9}, 1);
		break;
	case MOVE_CALL_REG:
		put_push_return(w, wi, c,
				(const uint8_t[]){0x40 | wi->reg >> 3, 0xff, 0xe0 | (wi->reg & 7)},
				3);
		break;
	}
}

void window_emit(const struct window *w, struct code *c, size_t copies[WINDOW_MAX_INSNS])
{
	size_t at = c->n;

	for (size_t i = 0; i < w->n; i++) {
		copies[i] = at;
		at += size_of(&w->insns[i]);
	}
	for (size_t i = 0; i < w->n; i++) {
		BUG_ON(c->n != copies[i]);
		put_insn(w, &w->insns[i], c, copies);
	}
	CODE_PUT(c, 0xe9);
	code_put_rel32(c, w->start + w->length);
}

/* --- the jump --- */

#define INT3 0xcc

/* Opcodes that 64-bit mode does not have, hlt and int3 (SDM vol. 2, A.3). */
static const uint8_t trapping[] = {0x06, 0xf4, 0x07, 0xea, 0x0e, 0xd6, 0x16, 0xd4, 0x17, 0xce,
				   0x1e, INT3, 0x1f, 0x27, 0x2f, 0x37, 0x3f, 0x60, 0x61};

raddr_t window_jump_target(const struct window *w, unsigned int try)
{
	const int away = 1 + try / 2;
	uint8_t d[4] = {0, 0, try % 16 << 4, try % 2 ? away : -away};
	int32_t distance;
	raddr_t target;

	/* Byte 0 of the jump is its opcode. */
	for (int i = 0; i < 3; i++)
		if (w->entries & 2u << i)
			d[i] = INT3;
	if (w->entries & 2u << 3)
		d[3] = trapping[try % sizeof(trapping)];
	else if (away > 60)
		return 0;
	memcpy(&distance, d, sizeof(d));
	target = w->start + JUMP_SIZE + (int64_t)distance;
	/* Not so near to the ends of the address space that it goes around. */
	return (distance < 0) == (target < w->start) && target >> 47 == 0 && target > 1 << 21
		       ? target
		       : 0;
}

void window_jump(const struct window *w, raddr_t target, uint8_t out[WINDOW_MAX])
{
	const int32_t d = target - (w->start + JUMP_SIZE);

	memset(out, INT3, w->length);
	out[0] = 0xe9;
	memcpy(out + 1, &d, sizeof(d));
}
