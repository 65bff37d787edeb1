/*
 * Where the safepoints of a function go, and what bytes they take (DESIGN 4.1, SAFEPOINTS).
 *
 * For each backward branch: A, lead its rel32 through a stub; else C, a window of whole
 * instructions that ends with it (or, if it is short and its loop too, one that begins before and
 * reaches over it); else E, a window anywhere in the block of the branch or in that of its target,
 * which every trip passes. A window never holds a possible target behind its first byte, so that
 * whoever jumps finds what was there; and nothing is in two windows.
 *
 * That all loops are covered is not taken for granted: see cover.c.
 */
#include "image/plan.h"

#define MAX_BACK   8	/* instructions before the branch in a window */
#define SPIN_LOOP  64	/* instructions of a loop that `pause` makes a spin loop */
#define SPIN_TICKS 1024 /* such a loop gives way soon */

/* Whether first..last could be one window. */
static bool fits(const struct plan *p, const struct insn *first, const struct insn *last)
{
	if (insn_end(last) - first->at < 5)
		return false;
	for (const struct insn *i = first; i <= last; i++) {
		if (!(i->props & INSN_MOVABLE) || (i->plan & PLAN_CLAIMED))
			return false;
		/* What follows an unconditional jump is not reached: padding only. */
		if (i > first && is_end(i - 1) && !(i->props & INSN_NOP))
			return false;
		if (i > first && is_end(i - 1) && !(i[-1].kind == INSN_JMP))
			return false;
		if (i > first && (i->props & INSN_NOP) && i < last && is_end(i))
			return false;
	}
	return !code_bits_any(&p->c->targets, code_vaddr(p->c, first->at) + 1,
			      code_vaddr(p->c, insn_end(last)));
}

struct insn *plan_reach(const struct plan *p, struct insn *first)
{
	struct insn *last = first;

	while (last < p->end && insn_end(last) - first->at < 5)
		last++;
	return last < p->end && fits(p, first, last) ? last : NULL;
}

struct insn *plan_window_with(const struct plan *p, struct insn *i, struct insn **last)
{
	struct insn *first;
	int n = 0;

	for (first = i; first >= p->first && n < MAX_BACK; first--, n++) {
		if (!(first->props & INSN_MOVABLE) || (first->plan & PLAN_CLAIMED))
			break;
		*last = i;
		if (fits(p, first, i))
			return first;
		if (is_target(p->c, first->at))
			break;
	}
	n = 0;
	for (first = i; first >= p->first && n < MAX_BACK; first--, n++) {
		if (!(first->props & INSN_MOVABLE) || (first->plan & PLAN_CLAIMED))
			break;
		*last = plan_reach(p, first);
		if (*last && *last >= i)
			return first;
		if (is_target(p->c, first->at))
			break;
	}
	return NULL;
}

static struct insn *block_begin(const struct plan *p, struct insn *i)
{
	while (i > p->first && !is_target(p->c, i->at) && !is_branch(i - 1) && !is_end(i - 1))
		i--;
	return i;
}

/* Its last instruction. */
static struct insn *block_last(const struct plan *p, struct insn *i)
{
	while (i + 1 < p->end && !is_branch(i) && !is_end(i) && !is_target(p->c, i[1].at))
		i++;
	return i;
}

/* Whether a count stands in the block already. */
static bool has_point(const struct insn *first, const struct insn *last)
{
	for (const struct insn *i = first; i <= last; i++) {
		if (i->plan & PLAN_POINT)
			return true;
	}
	return false;
}

/* E: the best place for a count in first..last: flags dead, few instructions. */
static struct insn *window_in(const struct plan *p, struct insn *first, struct insn *last,
			      struct insn **end)
{
	struct insn *best = NULL;
	int best_cost = 0;

	for (struct insn *i = first; i <= last && i < first + 32; i++) {
		struct insn *e = plan_reach(p, i);
		int cost;

		if (!e)
			continue;
		cost = (int)(e - i);
		if (code_live_flags(p->c, i->at, FLAGS_ALL & ~FLAG_CF))
			cost += 4;
		if (best && cost >= best_cost)
			continue;
		best = i;
		best_cost = cost;
		*end = e;
	}
	return best;
}

