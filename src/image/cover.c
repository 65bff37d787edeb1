/*
 * The proof that a function's loops are covered: take from its graph what passes a safepoint, and
 * see with Tarjan's algorithm whether a backward branch still lies on a cycle. Where one does (its
 * block and that of the loop's head have no room for a window), a count goes anywhere on the cycle,
 * and the proof is done again.
 */
#include "image/plan.h"

#include "base/log.h"

#define MAX_ROUNDS 12
#define MAX_TRIES  256
#define PER_INSN   6

struct walk {
	const struct plan *p;
	uint32_t *number, *low; /* Tarjan's; 0: not seen */
	uint32_t *component;	/* 0: none yet */
	uint32_t *stack;
	struct {
		uint32_t node, next;
	} * calls;
	uint32_t n_stack, n_calls, counter, components;
};

/* Successor `k` of an instruction that is not removed, or NULL; *more: ask for the next one. */
static struct insn *successor(const struct walk *w, const struct insn *i, uint32_t k, bool *more)
{
	struct insn *to = NULL;

	*more = k < 1;
	if (k == 0) {
		if (is_branch(i) && i->target != NOWHERE && !(i->plan & PLAN_EDGE))
			to = code_insn(w->p->c, w->p->f, i->target);
	} else if (!is_end(i) && i + 1 < w->p->end) {
		to = w->p->first + (i + 1 - w->p->first);
	}
	return to && !(to->plan & PLAN_POINT) ? to : NULL;
}

static void enter(struct walk *w, uint32_t node)
{
	w->number[node] = w->low[node] = ++w->counter;
	w->stack[w->n_stack++] = node;
	w->calls[w->n_calls].node = node;
	w->calls[w->n_calls++].next = 0;
}

static void leave(struct walk *w, uint32_t node)
{
	uint32_t member;

	if (w->low[node] != w->number[node])
		return;
	w->components++;
	do {
		member = w->stack[--w->n_stack];
		w->component[member] = w->components;
	} while (member != node);
}

static void visit(struct walk *w, uint32_t root)
{
	enter(w, root);
	while (w->n_calls) {
		uint32_t node = w->calls[w->n_calls - 1].node;
		uint32_t k = w->calls[w->n_calls - 1].next++;
		struct insn *to = NULL;
		uint32_t n;
		bool more = false;

		if (k < 2)
			to = successor(w, w->p->first + node, k, &more);
		if (to) {
			n = (uint32_t)(to - w->p->first);
			if (!w->number[n])
				enter(w, n);
			else if (!w->component[n] && w->number[n] < w->low[node])
				w->low[node] = w->number[n];
			continue;
		}
		if (more)
			continue;
		w->n_calls--;
		leave(w, node);
		if (w->n_calls) {
			uint32_t up = w->calls[w->n_calls - 1].node;

			if (w->low[node] < w->low[up])
				w->low[up] = w->low[node];
		}
	}
}

/* Whether the backward branch `i` lies on a cycle without a safepoint. */
static bool uncovered(const struct walk *w, const struct insn *i)
{
	const struct insn *to;

	if (!(i->plan & PLAN_BACK) || (i->plan & (PLAN_EDGE | PLAN_POINT)))
		return false;
	to = code_insn(w->p->c, w->p->f, i->target);
	return to && !(to->plan & PLAN_POINT) &&
	       w->component[i - w->p->first] == w->component[to - w->p->first];
}

/* A count anywhere on the cycles that `i` is part of. */
static bool break_cycle(const struct walk *w, const struct insn *i)
{
	uint32_t component = w->component[i - w->p->first];
	struct insn *best = NULL, *best_last = NULL, *call = NULL;
	int best_cost = 0, tries = 0;

	for (struct insn *k = w->p->first; k < w->p->end && tries < MAX_TRIES; k++) {
		struct insn *last;
		int cost;

		if (w->component[k - w->p->first] != component)
			continue;
		tries++;
		if (plan_can_count_call(k))
			call = k;
		last = plan_reach(w->p, k);
		if (!last)
			continue;
		cost = (int)(last - k);
		if (code_live_flags(w->p->c, k->at, FLAGS_ALL & ~FLAG_CF))
			cost += 4;
		if (best && cost >= best_cost)
			continue;
		best = k;
		best_last = last;
		best_cost = cost;
	}
	if (!best && !call)
		return false;
	if (!best) {
		stubs_retarget(w->p->s, call, 1);
		w->p->c->stats->calls++;
		return true;
	}
	stubs_window(w->p->s, best, best_last, 1);
	w->p->c->stats->windows++;
	return true;
}

/* The components of what is not removed, in `memory` of PER_INSN words an instruction. */
static struct walk components(const struct plan *p, uint32_t *memory)
{
	size_t n = p->f->n;
	struct walk w = {
		.p = p,
		.number = memory,
		.low = memory + n,
		.component = memory + 2 * n,
		.stack = memory + 3 * n,
		.calls = (void *)(memory + 4 * n),
	};

	memset(memory, 0, PER_INSN * n * sizeof(uint32_t));
	for (uint32_t k = 0; k < n; k++) {
		if (!w.number[k] && !(p->first[k].plan & PLAN_POINT))
			visit(&w, k);
	}
	return w;
}

/* One round: a count for each component that is cyclic. Whether one was put. */
static bool cover(struct plan *p, uint32_t *memory, bool last_round)
{
	struct walk w = components(p, memory);
	uint64_t left = 0;
	bool put = false;

	for (struct insn *i = p->first; i < p->end; i++) {
		if (!uncovered(&w, i))
			continue;
		if (!last_round && break_cycle(&w, i)) {
			put = true;
			continue;
		}
		left++;
		log_debug("uncovered: %#llx", (unsigned long long)code_vaddr(p->c, i->at));
	}
	if (!put)
		p->c->stats->uncovered += left;
	return put;
}

void plan_cover(struct plan *p)
{
	uint32_t *memory = xmalloc(PER_INSN * p->f->n * sizeof(uint32_t));
	int round = 0;

	while (cover(p, memory, ++round == MAX_ROUNDS))
		;
	free(memory);
}

void plan_drop_covered(struct plan *p)
{
	uint32_t *memory = xmalloc(PER_INSN * p->f->n * sizeof(uint32_t));
	struct walk w = components(p, memory);

	for (struct insn *i = p->first; i < p->end; i++) {
		if ((i->plan & PLAN_BACK) && i->target >= p->f->start && !uncovered(&w, i))
			i->plan &= ~PLAN_BACK;
	}
	free(memory);
}
