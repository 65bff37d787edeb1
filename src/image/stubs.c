/*
 * Emitting stubs (DESIGN 4.1).
 *
 * A count comes in two forms. Where the arithmetic flags are dead, the word in the tick page is
 * decremented, and a branch taken when it is used up leads to an int3. Elsewhere rcx is borrowed:
 * mov, lea and jrcxz change no flags. Neither touches the stack: the program may keep something
 * below its stack pointer. At every int3 all registers are the program's.
 *
 * The int3 lies before the stub's entry or behind its last jump, so that the way that nearly always
 * is taken is straight.
 */
#include "image/emit.h"

#include "base/log.h"
#include "mem/layout.h"

#define LOOP_ALIGN 32

void stubs_release(struct stubs *s)
{
	buf_release(&s->bytes);
	buf_release(&s->kept);
	free(s->entries);
	free(s->fixups);
	free(s->patches);
	free(s->windows);
	map_release(&s->counted);
	map_release(&s->clones);
}

struct image_entry *emit_entry(struct stubs *s, enum image_where where, uint32_t original)
{
	struct image_entry *e;

	BUG_ON(s->n_entries && s->entries[s->n_entries - 1].stub == here(s));
	GROW(s->entries, s->n_entries, s->cap_entries);
	e = &s->entries[s->n_entries++];
	*e = (struct image_entry){.stub = here(s), .where = where, .original = original};
	return e;
}

void emit_fix(struct stubs *s, uint32_t pos, uint8_t tail, uint64_t to, bool jump)
{
	GROW(s->fixups, s->n_fixups, s->cap_fixups);
	s->fixups[s->n_fixups++] = (struct fixup){.pos = pos, .tail = tail, .to = to, .jump = jump};
}

static void fix_text(struct stubs *s, uint32_t at, uint32_t stub)
{
	GROW(s->fixups, s->n_fixups, s->cap_fixups);
	s->fixups[s->n_fixups++] = (struct fixup){.pos = at, .in_text = true, .to = stub};
}

/* rel32 to an address of the original */
static void put_rel32(struct stubs *s, uint64_t to)
{
	emit_fix(s, here(s), 0, to, true);
	put32(s, 0);
}

void emit_jmp(struct stubs *s, uint64_t to)
{
	emit_entry(s, IMAGE_CODE, (uint32_t)(to - s->c->base));
	put8(s, 0xe9);
	put_rel32(s, to);
}

/* jmp to a place in the stubs, where the program is at `original` */
static void put_jmp_stub(struct stubs *s, uint32_t original, uint32_t stub)
{
	emit_entry(s, IMAGE_CODE, original);
	put8(s, 0xe9);
	put32(s, stub - (here(s) + 4));
}

/* The rel8 or rel32 at `pos` leads to here. */
static void land8(struct stubs *s, uint32_t pos)
{
	uint32_t d = here(s) - (pos + 1);

	BUG_ON(d > 127);
	s->bytes.data[pos] = (char)d;
}

static void land32(struct stubs *s, uint32_t pos)
{
	uint32_t d = here(s) - (pos + 4);

	memcpy(s->bytes.data + pos, &d, 4);
}

/* --- counting --- */

enum count_form { COUNT_DEC, COUNT_SUB, COUNT_FLAG_FREE };

struct count {
	enum count_form form;
	uint32_t weight;
	uint32_t logical; /* place where the task is when it traps */
	bool before;	  /* the trap lies before the count */
	size_t trap;	  /* its entry */
	uint32_t branch;  /* position of the rel8 that leads to it */
};

/*
 * What the flags are after the count depends on how much remains, which is another number in the
 * recording and in its replay. The program does not care, for they are dead; but they may show in
 * signal frames and in r11 after a system call, and replay compares registers. So they are made the
 * same.
 */
static void put_constant_flags(struct stubs *s)
{
	PUT(s, 0x39, 0xe4); /* cmp esp, esp */
}

