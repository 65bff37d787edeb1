/*
 * Breakpoints and watchpoints.
 *
 * A breakpoint is an int3 at each place where its instruction is executed: the original one, unless
 * it was displaced, and all copies in stubs. They are in the tracee only while its code runs; who
 * reads memory, compares it, or copies the process must not meet them (breaks_remove()).
 *
 * A watchpoint is in the debug registers of the task that runs. What system calls and other
 * processes write is found by comparing values after each event. One that is too large is compared
 * after each instruction.
 */
#include "base/log.h"
#include "task/debug.h"
#include "ticks/landing.h"
#include "timeline/internal.h"

#include <stdlib.h>

#define MAX_COPIES 512
#define WAY_ID	   (-1) /* in slots: of a way's watchpoint */
#define MARK_ID	   (-2) /* ... of the record before a call that is caught */

/* --- the list --- */

static bool is_watch(const struct breakpoint *b)
{
	return b->b.kind != BREAK_EXECUTE;
}

/* Aligned pieces of 8, 4, 2 or 1 bytes: how many, of which up to `max` are put into `out`. */
struct piece {
	raddr_t addr;
	unsigned int len;
};

static size_t pieces_of(raddr_t addr, uint64_t len, struct piece *out, size_t max)
{
	size_t n = 0;

	while (len) {
		unsigned int size = 8;

		while (size > len || addr % size)
			size /= 2;
		if (n < max)
			out[n] = (struct piece){addr, size};
		if (++n > max)
			return n;
		addr += size;
		len -= size;
	}
	return n;
}

/* Debug registers go to those that were added first. */
static void count_breaks(struct breaks *k)
{
	size_t slots = 0;

	k->n_execute = k->n_watch = k->n_soft = 0;
	k->generation++;
	for (size_t i = 0; i < k->n; i++) {
		struct breakpoint *b = &k->list[i];
		struct piece pieces[N_DEBUG_SLOTS];
		size_t n;

		if (!is_watch(b)) {
			k->n_execute++;
			continue;
		}
		n = pieces_of(b->b.addr, b->b.len, pieces, N_DEBUG_SLOTS - slots);
		b->soft = slots + n > N_DEBUG_SLOTS;
		slots += b->soft ? 0 : n;
		k->n_watch++;
		k->n_soft += b->soft;
	}
	k->n_slots = slots;
}

int timeline_break_add(struct timeline *tl, const struct timeline_break *b)
{
	struct breaks *k = &tl->breaks;
	struct breakpoint *new;

	if (b->kind != BREAK_EXECUTE && (!b->len || b->len > MAX_SOFT_WATCH))
		return -EINVAL;
	k->list = xrealloc(k->list, (k->n + 1) * sizeof(*k->list));
	new = &k->list[k->n++];
	*new = (struct breakpoint){.id = ++k->last_id, .b = *b};
	if (is_watch(new))
		new->value = xcalloc(1, b->len);
	count_breaks(k);
	return k->last_id;
}

void timeline_break_remove(struct timeline *tl, int id)
{
	struct breaks *k = &tl->breaks;

	for (size_t i = 0; i < k->n; i++) {
		if (k->list[i].id != id)
			continue;
		free(k->list[i].value);
		memmove(&k->list[i], &k->list[i + 1], (k->n - i - 1) * sizeof(*k->list));
		k->n--;
		count_breaks(k);
		return;
	}
}

void breaks_release(struct breaks *k)
{
	for (size_t i = 0; i < k->n; i++)
		free(k->list[i].value);
	free(k->list);
	free(k->inserted);
}

static bool concerns(const struct breakpoint *b, const struct ptask *p)
{
	return !b->b.tgid || b->b.tgid == p->group->rec_tgid;
}

/* --- int3 --- */

static void insert_at(struct timeline *tl, struct ptask *p, raddr_t addr, raddr_t logical)
{
	static const uint8_t int3 = 0xcc;
	struct breaks *k = &tl->breaks;
	struct inserted *in;
	uint8_t old;

	for (size_t i = 0; i < k->n_inserted; i++)
		if (k->inserted[i].addr == addr)
			return;
	if (mm_read(p->t.mm, addr, &old, 1) || mm_write(p->t.mm, addr, &int3, 1))
		return; /* not mapped now */
	k->inserted = xrealloc(k->inserted, (k->n_inserted + 1) * sizeof(*k->inserted));
	in = &k->inserted[k->n_inserted++];
	*in = (struct inserted){addr, logical, old};
}

