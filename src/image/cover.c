/*
 * The proof that a function's loops are covered: take from its graph what passes a safepoint, and
 * see with Tarjan's algorithm whether a backward branch still lies on a cycle. Where one does (its
 * block and that of the loop's head have no room for a window), a count goes anywhere on the cycle,
 * and the proof is done again.
 *
 * In the first place, this is how branches are chosen: not every backward branch is on a cycle (a
 * compiler likes to jump back to a function's end), and of a loop only those to its head need a
 * count. So the branches to the first head of each component are taken, then those of the
 * components that are left without them, and so on inwards.
 */
#include "image/plan.h"

#include "base/log.h"

#define MAX_ROUNDS  12
#define CLONE_INSNS 32	/* of a loop that is copied */
#define CLONE_ROOM  64	/* of all copies */
#define CLONE_SPAN  128 /* from its first to its last, with what does not belong to it */
#define MAX_TRIES   256 /* places for a count */
#define MAX_BREAKS  64	/* cycles in one round */

/*
 * Nodes are the instructions, and two hubs: what an indirect jump may lead to, and what a call that
 * throws may lead to. Their successors are the places that tables and other data name.
 */
struct walk {
	const struct plan *p;
	bool chosen_too;	/* as if those with PLAN_CHOSEN counted */
	uint32_t n;		/* instructions */
	uint32_t *number, *low; /* Tarjan's; 0: not seen */
	uint32_t *component;	/* 0: none yet */
	uint32_t *stack;
	struct {
		uint32_t node, next;
	} * calls;
	uint32_t *named; /* instructions, the hubs' successors */
	uint32_t n_named;
	uint32_t n_stack, n_calls, counter, components;
};

#define HUB_JUMPS(w) ((w)->n)
#define HUB_CALLS(w) ((w)->n + 1)
#define NO_NODE	     UINT32_MAX
#define NO_MORE	     (UINT32_MAX - 1)

static uint32_t node_of(const struct walk *w, const struct insn *i)
{
	return i && !(i->plan & PLAN_POINT) ? (uint32_t)(i - w->p->first) : NO_NODE;
}

static uint32_t hub_successor(const struct walk *w, uint32_t hub, uint32_t k)
{
	const struct insn *i;

	if (k >= w->n_named)
		return NO_MORE;
	i = w->p->first + w->named[k];
	if (hub == HUB_CALLS(w) && !code_bits_test(&w->p->c->pads, code_vaddr(w->p->c, i->at)))
		return NO_NODE;
	return node_of(w, i);
}

/* Successor `k` of a node, NO_NODE or NO_MORE. */
static uint32_t successor(const struct walk *w, uint32_t node, uint32_t k)
{
	const struct insn *i = w->p->first + node;
	uint8_t counted = PLAN_EDGE | (w->chosen_too ? PLAN_CHOSEN : 0);

	if (node >= w->n)
		return hub_successor(w, node, k);
	switch (k) {
	case 0:
		if (!is_branch(i) || i->target == NOWHERE || (i->plan & counted))
			return NO_NODE;
		return node_of(w, code_insn(w->p->c, w->p->f, i->target));
	case 1:
		return is_end(i) || i + 1 == w->p->end ? NO_NODE : node_of(w, i + 1);
	case 2:
		if (i->kind == INSN_JMP_INDIRECT)
			return HUB_JUMPS(w);
		if (i->kind == INSN_CALL || i->kind == INSN_CALL_INDIRECT)
			return HUB_CALLS(w);
		return NO_MORE;
	default:
		return NO_MORE;
	}
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

	w->n_calls--;
	if (w->n_calls) {
		uint32_t up = w->calls[w->n_calls - 1].node;

		if (w->low[node] < w->low[up])
			w->low[up] = w->low[node];
	}
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
		uint32_t to = successor(w, node, w->calls[w->n_calls - 1].next++);

		if (to == NO_MORE)
			leave(w, node);
		else if (to == NO_NODE)
			continue;
		else if (!w->number[to])
			enter(w, to);
		else if (!w->component[to] && w->number[to] < w->low[node])
			w->low[node] = w->number[to];
	}
}