static void put_trap(struct stubs *s, struct count *k)
{
	emit_entry(s, IMAGE_COUNTING, k->logical);
	if (k->form == COUNT_FLAG_FREE) {
		PUT(s, 0x48, 0x8b, 0x0c, 0x25); /* mov rcx, [saved] */
		put32(s, (uint32_t)TICK_SAVED_RCX);
	} else {
		put_constant_flags(s);
	}
	k->trap = s->n_entries;
	emit_entry(s, IMAGE_TRAP, k->logical);
	put8(s, 0xcc);
}

/* Choose the form. */
static void count_prepare(struct stubs *s, struct count *k, uint32_t logical, uint32_t weight)
{
	uint8_t live = code_live_flags(s->c, logical, FLAGS_ALL);

	*k = (struct count){.logical = logical, .weight = weight};
	if (live)
		k->form = COUNT_FLAG_FREE;
	else
		k->form = weight > 1 ? COUNT_SUB : COUNT_DEC;
	s->c->stats->flag_free += k->form == COUNT_FLAG_FREE;
}

static uint32_t trap_size(const struct count *k)
{
	return k->form == COUNT_FLAG_FREE ? 9 : 3;
}

/* Where the count is; its trap, if that does not lie `before`, is put by count_end(). */
static void count_begin(struct stubs *s, struct count *k, uint32_t logical, uint32_t weight,
			bool before)
{
	count_prepare(s, k, logical, weight);
	k->before = before;
	if (before)
		put_trap(s, k);
}
/* The branch to the trap: forward to a place not known yet, or back. */
static void put_trap_branch(struct stubs *s, struct count *k, uint8_t opcode, uint32_t trap)
{
	put8(s, opcode);
	k->branch = here(s);
	put8(s, k->before ? (uint8_t)(trap - (here(s) + 1)) : 0);
}

static void put_count(struct stubs *s, struct count *k)
{
	uint32_t trap = 0;

	if (k->before)
		trap = s->entries[k->trap - 1].stub;
	emit_entry(s, IMAGE_COUNTING, k->logical);
	switch (k->form) {
	case COUNT_DEC:
		PUT(s, 0x48, 0xff, 0x0c, 0x25);
		put32(s, (uint32_t)TICK_REMAINING);
		put_trap_branch(s, k, 0x7e, trap);
		put_constant_flags(s);
		break;
	case COUNT_SUB:
		PUT(s, 0x48, k->weight < 128 ? 0x83 : 0x81, 0x2c, 0x25);
		put32(s, (uint32_t)TICK_REMAINING);
		if (k->weight < 128)
			put8(s, (uint8_t)k->weight);
		else
			put32(s, k->weight);
		put_trap_branch(s, k, 0x7e, trap);
		put_constant_flags(s);
		break;
	case COUNT_FLAG_FREE:
		PUT(s, 0x48, 0x89, 0x0c, 0x25); /* mov [saved], rcx */
		put32(s, (uint32_t)TICK_SAVED_RCX);
		PUT(s, 0x48, 0x8b, 0x0c, 0x25); /* mov rcx, [remaining] */
		put32(s, (uint32_t)TICK_REMAINING);
		PUT(s, 0x48, 0x8d, 0x49, 0xff); /* lea rcx, [rcx - 1] */
		PUT(s, 0x48, 0x89, 0x0c, 0x25);
		put32(s, (uint32_t)TICK_REMAINING);
		put_trap_branch(s, k, 0xe3, trap);
		PUT(s, 0x48, 0x8b, 0x0c, 0x25);
		put32(s, (uint32_t)TICK_SAVED_RCX);
		break;
	}
	if (k->before)
		s->entries[k->trap].resume = here(s);
}

/* The trap lies behind the jump. */
void emit_count_and_jmp(struct stubs *s, uint64_t to, uint32_t weight)
{
	struct count k;
	uint32_t resume;

	count_begin(s, &k, (uint32_t)(to - s->c->base), weight, false);
	put_count(s, &k);
	resume = here(s);
	emit_jmp(s, to);
	land8(s, k.branch);
	put_trap(s, &k);
	s->entries[k.trap].resume = resume;
}

/* --- displaced instructions --- */

