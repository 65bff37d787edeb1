/*
 * Functions that nothing describes: assembler without call frame information, in files without
 * symbols. musl's way into all calls that can be cancelled is one.
 *
 * What code calls or jumps to is code. So from where known functions lead into the gaps between
 * them, all that can be reached there is decoded. To patch a byte of data, or a place that
 * something jumps to, would break a program; to leave a function alone costs little. So behind a
 * call the search goes on even if the call never returns, and any sign of data, or of ways that it
 * cannot follow, spoils all that is tied together by branches:
 *
 *  - no instruction, or one that has no business in a program;
 *  - instructions that overlap; branches into the middle of one, or out of the text;
 *  - bytes that other instructions read or write, or that are named as code but start none;
 *  - indirect jumps, but through the GOT: their targets may branch back to anywhere;
 *  - starts that follow neither the end of something nor padding.
 *
 * A second search starts at all places in gaps that something names, be they data or code. It finds
 * no functions, only more places that may be jumped to.
 */
#include "image/code.h"
#include "image/elf_tables.h"

#include "base/buf.h"
#include "base/map.h"
#include "base/search.h"

#define FUNCTION_ALIGN 16

struct reached {
	struct insn i;
	bool bad;
	uint32_t piece; /* the first instruction of the piece that it belongs to */
	uint32_t group; /* of first instructions: a piece that this one is tied to, or itself */
};

struct search {
	struct code *c;
	struct code_ranges alone;
	struct code_bits starts; /* of functions */
	struct map seen;
	struct reached *v;
	size_t n, cap;
	uint32_t *work;
	size_t n_work, cap_work;
};

/* Where the gap ends that holds `at`; 0: none does. */
static uint32_t gap_end(const struct search *s, uint32_t at)
{
	const struct code *c = s->c;
	uint64_t vaddr = code_vaddr(c, at), end;
	const struct elf_segment *text = elf_text(c->elf, vaddr);
	size_t f = FIRST_WHERE(k, c->n_functions, c->functions[k].end > at);
	size_t a = FIRST_WHERE(k, s->alone.n, s->alone.v[k].end > vaddr);

	if (!text)
		return 0;
	end = min_u64(text->vaddr + text->file_size, c->base + c->size);
	if (f < c->n_functions)
		end = min_u64(end, code_vaddr(c, c->functions[f].start));
	if (a < s->alone.n)
		end = min_u64(end, s->alone.v[a].start);
	return end > vaddr ? (uint32_t)(end - c->base) : 0;
}

/* --- what can be reached --- */

static void push(struct search *s, uint32_t at)
{
	GROW(s->work, s->n_work, s->cap_work);
	s->work[s->n_work++] = at;
}

static bool is_start(const struct search *s, uint32_t at)
{
	return code_bits_test(&s->starts, code_vaddr(s->c, at));
}

static void push_start(struct search *s, uint32_t at)
{
	if (!gap_end(s, at))
		return;
	code_bits_set(&s->starts, code_vaddr(s->c, at));
	push(s, at);
}

/* Whether it makes sense to go on at `at`, in a gap or out of it. */
static bool may_go_to(const struct search *s, uint32_t at)
{
	const struct function *f = at == NOWHERE ? NULL : code_function(s->c, at);

	if (f)
		return f->left || code_may_enter(s->c, f, at);
	return at != NOWHERE && elf_text(s->c->elf, code_vaddr(s->c, at));
}

static bool leads_on(const struct insn *i)
{
	return !is_end(i) && (i->kind != INSN_SYSCALL || is_syscall(i));
}

/* Push what is executed behind it; false: nobody knows. */
static bool follow(struct search *s, const struct insn *i)
{
	uint32_t next = i->at + i->length;

	if (i->kind == INSN_JMP_INDIRECT && !(i->props & INSN_RIP))
		return false;
	if (is_branch(i) || i->kind == INSN_CALL) {
		if (!may_go_to(s, i->target))
			return false;
		if (i->kind == INSN_CALL)
			push_start(s, i->target);
		else
			push(s, i->target);
	}
	if (!leads_on(i))
		return true;
	push(s, next);
	return may_go_to(s, next);
}

static void explore(struct search *s, uint32_t from)
{
	push(s, from);
	while (s->n_work) {
		uint32_t at = s->work[--s->n_work], end = gap_end(s, at);
		struct reached r = {0};
		uint64_t seen;

		if (!end || map_get(&s->seen, at, &seen))
			continue;
		map_set(&s->seen, at, 1);
		r.bad = code_read(s->c, at, end, &r.i) != READ_USUAL || !follow(s, &r.i);
		GROW(s->v, s->n, s->cap);
		s->v[s->n++] = r;
	}
}

/* From functions that are understood into gaps. */
static void explore_calls(struct search *s)
{
	const struct code *c = s->c;

	for (size_t k = 0; k < c->n_functions; k++) {
		const struct function *f = &c->functions[k];

		for (size_t j = f->first; !f->left && j < f->first + f->n; j++) {
			const struct insn *i = &c->insns[j];

			if (i->target == NOWHERE || (i->kind != INSN_CALL && !is_branch(i)) ||
			    (i->target >= f->start && i->target < f->end) || !gap_end(s, i->target))
				continue;
			code_bits_set(&s->starts, code_vaddr(c, i->target));
			explore(s, i->target);
		}
	}
}

static void explore_names(struct search *s)
{
	const struct code *c = s->c;
	uint64_t end = c->base + c->size;

	for (uint64_t a = c->base; (a = code_bits_next(&c->named, a, end)) < end; a++)
		explore(s, (uint32_t)(a - c->base));
}

