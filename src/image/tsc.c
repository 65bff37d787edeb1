/*
 * Where the time-stamp counter may be read that the agent does not know of. The counter is free for
 * a process only if there is no such place in all that it executes, so what may be code counts as
 * code: in functions, what was decoded and is not patched; elsewhere, what something leads to.
 */
#include "image/plan.h"

#include "base/search.h"
#include "mem/insn_site.h"

/* rdtsc, or rdtscp, or AMD's rdpru, which shares their switch (CR4.TSD). */
static bool reads_tsc(const uint8_t *p)
{
	return p[0] == 0x0f && (p[1] == 0x31 || (p[1] == 0x01 && (p[2] == 0xf9 || p[2] == 0xfd)));
}

static bool is_rdpru(const struct code *c, const struct insn *i)
{
	static const uint8_t rdpru[] = {0x0f, 0x01, 0xfd};

	return i->opcode == rdpru[1] && i->length >= sizeof(rdpru) &&
	       !memcmp(c->text + insn_end(i) - sizeof(rdpru), rdpru, sizeof(rdpru));
}

static bool is_tsc_site(const struct insn *i)
{
	return (i->props & INSN_SITE) && (i->site == SITE_RDTSC || i->site == SITE_RDTSCP);
}

/* --- between functions --- */

/* A walk through what may be code between two functions. */
struct walk {
	const struct code *c;
	uint32_t start, end;
	uint8_t *seen; /* a bit for each byte */
	uint32_t *todo;
	size_t n, cap;
};

static void walk_to(struct walk *w, uint64_t at)
{
	if (at < w->start || at >= w->end ||
	    (w->seen[(at - w->start) / 8] & 1U << (at - w->start) % 8))
		return;
	GROW(w->todo, w->n, w->cap);
	w->todo[w->n++] = (uint32_t)at;
}

/* One instruction: where it leads goes to `todo`. Whether it may read the counter. */
static bool walk_step(struct walk *w, uint32_t at)
{
	struct insn i;

	w->seen[(at - w->start) / 8] |= (uint8_t)(1U << (at - w->start) % 8);
	if (code_read(w->c, at, w->end, &i) == READ_NOTHING)
		return false;
	if (is_tsc_site(&i) || is_rdpru(w->c, &i) || i.kind == INSN_JMP_INDIRECT) /* to anywhere */
		return true;
	walk_to(w, i.target);
	if (i.props & INSN_LEA)
		walk_to(w, code_rip_operand(w->c, &i) - w->c->base);
	if (!is_end(&i))
		walk_to(w, insn_end(&i));
	return false;
}

/* Bytes between two functions, or a function that is left alone. Asked in ascending order, answered
 * once for all of them. */
struct gap {
	uint32_t end;
	bool reads;
};

/*
 * Of the bytes around `at`, which are in no function (or in one that is left alone), up to g->end:
 * whether they may be code that executes an instruction which reads the counter. What nothing leads
 * to by a name, a branch or by running into it is data.
 */
static void look_into_gap(const struct code *c, uint32_t at, struct gap *g)
{
	struct walk w = {.c = c, .end = (uint32_t)c->size};
	size_t next = FIRST_WHERE(k, c->n_functions, c->functions[k].end > at);
	const struct function *f = c->functions + next, *before = next ? f - 1 : NULL;

	*g = (struct gap){.reads = true};
	if (before)
		w.start = before->end;
	if (next < c->n_functions) {
		g->end = f->end;
		if (f->start <= at)
			return;
		w.end = f->start;
	}
	*g = (struct gap){.end = w.end};
	w.seen = xcalloc((w.end - w.start + 7) / 8, 1);
	if (before && (!before->n || !is_end(&c->insns[before->first + before->n - 1])))
		walk_to(&w, w.start);
	for (uint32_t k = w.start; k < w.end; k++) {
		if (is_target(c, k))
			walk_to(&w, k);
	}
	while (w.n && !g->reads)
		g->reads = walk_step(&w, w.todo[--w.n]);
	free(w.seen);
	free(w.todo);
}

/* --- all --- */

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

/* Whether the bytes at `at` may be executed as such: they are not if they are the agent's matter,
 * or parts of instructions that do something else. */
static bool is_left(const struct code *c, uint32_t at, struct gap *g)
{
	const struct insn *i = insn_with(c, at);

	if (!i && at >= g->end)
		look_into_gap(c, at, g);
	if (!i)
		return g->reads;
	if (is_tsc_site(i))
		return !(i->plan & PLAN_CLAIMED);
	return is_rdpru(c, i) && insn_end(i) == at + 3;
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