static void walk_init(struct walk *w, const struct plan *p)
{
	const struct code *c = p->c;
	size_t n = p->f->n + 2;
	uint32_t *memory = xmalloc(7 * n * sizeof(uint32_t));

	*w = (struct walk){
		.p = p,
		.n = (uint32_t)p->f->n,
		.number = memory,
		.low = memory + n,
		.component = memory + 2 * n,
		.stack = memory + 3 * n,
		.calls = (void *)(memory + 4 * n),
		.named = memory + 6 * n,
	};
	for (const struct insn *i = p->first + 1; i < p->end; i++) {
		if (code_bits_test(&c->named, code_vaddr(c, i->at)) ||
		    code_bits_test(&c->tables, code_vaddr(c, i->at)))
			w->named[w->n_named++] = (uint32_t)(i - p->first);
	}
}

static void walk_release(struct walk *w)
{
	free(w->number);
}

/* The components of what is not removed. */
static void find_components(struct walk *w)
{
	memset(w->number, 0, (w->n + 2) * sizeof(uint32_t));
	memset(w->component, 0, (w->n + 2) * sizeof(uint32_t));
	w->counter = w->components = 0;
	for (uint32_t k = 0; k < w->n; k++) {
		if (!w->number[k] && !(w->p->first[k].plan & PLAN_POINT))
			visit(w, k);
	}
}

/* Whether the backward branch `i` lies on a cycle without a safepoint. */
static bool uncovered(const struct walk *w, const struct insn *i)
{
	uint8_t counted = PLAN_EDGE | PLAN_POINT | (w->chosen_too ? PLAN_CHOSEN : 0);
	uint32_t to;

	if (!is_branch(i) || i->target > i->at || i->target < w->p->f->start || (i->plan & counted))
		return false;
	to = node_of(w, code_insn(w->p->c, w->p->f, i->target));
	return to != NO_NODE && w->component[i - w->p->first] == w->component[to];
}

/* --- copying small loops --- */

/* What the walk's arrays hold for each component, when it is over. */
#define HEAD(w)	 ((w)->low)    /* the first place that is branched back to */
#define SIZE(w)	 ((w)->number) /* instructions */
#define FIRST(w) ((w)->stack)  /* the first one */

static void measure(struct walk *w)
{
	memset(HEAD(w), 0xff, (w->n + 2) * sizeof(uint32_t));
	memset(SIZE(w), 0, (w->n + 2) * sizeof(uint32_t));
	for (uint32_t k = 0; k < w->n; k++) {
		uint32_t component = w->component[k];

		if (component && !SIZE(w)[component]++)
			FIRST(w)[component] = k;
	}
}

/* Whether one of the loop's instructions may be copied. */
static bool can_copy(const struct walk *w, struct insn *i)
{
	struct insn *last;

	if (!(i->props & INSN_MOVABLE) || (i->props & INSN_PAUSE) || (i->plan & PLAN_CLONED) ||
	    (i->kind != INSN_PLAIN && i->kind != INSN_JCC && i->kind != INSN_JMP))
		return false;
	/* Branches back can be patched, and the copy can be left to behind them. */
	if (uncovered(w, i) && !(i->props & INSN_REL32) &&
	    (!plan_window_with(w->p, i, &last) || last != i))
		return false;
	return is_end(i) || (i + 1 < w->p->end && !(i[1].plan & PLAN_CLAIMED));
}

/* reach[j]: a bit for each of v[0..n) that v[j] leads to, but for branches back to `heads`. */
static void find_reach(struct insn *const *v, uint32_t n, uint32_t heads, uint32_t *reach)
{
	for (uint32_t j = 0; j < n; j++) {
		reach[j] = 0;
		for (uint32_t k = 0; k < n; k++) {
			if ((is_branch(v[j]) && v[j]->target == v[k]->at &&
			     (k > j || !(heads >> k & 1))) ||
			    (!is_end(v[j]) && v[k] == v[j] + 1))
				reach[j] |= 1U << k;
		}
	}
	for (uint32_t k = 0; k < n; k++) {
		for (uint32_t j = 0; j < n; j++)
			reach[j] |= reach[j] >> k & 1 ? reach[k] : 0;
	}
}