/* Also of branches that leave the texts, which have no `target`. */
static uint64_t branch_vaddr(const struct stubs *s, const struct insn *i)
{
	const uint8_t *p = s->c->text + i->at + i->length;
	int32_t d;

	if (i->target != NOWHERE)
		return code_vaddr(s->c, i->target);
	if (!(i->props & INSN_REL32))
		return next_vaddr(s, i) + (uint64_t)(int64_t)(int8_t)p[-1];
	memcpy(&d, p - 4, 4);
	return next_vaddr(s, i) + (uint64_t)(int64_t)d;
}

void emit_copy(struct stubs *s, const struct insn *i)
{
	const uint8_t *p = s->c->text + i->at;
	uint32_t pos = here(s);
	int32_t d;

	buf_add(&s->bytes, p, i->length);
	if (!(i->props & INSN_RIP))
		return;
	memcpy(&d, p + i->disp, 4);
	emit_fix(s, pos + i->disp, (uint8_t)(i->length - i->disp - 4),
		 next_vaddr(s, i) + (uint64_t)(int64_t)d, false);
}

/* Prefixes but hints, and the opcode of a loop instruction. */
static void put_loop(struct stubs *s, const struct insn *i)
{
	buf_add(&s->bytes, s->c->text + i->at, i->length - 1u);
}

static uint8_t condition(const struct insn *i)
{
	return i->opcode & 15;
}

/* What follows when the backward branch `i` is taken. */
static void put_counted_path(struct stubs *s, const struct insn *i)
{
	uint64_t clone;

	if (map_get(&s->clones, i->target, &clone))
		put_jmp_stub(s, i->target, (uint32_t)clone);
	else
		emit_count_and_jmp(s, branch_vaddr(s, i), 1);
}

/* A branch that is the window's last instruction: what follows in the stub is the path taken. */
static void put_last_branch(struct stubs *s, const struct insn *i, bool count)
{
	uint64_t to = branch_vaddr(s, i);

	if (i->kind == INSN_JCC) {
		PUT(s, 0x0f, 0x80 | (condition(i) ^ 1));
		put_rel32(s, next_vaddr(s, i));
	} else if (i->kind == INSN_LOOP) {
		put_loop(s, i);
		put8(s, 5); /* over the jmp */
		put8(s, 0xe9);
		put_rel32(s, next_vaddr(s, i));
	}
	if (!count && i->kind == INSN_JMP) {
		put8(s, 0xe9);
		put_rel32(s, to);
		return;
	}
	if (i->kind == INSN_JMP)
		put8(s, 0x90); /* its place, for who comes from the original one */
	if (count)
		put_counted_path(s, i);
	else
		emit_jmp(s, to);
}

/* A branch before other instructions; the position of the rel32 by which it leaves to be counted,
 * or 0. */
static uint32_t put_inner_branch(struct stubs *s, const struct insn *i, bool count)
{
	uint32_t pos;

	if (i->kind == INSN_JCC) {
		PUT(s, 0x0f, 0x80 | condition(i));
	} else if (i->kind == INSN_LOOP) {
		put_loop(s, i);
		PUT(s, 2, 0xeb, 5, 0xe9);
	} else {
		put8(s, 0xe9);
	}
	pos = here(s);
	if (count)
		put32(s, 0);
	else
		put_rel32(s, branch_vaddr(s, i));
	return count ? pos : 0;
}

void emit_branch(struct stubs *s, const struct insn *i)
{
	put_inner_branch(s, i, false);
}

struct image_patch *emit_patch(struct stubs *s, struct insn *first, struct insn *last,
			       uint8_t n_insns)
{
	uint32_t length = last->at + last->length - first->at;
	struct image_patch *p;

	BUG_ON(length > UINT8_MAX);
	for (struct insn *i = first; i <= last; i++)
		i->plan |= PLAN_CLAIMED;
	GROW(s->patches, s->n_patches, s->cap_patches);
	p = &s->patches[s->n_patches++];
	*p = (struct image_patch){
		.start = first->at,
		.kept = (uint32_t)s->kept.len,
		.length = (uint8_t)length,
		.n_insns = n_insns,
	};
	buf_add(&s->kept, s->c->text + first->at, length);
	return p;
}

