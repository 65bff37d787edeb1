/*
 * Which bytes the ways to the agent take: windows around `syscall` instructions, and around those
 * that are not the same in each run.
 *
 * For a call, best is a window that ends with the instruction and begins so early that the jump
 * does not reach it: then its bytes stay in the text. A signal's handler may find the task before
 * the call, which is to be made again, and go there by a jump of its own; and behind it, which is
 * no place inside of the window either. Else it takes the fewest instructions on both sides.
 */
#include "image/plan.h"

#include "mem/insn_site.h"

#define MAX_BEFORE    6
#define MAX_BEHIND    4
#define COST_BEHIND   2
#define COST_NOT_LAST 16

struct window {
	struct insn *first, *last;
};

/* Whether it may be displaced together with a site: a plain instruction or a branch forward. */
static bool may_go_along(const struct insn *i, bool before)
{
	if (!(i->props & INSN_MOVABLE) || (i->plan & PLAN_CLAIMED))
		return false;
	return i->kind == INSN_PLAIN ||
	       (before && i->kind == INSN_JCC && i->target != NOWHERE && i->target > i->at);
}

static bool has_target_inside(const struct plan *p, const struct window *w)
{
	return code_bits_any(&p->c->targets, code_vaddr(p->c, w->first->at) + 1,
			     code_vaddr(p->c, insn_end(w->last)));
}

static int cost_of(const struct insn *i, const struct window *w)
{
	int cost = (int)(i - w->first) + COST_BEHIND * (int)(w->last - i);

	if (is_syscall(i) && (w->last > i || i->at - w->first->at < JMP_SIZE))
		cost += COST_NOT_LAST;
	return cost;
}

/* The cheapest window with `i` that begins at `first`. */
static bool extend(const struct plan *p, struct insn *i, struct insn *first, struct window *w)
{
	*w = (struct window){first, i};
	while (insn_end(w->last) - first->at < JMP_SIZE) {
		if (w->last + 1 == p->end || w->last - i == MAX_BEHIND ||
		    !may_go_along(w->last + 1, false))
			return false;
		w->last++;
	}
	return !has_target_inside(p, w);
}

static bool find_window(const struct plan *p, struct insn *i, struct window *best)
{
	int best_cost = INT32_MAX;

	for (struct insn *first = i; i - first <= MAX_BEFORE; first--) {
		struct window w;

		if (first < i && !may_go_along(first, true))
			break;
		if (extend(p, i, first, &w) && cost_of(i, &w) < best_cost) {
			*best = w;
			best_cost = cost_of(i, &w);
		}
		if (first == p->first)
			break;
	}
	return best_cost != INT32_MAX;
}

static bool follows(const struct plan *p, const struct insn *i, const uint8_t *bytes, uint32_t n)
{
	return i->at >= n && !memcmp(p->c->text + i->at - n, bytes, n);
}

/* Unwinders look for these bytes where they have no other information. */
static bool is_sigreturn(const struct plan *p, const struct insn *call)
{
	static const uint8_t mov_rax[] = {0x48, 0xc7, 0xc0, 15, 0, 0, 0},
			     mov_eax[] = {0xb8, 15, 0, 0, 0};

	return follows(p, call, mov_rax, sizeof(mov_rax)) ||
	       follows(p, call, mov_eax, sizeof(mov_eax));
}

static void plan_syscall(struct plan *p, struct insn *i)
{
	struct image_site_stats *st = &p->c->stats->syscalls;
	struct window w;

	if (is_sigreturn(p, i)) {
		st->sigreturn++;
	} else if (code_uses_flags(p->c, insn_end(i))) {
		st->flags++;
	} else if (!find_window(p, i, &w)) {
		st->no_room++;
	} else {
		st->patched++;
		stubs_syscall(p->s, w.first, i, w.last);
	}
}

void plan_syscalls(struct plan *p)
{
	for (struct insn *i = p->first; i < p->end; i++) {
		if (is_syscall(i))
			plan_syscall(p, i);
	}
}

/* rdtsc or rdtscp without prefixes: the tracer knows it. */
static bool is_plain_tsc(const struct code *c, const struct insn *i)
{
	return (i->site == SITE_RDTSC || i->site == SITE_RDTSCP) && c->text[i->at] == 0x0f;
}

void plan_insns(struct plan *p)
{
	struct image_site_stats *st = &p->c->stats->insns;
	struct window w;

	for (struct insn *i = p->first; i < p->end; i++) {
		if (!(i->props & INSN_SITE))
			continue;
		if (find_window(p, i, &w)) {
			st->patched++;
			stubs_insn(p->s, w.first, i, w.last);
		} else {
			st->no_room++;
			if (is_plain_tsc(p->c, i))
				stubs_trap(p->s, i);
		}
	}
}