/* The record to watch: 0 if there is none, or no debug register for it. */
static raddr_t mark_of(struct timeline *tl, struct ptask *p)
{
	return tl->breaks.n_slots < N_DEBUG_SLOTS ? calls_mark(tl, p) : 0;
}

void breaks_insert(struct timeline *tl, struct ptask *p)
{
	struct breaks *k = &tl->breaks;
	const bool calls = calls_ahead(tl, p) && !mark_of(tl, p);
	raddr_t copies[MAX_COPIES];

	if (k->inserted_in == p->t.mm && k->inserted_generation == k->generation &&
	    k->inserted_calls == calls)
		return;
	breaks_remove(tl);
	for (size_t i = 0; i < k->n; i++) {
		size_t n;

		if (is_watch(&k->list[i]) || !concerns(&k->list[i], p))
			continue;
		n = code_copies(tl, p, k->list[i].b.addr, copies, MAX_COPIES);
		for (size_t j = 0; j < n; j++)
			insert_at(tl, p, copies[j], k->list[i].b.addr);
	}
	if (calls)
		code_each_call(tl, p, insert_at);
	k->inserted_in = p->t.mm;
	k->inserted_generation = k->generation;
	k->inserted_calls = calls;
}

void breaks_remove(struct timeline *tl)
{
	struct breaks *k = &tl->breaks;

	for (size_t i = 0; i < k->n_inserted; i++) {
		const struct inserted *in = &k->inserted[i];
		uint8_t now;

		/* The program may have written another instruction there. */
		if (!mm_read(k->inserted_in, in->addr, &now, 1) && now == 0xcc)
			mm_write(k->inserted_in, in->addr, &in->old, 1);
	}
	k->n_inserted = 0;
	k->inserted_in = NULL;
}

const struct inserted *breaks_at(struct timeline *tl, struct ptask *p, raddr_t addr)
{
	const struct breaks *k = &tl->breaks;

	for (size_t i = 0; i < k->n_inserted && k->inserted_in == p->t.mm; i++)
		if (k->inserted[i].addr == addr)
			return &k->inserted[i];
	return NULL;
}

static bool overlap(const struct timeline_break *b, raddr_t addr, uint64_t len)
{
	return b->addr < addr + len && addr < b->addr + b->len;
}

/* What compares there must not meet it: an int3, or a watchpoint that sees reads. */
bool breaks_touch(const struct timeline *tl, const struct landing_point *point)
{
	const raddr_t stack = point->regs.u.rsp - LANDING_BELOW;

	for (size_t i = 0; i < tl->breaks.n; i++) {
		const struct timeline_break *b = &tl->breaks.list[i].b;

		if (b->kind == BREAK_WRITE)
			continue;
		if (overlap(b, stack, LANDING_STACK))
			return true;
		for (size_t j = 0; j < point->n_words; j++)
			if (overlap(b, point->words[j].addr, sizeof(point->words[j].value)))
				return true;
	}
	return false;
}

void breaks_hide(const struct timeline *tl, const struct ptask *p, raddr_t addr, void *buf,
		 size_t n)
{
	const struct breaks *k = &tl->breaks;

	for (size_t i = 0; i < k->n_inserted && k->inserted_in == p->t.mm; i++)
		if (k->inserted[i].addr - addr < n)
			((uint8_t *)buf)[k->inserted[i].addr - addr] = k->inserted[i].old;
}

static bool wanted(struct timeline *tl, const struct breakpoint *b, struct ptask *p)
{
	return !b->b.condition || b->b.condition(b->b.ctx, tl, p->rec_tid);
}

static struct timeline_stop stop_for(const struct breakpoint *b, const struct ptask *p)
{
	return (struct timeline_stop){
		.reason = is_watch(b) ? TIMELINE_STOP_WATCH : TIMELINE_STOP_BREAK,
		.tid = p->rec_tid,
		.id = b->id,
		.kind = b->b.kind,
		.addr = b->b.addr,
		.len = b->b.len,
	};
}

