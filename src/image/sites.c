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

#include "base/search.h"
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

/* --- the time-stamp counter --- */

/* rdtsc, or rdtscp, or AMD's rdpru, which shares their switch (CR4.TSD). */
static bool reads_tsc(const uint8_t *p)
{
	return p[0] == 0x0f && (p[1] == 0x31 || (p[1] == 0x01 && (p[2] == 0xf9 || p[2] == 0xfd)));
}

/* The decoded instruction that holds `at`, or NULL. */
static const struct insn *insn_with(const struct code *c, uint32_t at)
{
	const struct function *f = code_function(c, at);
	const struct insn *v;
	size_t i;

	if (!f || f->left)
		return NULL;
	v = &c->insns[f->first];
	i = FIRST_WHERE(k, f->n, insn_end(&v[k]) > at);
	return i < f->n && v[i].at <= at ? &v[i] : NULL;
}

/* Of bytes in no function: whether code that may be there comes to such an instruction. Asked in
 * ascending order, answered once for all that lies between two functions. */
struct gap {
	uint32_t end;
	bool reads;
};

/* Whether the bytes at `at` may be executed as such: they are not if they are the agent's matter,
 * or parts of instructions that do something else. */
static bool is_left(const struct code *c, uint32_t at, struct gap *g)
{
	const struct insn *i = insn_with(c, at);

	if (!i && at >= g->end)
		g->reads = code_gap_reads_tsc(c, at, &g->end);
	if (!i)
		return g->reads;
	if ((i->props & INSN_SITE) && (i->site == SITE_RDTSC || i->site == SITE_RDTSCP))
		return !(i->plan & PLAN_CLAIMED);
	return c->text[at + 2] == 0xfd && insn_end(i) == at + 3; /* rdpru */
}

uint64_t plan_tsc_left(const struct code *c)
{
	struct gap gap = {0};
	uint64_t n = 0;

	for (uint32_t at = 0; at + 3 <= c->size; at++) {
		const uint8_t *p = memchr(c->text + at, 0x0f, c->size - at - 2);

		if (!p)
			break;
		at = (uint32_t)(p - c->text);
		n += reads_tsc(p) && is_left(c, at, &gap);
	}
	return n;
}