void emit_window(struct stubs *s, const struct insn *first, uint32_t stub)
{
	fix_text(s, first->at + 1, stub);
	GROW(s->windows, s->n_windows, s->cap_windows);
	s->windows[s->n_windows++] = (struct window_stub){.at = first->at, .stub = stub};
}

void stubs_window(struct stubs *s, struct insn *first, struct insn *last, uint32_t weight)
{
	struct {
		uint32_t pos;
		const struct insn *i;
	} taken[8];
	size_t n_taken = 0;
	struct count k;
	uint32_t start;

	emit_patch(s, first, last, (uint8_t)(last - first + 1));
	if (weight)
		count_begin(s, &k, first->at, weight, true);
	start = here(s);
	if (weight) {
		put_count(s, &k);
		first->plan |= PLAN_POINT;
	}
	for (struct insn *i = first; i <= last; i++) {
		bool count = !weight && (i->plan & PLAN_BACK);

		if (count)
			i->plan |= PLAN_EDGE;
		emit_entry(s, IMAGE_CODE, i->at);
		if (!is_branch(i)) {
			emit_copy(s, i);
		} else if (i == last) {
			put_last_branch(s, i, count);
		} else {
			uint32_t pos = put_inner_branch(s, i, count);

			if (pos) {
				BUG_ON(n_taken == ARRAY_SIZE(taken));
				taken[n_taken].pos = pos;
				taken[n_taken++].i = i;
			}
		}
	}
	if (!is_branch(last) && !is_end(last))
		emit_jmp(s, next_vaddr(s, last));
	for (size_t n = 0; n < n_taken; n++) {
		land32(s, taken[n].pos);
		put_counted_path(s, taken[n].i);
	}
	emit_window(s, first, start);
}

void stubs_retarget(struct stubs *s, struct insn *i, uint32_t weight)
{
	uint64_t stub;

	emit_patch(s, i, i, 0);
	i->plan |= i->kind == INSN_CALL ? PLAN_POINT : PLAN_EDGE;
	if (weight == 1 && map_get(&s->counted, i->target, &stub)) {
		fix_text(s, i->at + i->length - 4, (uint32_t)stub);
		return;
	}
	fix_text(s, i->at + i->length - 4, here(s));
	if (weight == 1)
		map_set(&s->counted, i->target, here(s));
	emit_count_and_jmp(s, branch_vaddr(s, i), weight);
}

/* --- clones --- */

struct pending { /* a rel32 that leads to the copy of instruction `to` */
	uint32_t pos, to;
};

struct clone {
	struct stubs *s;
	struct insn *const *v;
	uint32_t n, trips;
	uint32_t copy;		 /* that is being put, from 1 */
	uint32_t at[MAX_CLONE];	 /* of each instruction of this copy */
	uint32_t at1[MAX_CLONE]; /* and of the first one */
	bool head[MAX_CLONE];	 /* something branches back to it */
	struct pending ahead[MAX_CLONE], next[MAX_CLONE];
	uint32_t n_ahead, n_next;
};

/* rel32 to a place in the stubs before it */
static void put_back(struct stubs *s, uint32_t to)
{
	put32(s, to - (here(s) + 4));
}

/* Which of the loop's instructions the branch leads to, or NOWHERE. */
static uint32_t member(const struct clone *k, const struct insn *i)
{
	for (uint32_t j = 0; j < k->n && i->target != NOWHERE; j++) {
		if (k->v[j]->at == i->target)
			return j;
	}
	return NOWHERE;
}

static void put_clone_rel32(struct clone *k, uint32_t j)
{
	struct stubs *s = k->s;
	uint32_t to = member(k, k->v[j]);

	if (to == NOWHERE) {
		put_rel32(s, branch_vaddr(s, k->v[j]));
		return;
	}
	if (to > j)
		k->ahead[k->n_ahead++] = (struct pending){here(s), to};
	else
		k->next[k->n_next++] = (struct pending){here(s), to};
	put32(s, 0);
}