bool breaks_any_execute(struct timeline *tl, struct ptask *p, raddr_t logical)
{
	struct breaks *k = &tl->breaks;

	for (size_t i = 0; k->n_execute && i < k->n; i++) {
		const struct breakpoint *b = &k->list[i];

		if (!is_watch(b) && b->b.addr == logical && concerns(b, p))
			return true;
	}
	return false;
}

bool breaks_execute(struct timeline *tl, struct ptask *p, raddr_t logical,
		    struct timeline_stop *hit)
{
	struct breaks *k = &tl->breaks;

	for (size_t i = 0; k->n_execute && i < k->n; i++) {
		const struct breakpoint *b = &k->list[i];

		if (is_watch(b) || b->b.addr != logical || !concerns(b, p) || !wanted(tl, b, p))
			continue;
		*hit = stop_for(b, p);
		return true;
	}
	return false;
}

/* --- debug registers --- */

static enum debug_kind debug_kind_of(enum timeline_break_kind kind)
{
	return kind == BREAK_WRITE ? DEBUG_WRITE : DEBUG_ACCESS;
}

static int arm(struct timeline *tl, struct ptask *p, int *slot, int id,
	       enum timeline_break_kind kind, raddr_t addr, uint64_t len)
{
	struct piece pieces[N_DEBUG_SLOTS];
	size_t n = pieces_of(addr, len, pieces, N_DEBUG_SLOTS);

	for (size_t i = 0; i < n && *slot < N_DEBUG_SLOTS; i++) {
		int ret = task_debug_set(&p->t, *slot, debug_kind_of(kind), pieces[i].addr,
					 pieces[i].len);

		if (ret)
			return ret;
		tl->breaks.slot_id[(*slot)++] = id;
	}
	return 0;
}

int watches_arm(struct timeline *tl, struct ptask *p)
{
	const raddr_t mark = mark_of(tl, p);
	struct breaks *k = &tl->breaks;
	int slot = 0, ret = 0;

	if (k->armed == p && k->armed_generation == k->generation && k->armed_mark == mark)
		return 0;
	watches_disarm(tl);
	if (k->n_watch == k->n_soft && !mark)
		return 0;
	k->armed = p;
	k->armed_generation = k->generation;
	k->armed_mark = mark;
	for (size_t i = 0; !ret && i < k->n; i++) {
		const struct breakpoint *b = &k->list[i];

		if (is_watch(b) && !b->soft && concerns(b, p))
			ret = arm(tl, p, &slot, b->id, b->b.kind, b->b.addr, b->b.len);
	}
	if (!ret && mark)
		ret = arm(tl, p, &slot, MARK_ID, BREAK_ACCESS, mark, sizeof(uint64_t));
	return ret;
}

int watch_way_arm(struct timeline *tl, struct ptask *p, const struct way *way)
{
	int slot = 0;

	if (tl->breaks.armed == p && tl->breaks.slot_id[0] == WAY_ID)
		return 0;
	watches_disarm(tl);
	tl->breaks.armed = p;
	tl->breaks.armed_generation = tl->breaks.generation - 1;
	tl->breaks.armed_mark = 0;
	return arm(tl, p, &slot, WAY_ID, way->watch, way->addr, way->len);
}

void watches_disarm(struct timeline *tl)
{
	struct breaks *k = &tl->breaks;

	for (int i = 0; k->armed && i < N_DEBUG_SLOTS; i++) {
		if (k->slot_id[i])
			task_debug_clear(&k->armed->t, i);
		k->slot_id[i] = 0;
	}
	k->armed = NULL;
}

static void add_met(struct breaks *k, int id)
{
	for (size_t i = 0; i < k->n_met; i++)
		if (k->met[i] == id)
			return;
	k->met[k->n_met++] = id;
}

