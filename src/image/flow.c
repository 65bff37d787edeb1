/*
 * What can be reached from where: jump tables, and which arithmetic flags are in use.
 *
 * Jump tables matter twice. Their entries are targets, which a window must not hide: for that,
 * whatever a `lea` names is read as a table while it makes sense as one, so that no table is missed
 * whatever the code around it looks like. And a switch that only leads forward needs no count: for
 * that the table of the very jump is looked for; a mistake there costs liveness only.
 *
 * Flags are looked ahead for 24 instructions and three branches deep; a call and a return end the
 * search with all flags dead, as the ABI has it; but not those of functions that are found by calls
 * alone, which may be assembler with rules of its own.
 */
#include "image/code.h"

#include "base/search.h"

#include <errno.h>

#define LOOK_AHEAD	24
#define LOOK_DEPTH	3
#define MAX_TABLE	65536
#define TABLE_LOOK_BACK 20
#define LEA_LOOK_BACK	400

/* --- jump tables --- */

static int by_address(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int32_t read_i32(const uint8_t *p)
{
	int32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Where the table at `table` ends at the latest: where the next thing begins that code names. */
static uint64_t table_limit(const struct code *c, uint64_t table)
{
	size_t next = FIRST_WHERE(k, c->n_leas, c->leas[k] > table);

	return next < c->n_leas ? c->leas[next] : UINT64_MAX;
}

/* Entry `k` of a table of distances from itself, or NOWHERE at its end. */
static uint32_t table_entry(const struct code *c, uint64_t table, uint64_t limit, uint64_t k)
{
	const uint8_t *p;
	uint64_t to;

	if (table + 4 * k + 4 > limit)
		return NOWHERE;
	p = elf_at(c->elf, table + 4 * k, 4);
	if (!p)
		return NOWHERE;
	to = table + (uint64_t)(int64_t)read_i32(p) - c->base;
	return to < c->size && code_function(c, (uint32_t)to) ? (uint32_t)to : NOWHERE;
}

static void note_table(struct code *c, uint64_t table)
{
	uint64_t limit = table_limit(c, table);

	for (uint64_t k = 0; k < MAX_TABLE; k++) {
		uint32_t to = table_entry(c, table, limit, k);

		if (to == NOWHERE)
			return;
		code_bits_set(&c->targets, code_vaddr(c, to));
		code_bits_set(&c->tables, code_vaddr(c, to));
	}
}

void code_jump_tables(struct code *c)
{
	size_t n = 0;

	if (!c->n_leas)
		return;
	qsort(c->leas, c->n_leas, sizeof(*c->leas), by_address);
	for (size_t k = 0; k < c->n_leas; k++) {
		if (!n || c->leas[k] != c->leas[n - 1])
			c->leas[n++] = c->leas[k];
	}
	c->n_leas = n;
	for (size_t k = 0; k < n; k++)
		note_table(c, c->leas[k]);
}

/* What an instruction's ModRM byte names, with REX. */
struct operands {
	uint8_t opcode, mod, reg, rm, base; /* base: of a SIB byte */
	bool sib, wide;
	const uint8_t *disp; /* of a SIB byte */
};

static struct operands operands_of(const struct code *c, const struct insn *i)
{
	const uint8_t *p = c->text + i->at;
	struct operands o = {0};
	uint8_t rex = 0;

	while (*p == 0x3e || *p == 0xf2)
		p++;
	if ((*p & 0xf0) == 0x40)
		rex = *p++;
	o.opcode = *p++;
	o.wide = rex & 8;
	o.mod = *p >> 6;
	o.reg = (*p >> 3 & 7) | (rex & 4 ? 8 : 0);
	o.rm = (*p & 7) | (rex & 1 ? 8 : 0);
	if (o.mod != 3 && (*p & 7) == 4) {
		o.sib = true;
		o.base = (p[1] & 7) | (rex & 1 ? 8 : 0);
		o.disp = p + 2;
	}
	return o;
}

/* The address that the last `lea` into `reg` before `i` loads, or 0. */
static uint64_t last_lea(const struct code *c, const struct function *f, const struct insn *i,
			 uint8_t reg)
{
	const struct insn *first = &c->insns[f->first];

	for (int n = 0; i > first && n < LEA_LOOK_BACK; n++) {
		i--;
		if ((i->props & INSN_LEA) && operands_of(c, i).reg == reg)
			return code_rip_operand(c, i);
	}
	return 0;
}

static bool leads_forward(const struct code *c, uint64_t table, uint32_t at)
{
	uint64_t limit = table_limit(c, table), k;

	for (k = 0; k < MAX_TABLE; k++) {
		uint32_t to = table_entry(c, table, limit, k);

		if (to == NOWHERE)
			break;
		if (to <= at)
			return false;
	}
	return k > 0;
}

/* jmp *table(,index,8) */
static bool absolute_forward(const struct code *c, const struct function *f, const struct insn *i,
			     uint64_t table)
{
	uint64_t k;

	for (k = 0; k < MAX_TABLE; k++) {
		const uint8_t *p = elf_at(c->elf, table + 8 * k, 8);
		uint64_t to;

		if (!p)
			break;
		memcpy(&to, p, 8);
		to -= c->base;
		if (to < f->start || to >= f->end)
			break;
		if (to <= i->at)
			return false;
	}
	return k > 0;
}

bool code_forward_switch(struct code *c, struct function *f, const struct insn *i)
{
	const struct insn *first = &c->insns[f->first];
	struct operands jump = operands_of(c, i);
	const struct insn *p = i;

	if (jump.mod == 0 && jump.sib && (jump.base & 7) == 5 && c->elf->fixed)
		return absolute_forward(c, f, i, (uint32_t)read_i32(jump.disp));
	if (jump.mod != 3)
		return false;
	for (int n = 0; p > first && n < TABLE_LOOK_BACK; n++) {
		struct operands o;
		uint8_t other;
		uint64_t table;

		p--;
		if (p->kind != INSN_PLAIN)
			return false;
		if ((p->opcode != 0x01 && p->opcode != 0x03) || (p->props & INSN_NOP))
			continue;
		o = operands_of(c, p);
		if (!o.wide || o.mod != 3 || (o.opcode == 0x01 ? o.rm : o.reg) != jump.rm)
			continue;
		other = o.opcode == 0x01 ? o.reg : o.rm;
		table = last_lea(c, f, p, other);
		return table && leads_forward(c, table, i->at);
	}
	return false;
}

/* --- flags --- */

/* How far a search goes, and what it finds where it does not know: nothing, or all that it looks
 * for. */
struct search {
	int budget, depth;
	bool only_certain;
};

static uint8_t live_from(struct code *c, uint32_t at, uint8_t wanted, struct search s);

/* At whatever place in `f` is named as code by something other than a direct branch. */
static uint8_t indirect_live(struct code *c, struct function *f)
{
	const struct search s = {LOOK_AHEAD, LOOK_DEPTH, false};
	uint8_t live = 0;

	if (f->live >= 0)
		return (uint8_t)f->live;
	f->live = FLAGS_ALL;
	for (size_t k = f->first; k < f->first + f->n && live != FLAGS_ALL; k++) {
		uint32_t at = c->insns[k].at;

		if (code_bits_test(&c->named, code_vaddr(c, at)) ||
		    code_bits_test(&c->tables, code_vaddr(c, at)))
			live |= live_from(c, at, FLAGS_ALL & ~live, s);
	}
	f->live = (int8_t)live;
	return live;
}

static bool calls_found(const struct code *c, const struct insn *i)
{
	const struct function *f = i->target == NOWHERE ? NULL : code_function(c, i->target);

	return f && f->called;
}

static uint8_t live_from(struct code *c, uint32_t at, uint8_t wanted, struct search s)
{
	struct function *f = code_function(c, at);
	const struct insn *i, *end;
	uint8_t live = 0, unknown = s.only_certain ? 0 : FLAGS_ALL;

	i = f && !f->left ? code_insn(c, f, at) : NULL;
	if (!i)
		return code_in_plt(c, code_vaddr(c, at)) ? 0 : wanted & unknown;
	end = &c->insns[f->first + f->n];
	for (; i < end; i++) {
		if (!s.budget--)
			break;
		live |= i->reads & wanted;
		wanted &= ~(i->reads | i->writes);
		if (!wanted)
			return live;
		switch (i->kind) {
		case INSN_RET:
			return f->called ? live | (wanted & unknown) : live;
		case INSN_CALL:
			return calls_found(c, i) ? live | (wanted & unknown) : live;
		case INSN_CALL_INDIRECT:
			return live;
		case INSN_JMP_INDIRECT:
			return live | (wanted & unknown & indirect_live(c, f));
		case INSN_JMP:
			if (i->target == NOWHERE || !s.depth)
				return live | (wanted & unknown);
			s.depth--;
			return live | live_from(c, i->target, wanted, s);
		case INSN_JCC:
		case INSN_LOOP:
			if (i->target == NOWHERE || !s.depth)
				return live | (wanted & unknown);
			s.depth--;
			live |= live_from(c, i->target, wanted, s);
			wanted &= ~live;
			break;
		case INSN_END:
			return live | (wanted & unknown);
		default:
			break;
		}
	}
	return live | (wanted & unknown);
}

uint8_t code_live_flags(struct code *c, uint32_t at, uint8_t wanted)
{
	const struct search s = {LOOK_AHEAD, LOOK_DEPTH, false};

	return live_from(c, at, wanted, s);
}

bool code_uses_flags(struct code *c, uint32_t at)
{
	const struct search s = {LOOK_AHEAD, LOOK_DEPTH, true};

	return live_from(c, at, FLAGS_ALL, s);
}
