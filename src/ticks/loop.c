/*
 * A path's effect on each general register: nothing, a constant step, or anything.
 */
#include "ticks/loop.h"

#include <Zydis/Zydis.h>

static size_t field_of(int reg)
{
	static const size_t fields[16] = {
		offsetof(struct user_regs_struct, rax), offsetof(struct user_regs_struct, rcx),
		offsetof(struct user_regs_struct, rdx), offsetof(struct user_regs_struct, rbx),
		offsetof(struct user_regs_struct, rsp), offsetof(struct user_regs_struct, rbp),
		offsetof(struct user_regs_struct, rsi), offsetof(struct user_regs_struct, rdi),
		offsetof(struct user_regs_struct, r8),	offsetof(struct user_regs_struct, r9),
		offsetof(struct user_regs_struct, r10), offsetof(struct user_regs_struct, r11),
		offsetof(struct user_regs_struct, r12), offsetof(struct user_regs_struct, r13),
		offsetof(struct user_regs_struct, r14), offsetof(struct user_regs_struct, r15),
	};

	return fields[reg];
}

static uint64_t reg_of(const struct regs *r, int reg)
{
	return *(const unsigned long long *)((const char *)&r->u + field_of(reg));
}

/* The CPU's number of the general register that `reg` is part of; -1: it is none. */
static int reg_number(ZydisRegister reg)
{
	ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);

	if (whole < ZYDIS_REGISTER_RAX || whole > ZYDIS_REGISTER_R15)
		return -1;
	return whole - ZYDIS_REGISTER_RAX;
}

/* --- the effect of an instruction --- */