bool watches_note_slots(struct timeline *tl, unsigned int slots)
{
	struct breaks *k = &tl->breaks;

	for (int i = 0; i < N_DEBUG_SLOTS; i++)
		if (slots & 1u << i && k->slot_id[i] && k->slot_id[i] != MARK_ID)
			add_met(k, k->slot_id[i]);
	return k->n_met;
}

bool watches_note(struct timeline *tl, struct ptask *p)
{
	unsigned int slots;

	if (tl->breaks.armed != p || task_debug_hits(&p->t, &slots) || !slots)
		return false;
	task_debug_forget_hits(&p->t);
	return watches_note_slots(tl, slots);
}

static bool was_met(const struct breaks *k, int id)
{
	for (size_t i = 0; i < k->n_met; i++)
		if (k->met[i] == id)
			return true;
	return false;
}

/* --- values --- */

static bool read_value(struct breakpoint *b, struct ptask *p, uint8_t *out)
{
	memset(out, 0, b->b.len);
	return mm_read_some(p->t.mm, b->b.addr, out, b->b.len) == b->b.len;
}

/* Whether the value is another one than when it was last looked at; which is now. */
static bool value_changed(struct breakpoint *b, struct ptask *p)
{
	uint8_t *now = xmalloc(b->b.len);
	bool changed;

	read_value(b, p, now);
	changed = b->value_of == p->group->rec_tgid && memcmp(now, b->value, b->b.len);
	b->value_of = p->group->rec_tgid;
	memcpy(b->value, now, b->b.len);
	free(now);
	return changed;
}

void watches_refresh(struct timeline *tl, struct ptask *p)
{
	struct breaks *k = &tl->breaks;

	for (size_t i = 0; k->n_watch && i < k->n; i++) {
		struct breakpoint *b = &k->list[i];

		if (is_watch(b) && concerns(b, p) && b->value_of != p->group->rec_tgid)
			value_changed(b, p);
	}
}

void watches_forget(struct timeline *tl)
{
	for (size_t i = 0; i < tl->breaks.n && !tl->breaks.keep_values; i++)
		tl->breaks.list[i].value_of = 0;
}

static bool has_changed(struct timeline *tl, struct breakpoint *b, struct ptask *p)
{
	return value_changed(b, p) && b->b.kind != BREAK_READ && wanted(tl, b, p);
}

bool watches_changed(struct timeline *tl, struct ptask *p, bool soft_only,
		     struct timeline_stop *hit)
{
	struct breaks *k = &tl->breaks;
	bool found = false;

	for (size_t i = 0; k->n_watch && i < k->n; i++) {
		struct breakpoint *b = &k->list[i];

		if (!is_watch(b) || !concerns(b, p) || (soft_only && !b->soft))
			continue;
		if (has_changed(tl, b, p) && !found) {
			*hit = stop_for(b, p);
			found = true;
		}
	}
	return found;
}

bool watches_after_event(struct timeline *tl, struct ptask *p, struct timeline_stop *hit)
{
	struct breaks *k = &tl->breaks;
	bool found = false;

	for (size_t i = 0; k->n_watch && i < k->n; i++) {
		struct breakpoint *b = &k->list[i];
		struct ptask *owner =
			is_watch(b) && b->b.tgid ? ptask_find(&tl->now->s, b->b.tgid) : p;

		if (is_watch(b) && owner && has_changed(tl, b, owner) && !found) {
			*hit = stop_for(b, p);
			found = true;
		}
	}
	return found;
}

/* The registers tell an access: that it was a write is seen from the value. */
static bool is_kind(const struct breakpoint *b, bool changed)
{
	return b->b.kind == BREAK_ACCESS || changed == (b->b.kind == BREAK_WRITE);
}

bool watches_hit(struct timeline *tl, struct ptask *p, struct timeline_stop *hit)
{
	struct breaks *k = &tl->breaks;
	bool found = false;

	for (size_t i = 0; k->n_met && i < k->n; i++) {
		struct breakpoint *b = &k->list[i];
		bool changed;

		if (!was_met(k, b->id))
			continue;
		changed = value_changed(b, p);
		if (found || !is_kind(b, changed) || !wanted(tl, b, p))
			continue;
		*hit = stop_for(b, p);
		found = true;
	}
	k->n_met = 0;
	return found;
}
