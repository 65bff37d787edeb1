/*
 * The evaluator of gdb's agent expressions: a stack of 64-bit values. The table says how many an
 * operation takes and leaves, so that over- and underflow are seen in one place, before it is done.
 */
#include "gdb/agent_expr.h"

#include "base/log.h"

#include <errno.h>

#define STACK_SIZE 64
#define STEPS_MAX  10000 /* gdb's expressions have no loops */

enum op {
#define OP(name, code, operand, pops, pushes) OP_##name = code,
#include "gdb/agent_expr.def"
#undef OP
};

struct op_row {
	bool known;
	uint8_t operand, pops, pushes;
};

static const struct op_row op_rows[256] = {
#define OP(name, code, operand, pops, pushes) [code] = {true, operand, pops, pushes},
#include "gdb/agent_expr.def"
#undef OP
};

struct machine {
	const struct agent_context *context;
	uint64_t stack[STACK_SIZE];
	size_t depth;
	size_t pc; /* of the next operation */
};

static uint64_t operand_value(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

/* The lowest `bits` of `v`, extended by zeros or by the highest of them. */
static uint64_t extend(uint64_t v, unsigned bits, bool is_signed)
{
	unsigned shift = 64 - bits;

	if (!bits || bits >= 64)
		return v;
	return is_signed ? (uint64_t)((int64_t)(v << shift) >> shift) : v << shift >> shift;
}

static int divide(enum op op, uint64_t a, uint64_t b, uint64_t *out)
{
	if (!b)
		return -EDOM;
	if (op == OP_DIV_UNSIGNED || op == OP_REM_UNSIGNED)
		*out = op == OP_DIV_UNSIGNED ? a / b : a % b;
	else if (b == UINT64_MAX) /* the least number divided by -1 traps */
		*out = op == OP_DIV_SIGNED ? -a : 0;
	else
		*out = op == OP_DIV_SIGNED ? (uint64_t)((int64_t)a / (int64_t)b)
					   : (uint64_t)((int64_t)a % (int64_t)b);
	return 0;
}

static uint64_t shift(enum op op, uint64_t a, uint64_t by)
{
	bool negative = op == OP_RSH_SIGNED && (int64_t)a < 0;

	if (by >= 64)
		return negative ? UINT64_MAX : 0;
	if (op == OP_LSH)
		return a << by;
	return op == OP_RSH_SIGNED ? (uint64_t)((int64_t)a >> by) : a >> by;
}

static int binary(enum op op, uint64_t a, uint64_t b, uint64_t *out)
{
	switch (op) {
	case OP_ADD:
		*out = a + b;
		return 0;
	case OP_SUB:
		*out = a - b;
		return 0;
	case OP_MUL:
		*out = a * b;
		return 0;
	case OP_BIT_AND:
		*out = a & b;
		return 0;
	case OP_BIT_OR:
		*out = a | b;
		return 0;
	case OP_BIT_XOR:
		*out = a ^ b;
		return 0;
	case OP_EQUAL:
		*out = a == b;
		return 0;
	case OP_LESS_SIGNED:
		*out = (int64_t)a < (int64_t)b;
		return 0;
	case OP_LESS_UNSIGNED:
		*out = a < b;
		return 0;
	case OP_LSH:
	case OP_RSH_SIGNED:
	case OP_RSH_UNSIGNED:
		*out = shift(op, a, b);
		return 0;
	case OP_DIV_SIGNED:
	case OP_DIV_UNSIGNED:
	case OP_REM_SIGNED:
	case OP_REM_UNSIGNED:
		return divide(op, a, b, out);
	default:
		return -EINVAL;
	}
}

static int reference(struct machine *m, enum op op, uint64_t *top)
{
	size_t n = 1u << (op - OP_REF8);
	uint64_t v = 0;
	int ret = m->context->read_memory(m->context->ctx, *top, &v, n);

	*top = v;
	return ret;
}

/* Operations on the top of the stack, and those that rearrange it. */
static int unary(struct machine *m, enum op op, uint64_t operand)
{
	uint64_t *top = &m->stack[m->depth - 1], tmp = *top;

	switch (op) {
	case OP_LOG_NOT:
		*top = !*top;
		return 0;
	case OP_BIT_NOT:
		*top = ~*top;
		return 0;
	case OP_EXT:
	case OP_ZERO_EXT:
		*top = extend(*top, operand, op == OP_EXT);
		return 0;
	case OP_REF8:
	case OP_REF16:
	case OP_REF32:
	case OP_REF64:
		return reference(m, op, top);
	case OP_DUP:
		m->stack[m->depth++] = tmp;
		return 0;
	case OP_POP:
		m->depth--;
		return 0;
	case OP_SWAP:
		top[0] = top[-1];
		top[-1] = tmp;
		return 0;
	case OP_ROT: /* a b c => c a b */
		top[0] = top[-1];
		top[-1] = top[-2];
		top[-2] = tmp;
		return 0;
	default:
		return -EINVAL;
	}
}

/* Operations that push a value. */
static int push(struct machine *m, enum op op, uint64_t operand)
{
	uint64_t v = operand;
	int ret = 0;

	if (op == OP_REG)
		ret = m->context->read_register(m->context->ctx, operand, &v);
	if (op == OP_PICK && operand >= m->depth)
		return -EINVAL;
	if (op == OP_PICK)
		v = m->stack[m->depth - 1 - operand];
	m->stack[m->depth++] = v;
	return ret;
}

static int execute(struct machine *m, enum op op, uint64_t operand)
{
	const struct op_row *row = &op_rows[op];
	int ret;

	if (m->depth < row->pops || m->depth - row->pops + row->pushes > STACK_SIZE)
		return -EINVAL;
	if (op == OP_GOTO || (op == OP_IF_GOTO && m->stack[--m->depth])) {
		m->pc = operand;
		return 0;
	}
	if (op == OP_IF_GOTO)
		return 0;
	if (!row->pops)
		return push(m, op, operand);
	if (row->pops != 2 || row->pushes != 1)
		return unary(m, op, operand);
	ret = binary(op, m->stack[m->depth - 2], m->stack[m->depth - 1], &m->stack[m->depth - 2]);
	m->depth--;
	return ret;
}

int agent_expr_evaluate(const uint8_t *code, size_t n, const struct agent_context *context,
			int64_t *value)
{
	struct machine m = {.context = context};

	for (int steps = 0; steps < STEPS_MAX; steps++) {
		const struct op_row *row;
		enum op op;
		size_t at = m.pc;
		int ret;

		if (at >= n)
			return -EINVAL;
		op = code[at];
		row = &op_rows[op];
		if (!row->known)
			return -ENOTSUP;
		if (n - at - 1 < row->operand)
			return -EINVAL;
		if (op == OP_END) {
			*value = m.depth ? (int64_t)m.stack[m.depth - 1] : 0;
			return m.depth ? 0 : -EINVAL;
		}
		m.pc = at + 1 + row->operand;
		ret = execute(&m, op, operand_value(code + at + 1, row->operand));
		if (ret)
			return ret;
	}
	return -ELOOP;
}