static void note_all(struct search *s)
{
	for (size_t k = 0; k < s->n; k++) {
		const struct insn *i = &s->v[k].i;

		if (i->target != NOWHERE)
			code_note_target(s->c, code_vaddr(s->c, i->target), false);
		if (i->props & INSN_LEA)
			code_note_target(s->c, code_rip_operand(s->c, i), true);
		else if (i->props & INSN_RIP)
			code_bits_set(&s->c->data, code_rip_operand(s->c, i));
	}
}

/* --- what is believed --- */

static int by_address(const void *pa, const void *pb)
{
	const struct reached *a = pa, *b = pb;

	return a->i.at < b->i.at ? -1 : a->i.at > b->i.at;
}

static uint32_t end_of(const struct reached *r)
{
	return r->i.at + r->i.length;
}

static bool ends_with(const struct code *c, uint32_t at, const char *bytes, uint32_t n)
{
	return at >= n && !memcmp(c->text + at - n, bytes, n);
}

/* Aligned, or behind a jump, a call that does not return, padding or another function. */
static bool may_start(const struct search *s, uint32_t at)
{
	static const char *const ends[] = {"\xc3", "\xcc", "\x90", "\xf4", "\x0f\x0b", "\x0f\x05"};
	const struct code *c = s->c;

	if (code_vaddr(c, at) % FUNCTION_ALIGN == 0 || !at || code_function(c, at - 1))
		return true;
	for (size_t k = 0; k < ARRAY_SIZE(ends); k++) {
		if (ends_with(c, at, ends[k], (uint32_t)strlen(ends[k])))
			return true;
	}
	return (at >= 5 && (c->text[at - 5] | 1) == 0xe9) || (at >= 2 && c->text[at - 2] == 0xeb) ||
	       ends_with(c, at, "\0\0", 2) || ends_with(c, at, "\0", 1);
}

static bool looks_like_data(const struct search *s, const struct reached *r)
{
	uint64_t at = code_vaddr(s->c, r->i.at), end = code_vaddr(s->c, end_of(r));

	return code_bits_any(&s->c->data, at, end) || code_bits_any(&s->c->named, at + 1, end);
}

static uint32_t group_of(struct search *s, uint32_t k)
{
	while (s->v[k].group != k)
		k = s->v[k].group = s->v[s->v[k].group].group;
	return k;
}

static void tie(struct search *s, uint32_t a, uint32_t b)
{
	a = group_of(s, a);
	b = group_of(s, b);
	s->v[b].group = a;
	s->v[a].bad |= s->v[b].bad;
}

/* Instructions in a row, up to the next start. */
static void cut_pieces(struct search *s, uint32_t n)
{
	struct reached *longest = NULL;

	for (uint32_t k = 0; k < n; k++) {
		struct reached *r = &s->v[k];

		r->piece = r->group = k;
		r->bad |= looks_like_data(s, r);
		if (longest && r->i.at < end_of(longest))
			r->bad = longest->bad = true;
		if (is_start(s, r->i.at))
			r->bad |= !may_start(s, r->i.at);
		else if (k && end_of(&r[-1]) == r->i.at)
			r->piece = r[-1].piece;
		if (!longest || end_of(r) > end_of(longest))
			longest = r;
	}
	for (uint32_t k = 0; k < n; k++)
		s->v[s->v[k].piece].bad |= s->v[k].bad;
}

/* A function that runs into the next one; behind a call that is no proof. */
static bool runs_on(const struct insn *i)
{
	return leads_on(i) && i->kind != INSN_CALL && i->kind != INSN_CALL_INDIRECT &&
	       i->kind != INSN_SYSCALL;
}

/* Tie `r` to what is at `at`, if that is not a function that is called. */
static void tie_to(struct search *s, const struct reached *r, uint32_t at, uint32_t n, bool always)
{
	size_t to = FIRST_WHERE(j, n, s->v[j].i.at >= at);

	if (to < n && s->v[to].i.at == at && (always || !is_start(s, at)))
		tie(s, r->piece, s->v[to].piece);
}

/* What belongs together is good or bad together; functions that are called are on their own. */
static void tie_pieces(struct search *s, uint32_t n)
{
	for (uint32_t k = 0; k < n; k++) {
		const struct reached *r = &s->v[k];

		if (is_branch(&r->i))
			tie_to(s, r, r->i.target, n, false);
		if (leads_on(&r->i))
			tie_to(s, r, end_of(r), n, runs_on(&r->i));
	}
}

/* What is good of the first `n`, which are in order. */
static void take_pieces(struct search *s, uint32_t n, struct code_ranges *out)
{
	for (uint32_t k = 0; k < n; k++) {
		const struct reached *r = &s->v[k];
		uint64_t at = code_vaddr(s->c, r->i.at);

		if (s->v[group_of(s, r->piece)].bad)
			continue;
		if (r->piece == k)
			code_ranges_add(out, at, at);
		out->v[out->n - 1].end = at + r->i.length;
	}
}

int code_search_gaps(struct code *c, struct code_ranges *out)
{
	struct search s = {.c = c, .seen = MAP_INIT};
	int err = elf_left_alone(c->elf, &s.alone);
	uint32_t n;

	*out = (struct code_ranges){0};
	if (err)
		goto out;
	code_bits_init(&s.starts, c->elf);
	explore_calls(&s);
	n = (uint32_t)s.n;
	explore_names(&s);
	note_all(&s);
	if (n)
		qsort(s.v, n, sizeof(*s.v), by_address);
	cut_pieces(&s, n);
	tie_pieces(&s, n);
	take_pieces(&s, n, out);
out:
	code_bits_release(&s.starts);
	code_ranges_release(&s.alone);
	map_release(&s.seen);
	free(s.v);
	free(s.work);
	return err;
}
