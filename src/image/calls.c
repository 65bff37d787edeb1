/*
 * Which calls have to count.
 *
 * A recursion is a cycle of calls; laid out by address, one call of it leads backward or to its own
 * function. So counting backward and self calls cuts all cycles of direct calls, and only those
 * that lie on a cycle are needed: caller and callee are in one strongly connected component of the
 * file's call graph, in which jumps that leave a function are edges like calls.
 *
 * Of these, a call needs no count if all ways to it from the function's entry pass another counted
 * call. For consider a stretch of execution without any safepoint, which makes an uncounted call:
 * its function has counted in the same invocation before, so that invocation began before the
 * stretch did. No loop goes round in the stretch, so each of these invocations, which are finitely
 * many, as they are on the stack where the stretch begins, makes a bounded number of calls. All
 * others lead forward or out of the cycle, a chain that is bounded by the number of functions.
 */
#include "image/code.h"

struct graph {
	struct code *c;
	uint32_t n;
	uint32_t *first; /* of each function's edges; n + 1 of them */
	uint32_t *to;
	uint32_t *number, *low, *stack;
	struct {
		uint32_t node, next;
	} * calls;
	uint32_t n_stack, n_calls, counter, components;
};

/* The function that `i` calls or jumps to; NULL: none, or its own by a jump. */
static struct function *callee(const struct code *c, const struct function *f, const struct insn *i)
{
	if (i->target == NOWHERE || (i->kind != INSN_CALL && !is_branch(i)))
		return NULL;
	if (is_branch(i) && i->target >= f->start && i->target < f->end)
		return NULL;
	return code_function(c, i->target);
}

static void collect(struct graph *g)
{
	struct code *c = g->c;
	uint32_t n = 0, cap = 0;

	for (uint32_t k = 0; k < g->n; k++) {
		struct function *f = &c->functions[k];

		g->first[k] = n;
		for (size_t j = f->first; j < f->first + f->n; j++) {
			struct insn *i = &c->insns[j];
			struct function *t = callee(c, f, i);

			if (!t)
				continue;
			GROW(g->to, n, cap);
			g->to[n++] = (uint32_t)(t - c->functions);
			/* Who comes from another function has not passed what is before. */
			if (i->kind != INSN_CALL)
				code_bits_set(&c->named, code_vaddr(c, i->target));
		}
	}
	g->first[g->n] = n;
}

static void enter(struct graph *g, uint32_t node)
{
	g->number[node] = g->low[node] = ++g->counter;
	g->stack[g->n_stack++] = node;
	g->calls[g->n_calls].node = node;
	g->calls[g->n_calls++].next = g->first[node];
}

static void leave(struct graph *g, uint32_t node)
{
	uint32_t member;

	g->n_calls--;
	if (g->n_calls) {
		uint32_t up = g->calls[g->n_calls - 1].node;

		if (g->low[node] < g->low[up])
			g->low[up] = g->low[node];
	}
	if (g->low[node] != g->number[node])
		return;
	g->components++;
	do {
		member = g->stack[--g->n_stack];
		g->c->functions[member].component = g->components;
	} while (member != node);
}

static void visit(struct graph *g, uint32_t root)
{
	enter(g, root);
	while (g->n_calls) {
		uint32_t node = g->calls[g->n_calls - 1].node;
		uint32_t k = g->calls[g->n_calls - 1].next++;
		uint32_t to;

		if (k >= g->first[node + 1]) {
			leave(g, node);
			continue;
		}
		to = g->to[k];
		if (!g->number[to])
			enter(g, to);
		else if (!g->c->functions[to].component && g->number[to] < g->low[node])
			g->low[node] = g->number[to];
	}
}

void code_call_graph(struct code *c)
{
	uint32_t n = (uint32_t)c->n_functions;
	uint32_t *memory = xcalloc(6 * (size_t)n + 1, sizeof(uint32_t));
	struct graph g = {
		.c = c,
		.n = n,
		.first = memory,
		.number = memory + n + 1,
		.low = memory + 2 * n + 1,
		.stack = memory + 3 * n + 1,
		.calls = (void *)(memory + 4 * n + 1),
	};

	collect(&g);
	for (uint32_t k = 0; k < n; k++) {
		if (!g.number[k])
			visit(&g, k);
	}
	free(g.to);
	free(memory);
}

bool code_recursive(const struct code *c, const struct function *f, const struct insn *i)
{
	const struct function *t = i->target == NOWHERE ? NULL : code_function(c, i->target);

	return t && t->component == f->component;
}

/*
 * Walk `f` from all places where it can be entered, up to calls that count: the rest of them is
 * only reached behind another one.
 */
void code_first_calls(const struct code *c, const struct function *f)
{
	struct insn *first = &c->insns[f->first], *end = first + f->n;
	uint8_t *seen = xcalloc(1, f->n);
	struct insn **work = xmalloc((f->n + 1) * sizeof(*work));
	size_t n = 0;

	for (struct insn *i = first; i < end; i++) {
		if (i == first || code_bits_test(&c->named, code_vaddr(c, i->at)) ||
		    code_bits_test(&c->tables, code_vaddr(c, i->at))) {
			seen[i - first] = 1;
			work[n++] = i;
		}
	}
	while (n) {
		struct insn *i = work[--n], *to;

		if (i->plan & PLAN_CALL) {
			i->plan |= PLAN_FIRST;
			continue;
		}
		to = is_branch(i) && i->target != NOWHERE ? code_insn(c, f, i->target) : NULL;
		if (to && !seen[to - first]) {
			seen[to - first] = 1;
			work[n++] = to;
		}
		if (!is_end(i) && i + 1 < end && !seen[i + 1 - first]) {
			seen[i + 1 - first] = 1;
			work[n++] = i + 1;
		}
	}
	free(work);
	free(seen);
}