/* Ticks of a trip round the loop that the branch `i` closes. */
static uint32_t weight_of(const struct plan *p, const struct insn *i)
{
	const struct insn *head = code_insn(p->c, p->f, i->target);

	if (!head || i - head > SPIN_LOOP)
		return 1;
	for (; head < i; head++) {
		if (head->props & INSN_PAUSE)
			return SPIN_TICKS;
	}
	return 1;
}

static void plan_back_edge(struct plan *p, struct insn *i)
{
	struct image_stats *st = p->c->stats;
	struct insn *head = code_insn(p->c, p->f, i->target);
	struct insn *first, *last;
	uint32_t weight = weight_of(p, i);

	if (i->plan & (PLAN_EDGE | PLAN_CLAIMED))
		return;
	if (has_point(block_begin(p, i), i) || (head && has_point(head, block_last(p, head))))
		return;
	if (i->props & INSN_REL32) {
		stubs_retarget(p->s, i, weight);
		st->branches++;
		return;
	}
	first = weight == 1 ? plan_window_with(p, i, &last) : NULL;
	if (first) {
		stubs_window(p->s, first, last, 0);
		st->branches++;
		return;
	}
	first = window_in(p, block_begin(p, i), i, &last);
	if (!first && head)
		first = window_in(p, head, block_last(p, head), &last);
	if (!first && weight != 1)
		first = plan_window_with(p, i, &last);
	if (!first)
		return;
	stubs_window(p->s, first, last, weight);
	st->windows++;
}

static bool backward_call(const struct plan *p, const struct insn *i)
{
	return plan_can_count_call(i) && i->target <= i->at &&
	       !code_in_plt(p->c, code_vaddr(p->c, i->target));
}

static void plan_indirect_jump(struct plan *p, struct insn *i)
{
	struct insn *first, *last;

	p->c->stats->indirect_jumps++;
	if ((i->plan & PLAN_CLAIMED) || code_forward_switch(p->c, p->f, i))
		return;
	if (has_point(block_begin(p, i), i))
		return;
	first = plan_window_with(p, i, &last);
	if (!first)
		first = window_in(p, block_begin(p, i), i, &last);
	if (!first)
		return;
	stubs_window(p->s, first, last, 1);
	p->c->stats->jumps++;
}

/* Mark what goes backward; whether there are loops. */
static bool mark(struct plan *p)
{
	struct image_stats *st = p->c->stats;
	bool loops = false;

	for (struct insn *i = p->first; i < p->end; i++) {
		if (backward_call(p, i)) {
			st->backward_calls++;
			if (code_recursive(p->c, p->f, i))
				i->plan |= PLAN_CALL;
		}
		if (!is_branch(i) || i->target == NOWHERE || i->target > i->at)
			continue;
		if (i->target >= p->f->start) {
			i->plan |= PLAN_BACK;
			st->back_edges++;
			loops = true;
		} else if (code_recursive(p->c, p->f, i)) {
			i->plan |= PLAN_BACK;
		}
	}
	return loops;
}

void plan_function(struct code *c, struct function *f, struct stubs *s)
{
	struct plan p = {
		.c = c,
		.f = f,
		.s = s,
		.first = c->insns + f->first,
		.end = c->insns + f->first + f->n,
	};
	bool loops = mark(&p), calls = false;

	plan_syscalls(&p);
	for (struct insn *i = p.first; i < p.end; i++)
		calls |= i->plan & PLAN_CALL;
	if (calls)
		code_first_calls(c, f);
	for (struct insn *i = p.first; calls && i < p.end; i++) {
		if (!(i->plan & PLAN_FIRST))
			continue;
		c->stats->calls++;
		stubs_retarget(s, i, 1);
	}
	for (struct insn *i = p.first; f->indirect && i < p.end; i++) {
		if (i->kind == INSN_JMP_INDIRECT)
			plan_indirect_jump(&p, i);
	}
	if (loops)
		plan_choose(&p);
	for (struct insn *i = p.first; i < p.end; i++) {
		if (i->plan & PLAN_BACK)
			plan_back_edge(&p, i);
	}
	if (loops)
		plan_cover(&p);
	plan_insns(&p);
}