static void put_clone_branch(struct clone *k, uint32_t j)
{
	struct stubs *s = k->s;
	const struct insn *i = k->v[j];

	/* The next copy follows. */
	if (j == k->n - 1 && k->copy < k->trips && member(k, i) == 0) {
		if (i->kind == INSN_JMP) {
			put8(s, 0x90);
		} else {
			PUT(s, 0x0f, 0x80 | (condition(i) ^ 1));
			put_rel32(s, next_vaddr(s, i));
		}
		return;
	}
	if (i->kind == INSN_JMP)
		put8(s, 0xe9);
	else
		PUT(s, 0x0f, 0x80 | condition(i));
	put_clone_rel32(k, j);
	if (i->kind != INSN_JMP && (j + 1 == k->n || k->v[j + 1] != i + 1))
		emit_jmp(s, next_vaddr(s, i));
}

static void land(const struct clone *k, const struct pending *p, uint32_t to)
{
	uint32_t d = to - (p->pos + 4);

	memcpy(k->s->bytes.data + p->pos, &d, 4);
}

static void put_trip(struct clone *k)
{
	struct stubs *s = k->s;
	struct pending come[MAX_CLONE];
	uint32_t n_come = k->n_next;

	memcpy(come, k->next, sizeof(come));
	k->n_ahead = k->n_next = 0;
	for (uint32_t j = 0; j < k->n; j++) {
		const struct insn *i = k->v[j];

		emit_entry(s, IMAGE_CODE, i->at);
		k->at[j] = here(s);
		if (is_branch(i)) {
			put_clone_branch(k, j);
			continue;
		}
		emit_copy(s, i);
		if (j + 1 == k->n || k->v[j + 1] != i + 1)
			emit_jmp(s, next_vaddr(s, i));
	}
	for (uint32_t j = 0; j < k->n_ahead; j++)
		land(k, &k->ahead[j], k->at[k->ahead[j].to]);
	for (uint32_t j = 0; j < n_come; j++)
		land(k, &come[j], k->at[come[j].to]);
	if (k->copy == 1)
		memcpy(k->at1, k->at, sizeof(k->at1));
}

/* The count for who goes on at instruction `j`; if `falls`, the first copy follows, aligned. */
static void put_head(struct clone *k, uint32_t j, bool falls)
{
	struct stubs *s = k->s;
	struct count count;
	uint32_t pad, top;

	count_prepare(s, &count, k->v[j]->at, k->trips);
	count.before = true;
	pad = falls ? -(here(s) + trap_size(&count)) & (LOOP_ALIGN - 1) : 0;
	if (pad) {
		emit_entry(s, IMAGE_OUTSIDE, 0);
		memset(buf_extend(&s->bytes, pad), 0xcc, pad);
	}
	put_trap(s, &count);
	top = here(s);
	put_count(s, &count);
	if (!falls) {
		emit_entry(s, IMAGE_CODE, k->v[j]->at);
		put8(s, 0xe9);
		put_back(s, k->at1[j]);
	}
	map_set(&s->counted, k->v[j]->at, top);
	map_set(&s->clones, k->v[j]->at, top);
}

void stubs_clone(struct stubs *s, struct insn *const *v, uint32_t n, uint32_t trips)
{
	struct clone k = {.s = s, .v = v, .n = n, .trips = trips};

	BUG_ON(n > MAX_CLONE);
	for (uint32_t j = 0; j < n; j++) {
		uint32_t to = is_branch(v[j]) ? member(&k, v[j]) : NOWHERE;

		if (to <= j)
			k.head[to] = true;
	}
	if (k.head[0])
		put_head(&k, 0, true);
	for (k.copy = 1; k.copy <= trips; k.copy++)
		put_trip(&k);
	for (uint32_t j = 1; j < n; j++) {
		if (k.head[j])
			put_head(&k, j, false);
	}
	for (uint32_t j = 0; j < k.n_next; j++) {
		uint64_t top = 0;

		BUG_ON(!map_get(&s->clones, v[k.next[j].to]->at, &top));
		land(&k, &k.next[j], (uint32_t)top);
	}
	s->c->stats->cloned++;
}

void stubs_trap(struct stubs *s, struct insn *i)
{
	emit_patch(s, i, i, 0)->intact = i->length - 1;
}