/* If it adds a constant to its first operand, a register: *step. */
static bool constant_step(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *op,
			  int64_t *step)
{
	bool has_imm = in->operand_count_visible == 2 && op[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;

	switch (in->mnemonic) {
	case ZYDIS_MNEMONIC_INC:
		*step = 1;
		return true;
	case ZYDIS_MNEMONIC_DEC:
		*step = -1;
		return true;
	case ZYDIS_MNEMONIC_ADD:
		*step = op[1].imm.value.s;
		return has_imm;
	case ZYDIS_MNEMONIC_SUB:
		*step = -op[1].imm.value.s;
		return has_imm;
	case ZYDIS_MNEMONIC_LEA:
		*step = op[1].mem.disp.value;
		return op[1].mem.index == ZYDIS_REGISTER_NONE && in->address_width == 64 &&
		       op[1].mem.base != ZYDIS_REGISTER_NONE &&
		       reg_number(op[1].mem.base) == reg_number(op[0].reg.value);
	default:
		return false;
	}
}

static void add_step(struct loop_reg *r, enum loop_change change, int64_t step)
{
	if (r->change != CHANGE_NONE && r->change != change)
		change = CHANGE_ANY;
	r->change = change;
	r->step += step;
}

static void note_writes(struct loop *lp, const ZydisDecodedInstruction *in,
			const ZydisDecodedOperand *op)
{
	for (int i = 0; i < in->operand_count; i++) {
		enum loop_change change = CHANGE_ANY;
		int64_t step = 0;
		int reg;

		if (op[i].type != ZYDIS_OPERAND_TYPE_REGISTER ||
		    !(op[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			continue;
		reg = reg_number(op[i].reg.value);
		if (reg < 0)
			continue;
		if (i == 0 && (op[0].size == 64 || op[0].size == 32) &&
		    constant_step(in, op, &step))
			change = op[0].size == 64 ? CHANGE_STEP : CHANGE_STEP_32;
		add_step(&lp->regs[reg], change, step);
	}
}

/* --- the path --- */

/*
 * What the path has pushed: for a return, where it leads. Deeper changes of the stack pointer than
 * by push, pop, call and ret are not followed.
 */
#define MAX_DEPTH 32
#define BASE	  8 /* entries that were there before, which the path may take off and put back */

struct pushed {
	raddr_t addr; /* a return address; 0: something else */
	int reg;      /* or what this register has; -1: something else */
};

struct path_state {
	struct pushed stack[MAX_DEPTH];
	size_t depth;
	raddr_t returned[BASE]; /* where a return by such an entry led; 0: it was not used so */
	uint32_t constant;	/* registers that must turn out not to be written */
};

static bool push(struct path_state *st, raddr_t addr, int reg)
{
	if (st->depth == MAX_DEPTH)
		return false;
	st->stack[st->depth++] = (struct pushed){addr, reg};
	return true;
}

static bool pop(struct path_state *st)
{
	return st->depth && st->depth--;
}

static bool is_constant(struct path_state *st, int reg)
{
	if (reg < 0)
		return false;
	st->constant |= 1u << reg;
	return true;
}

/* A return to `next`, as was seen: whether it will always go there. */
static bool returns_to(struct path_state *st, raddr_t next)
{
	const struct pushed *top;

	if (!st->depth)
		return false;
	top = &st->stack[--st->depth];
	if (st->depth < BASE && !top->addr && top->reg < 0) {
		st->returned[st->depth] = next;
		return true;
	}
	return top->addr ? top->addr == next : is_constant(st, top->reg);
}

static bool on_path(const struct loop *lp, raddr_t addr)
{
	for (size_t i = 0; i < lp->n; i++)
		if (lp->path[i].addr == addr)
			return true;
	return false;
}

static bool add_exit(struct loop *lp, raddr_t addr)
{
	for (size_t i = 0; i < lp->n_exits; i++)
		if (lp->exits[i] == addr)
			return true;
	if (lp->n_exits == LOOP_MAX_EXITS)
		return false;
	lp->exits[lp->n_exits++] = addr;
	return true;
}

static bool is_register(const ZydisDecodedOperand *op, ZydisRegister reg)
{
	return op->type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       reg_number(op->reg.value) == reg_number(reg);
}

static bool moves_stack(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *op)
{
	for (int i = 0; i < in->operand_count; i++)
		if ((op[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) &&
		    is_register(&op[i], ZYDIS_REGISTER_RSP))
			return true;
	return false;
}

/* Whether the instruction leads to `next`, as was seen, or to an exit. */
static bool note_flow(struct loop *lp, struct path_state *st, const ZydisDecodedInstruction *in,
		      const ZydisDecodedOperand *op, raddr_t addr, raddr_t next)
{
	const raddr_t behind = addr + in->length;
	raddr_t target;

	switch (in->meta.category) {
	case ZYDIS_CATEGORY_CALL:
		if (!push(st, behind, -1))
			return false;
		/* fallthrough */
	case ZYDIS_CATEGORY_COND_BR:
	case ZYDIS_CATEGORY_UNCOND_BR:
		if (op[0].type == ZYDIS_OPERAND_TYPE_REGISTER)
			return is_constant(st, reg_number(op[0].reg.value));
		if (op[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE || !op[0].imm.is_relative)
			return false;
		target = behind + op[0].imm.value.u;
		if (in->meta.category != ZYDIS_CATEGORY_COND_BR)
			return next == target;
		if (next != target && next != behind)
			return false;
		return target == behind || add_exit(lp, next == target ? behind : target);
	case ZYDIS_CATEGORY_RET:
		return in->mnemonic == ZYDIS_MNEMONIC_RET &&
		       in->meta.branch_type == ZYDIS_BRANCH_TYPE_NEAR &&
		       !in->operand_count_visible && returns_to(st, next);
	case ZYDIS_CATEGORY_PUSH:
		return next == behind && in->mnemonic == ZYDIS_MNEMONIC_PUSH &&
		       push(st, 0,
			    op[0].type == ZYDIS_OPERAND_TYPE_REGISTER && op[0].size == 64
				    ? reg_number(op[0].reg.value)
				    : -1);
	case ZYDIS_CATEGORY_POP:
		return next == behind && in->mnemonic == ZYDIS_MNEMONIC_POP &&
		       !is_register(&op[0], ZYDIS_REGISTER_RSP) && pop(st);
	case ZYDIS_CATEGORY_SYSCALL:
	case ZYDIS_CATEGORY_SYSRET:
	case ZYDIS_CATEGORY_INTERRUPT:
	case ZYDIS_CATEGORY_SYSTEM:
		return false;
	default:
		/* A repeated one that is not over, or a transaction that was undone. */
		return next == behind && !moves_stack(in, op) &&
		       !(in->attributes &
			 (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE));
	}
}

bool loop_analyse(struct loop *lp, const struct mm *mm, const raddr_t *addr, size_t n)
{
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
	struct path_state st = {.depth = BASE};
	ZydisDecodedInstruction in;
	ZydisDecoder decoder;

	*lp = (struct loop){.head = addr[0]};
	for (size_t i = 0; i < BASE; i++)
		st.stack[i].reg = -1;
	if (!n || n > LOOP_MAX_PATH)
		return false;
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (size_t i = 0; i < n; i++) {
		struct loop_insn *li = &lp->path[i];
		size_t got = mm_read_some(mm, addr[i], li->bytes, sizeof(li->bytes));

		if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, li->bytes, got, &in, op)))
			return false;
		if (!note_flow(lp, &st, &in, op, addr[i], i + 1 < n ? addr[i + 1] : addr[0]))
			return false;
		li->addr = addr[i];
		li->length = in.length;
		lp->n = i + 1;
		note_writes(lp, &in, op);
	}
	for (size_t i = 0; i < lp->n_exits; i++)
		if (on_path(lp, lp->exits[i]))
			return false;
	for (int reg = 0; reg < 16; reg++)
		if (st.constant & 1u << reg && lp->regs[reg].change != CHANGE_NONE)
			return false;
	/* The next trip finds on the stack what this one did. */
	for (size_t i = 0; i < BASE; i++)
		if (st.returned[i] && st.stack[i].addr != st.returned[i])
			return false;
	return st.depth == BASE;
}

bool loop_unchanged(const struct loop *lp, const struct mm *mm)
{
	for (size_t i = 0; i < lp->n; i++) {
		const struct loop_insn *li = &lp->path[i];
		uint8_t now[sizeof(li->bytes)];

		if (mm_read_some(mm, li->addr, now, li->length) != li->length ||
		    memcmp(now, li->bytes, li->length))
			return false;
	}
	return true;
}

/* --- bounds --- */

/* In 64 bits no register comes round again. */
static uint64_t trips_64(int64_t ahead, int64_t step)
{
	if (!step)
		return ahead ? LOOP_NEVER : 0;
	if (ahead % step || ahead / step <= 0)
		return LOOP_NEVER;
	return ahead / step;
}

static uint64_t trips_32(uint64_t from, uint64_t to, int64_t step)
{
	uint32_t ahead = step > 0 ? to - from : from - to;
	uint32_t by = step > 0 ? step : -step;

	if (to > UINT32_MAX)
		return LOOP_NEVER;
	if (!by)
		return ahead ? LOOP_NEVER : 0;
	return ahead % by ? 0 : ahead / by;
}

static uint64_t trips(const struct loop_reg *r, uint64_t from, uint64_t to)
{
	switch (r->change) {
	case CHANGE_NONE:
		return from == to ? 0 : LOOP_NEVER;
	case CHANGE_STEP:
		return trips_64(to - from, r->step);
	case CHANGE_STEP_32:
		return trips_32(from, to, r->step);
	case CHANGE_ANY:
		break;
	}
	return 0;
}

uint64_t loop_bound(const struct loop *lp, const struct regs *now, const struct regs *to)
{
	uint64_t bound = 0;

	for (int reg = 0; reg < 16; reg++)
		bound = max_u64(bound, trips(&lp->regs[reg], reg_of(now, reg), reg_of(to, reg)));
	return bound;
}