/*
 * Whether most of the time in the loop v[0..n) may be spent in a small part of it, a loop inside:
 * it had better be copied alone, more often. Heads are taken away as choose() does it, inwards.
 */
static bool has_small_loop(struct insn *const *v, uint32_t n)
{
	uint32_t reach[CLONE_INSNS], heads = 0;

	for (;;) {
		uint32_t size = 0, head = n;

		find_reach(v, n, heads, reach);
		for (uint32_t j = 0; j < n; j++) {
			uint32_t same = 0;

			for (uint32_t k = 0; k < n; k++) {
				if (!(reach[j] >> k & 1) || !(reach[k] >> j & 1))
					continue;
				same++;
				if (k <= j && is_branch(v[j]) && v[j]->target == v[k]->at &&
				    !(heads >> k & 1) && k < head)
					head = k;
			}
			size = same > size ? same : size;
		}
		if (head == n)
			return false;
		if (heads && 2 * size <= n)
			return true;
		heads |= 1U << head;
	}
}

static void try_clone(struct walk *w, uint32_t component)
{
	struct insn *v[MAX_CLONE], *i = w->p->first + FIRST(w)[component];
	const struct insn *limit = i + CLONE_SPAN;
	uint32_t n = 0;

	if (SIZE(w)[component] > CLONE_INSNS)
		return;
	for (; n < SIZE(w)[component]; i++) {
		if (i >= w->p->end || i >= limit)
			return;
		if (w->component[i - w->p->first] != component)
			continue;
		if (!can_copy(w, i))
			return;
		v[n++] = i;
	}
	if (has_small_loop(v, n))
		return;
	for (uint32_t k = 0; k < n; k++) {
		v[k]->plan |= PLAN_CLONED;
		if (!is_end(v[k]) && (k + 1 == n || v[k + 1] != v[k] + 1))
			code_bits_set(&w->p->c->targets, code_vaddr(w->p->c, insn_end(v[k])));
	}
	stubs_clone(w->p->s, v, n, (uint32_t)min_u64(16, CLONE_ROOM / n));
}

static bool undecided(const struct walk *w, const struct insn *i)
{
	return (i->plan & PLAN_BACK) && !(i->plan & PLAN_CHOSEN) && i->target >= w->p->f->start;
}

/* One round; whether another one is needed. */
static bool choose(struct walk *w)
{
	struct plan p = *w->p;
	bool more = false;

	find_components(w);
	measure(w);
	for (struct insn *i = p.first; i < p.end; i++) {
		uint32_t component = w->component[i - p.first];

		if (!undecided(w, i))
			continue;
		if (!uncovered(w, i)) {
			i->plan &= ~PLAN_BACK;
			continue;
		}
		if (HEAD(w)[component] == NOWHERE)
			try_clone(w, component);
		if (i->target < HEAD(w)[component])
			HEAD(w)[component] = i->target;
	}
	for (struct insn *i = p.first; i < p.end; i++) {
		if (!undecided(w, i))
			continue;
		if (i->target == HEAD(w)[w->component[i - p.first]])
			i->plan |= PLAN_CHOSEN;
		else
			more = true;
	}
	return more;
}

void plan_choose(struct plan *p)
{
	struct walk w;
	int round = 0;

	walk_init(&w, p);
	w.chosen_too = true;
	while (choose(&w) && ++round < MAX_ROUNDS)
		;
	walk_release(&w);
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

/* One round: a count for each component that is cyclic. Whether one was put. */
static bool cover(struct plan *p, struct walk *w, bool last_round)
{
	uint64_t left = 0;
	bool put = false;
	int tries = 0;

	find_components(w);
	for (struct insn *i = p->first; i < p->end; i++) {
		if (!uncovered(w, i))
			continue;
		if (!last_round && tries++ < MAX_BREAKS && break_cycle(w, i)) {
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
	struct walk w;
	int round = 0;

	walk_init(&w, p);
	while (cover(p, &w, ++round == MAX_ROUNDS))
		;
	walk_release(&w);
}
