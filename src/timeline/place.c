/*
 * Where the running task is.
 *
 * After steps that is known exactly. Where a breakpoint or a watchpoint stops it at full speed, the
 * count of its instructions is not known: the place then gets a way, which says how often the same
 * happened since a point that is known: the last tick, or pass of a landing's address.
 */
#include "timeline/run.h"

#include "base/log.h"
#include "ticks/landing.h"

bool counts_passes(struct timeline *tl, struct ptask *p)
{
	return tl->landing && !p->counter && !code_is_ours(tl, p, tl->landing->regs.u.rip);
}

bool note_pass(struct timeline *tl, struct ptask *p)
{
	if (!counts_passes(tl, p) || task_regs(&p->t) || p->t.regs.u.rip != tl->landing->regs.u.rip)
		return false;
	tl->passes++;
	return true;
}

/* The same count of ticks and passes as at the place. */
static bool is_unit(const struct timeline *tl, const struct ptask *p)
{
	const struct place *place = &tl->now->place;

	return place->ticks == p->ticks.count && place->passes == tl->passes;
}

static void begin_unit(struct timeline *tl, const struct ptask *p)
{
	struct place *place = &tl->now->place;

	place->ticks = p->ticks.count;
	place->passes = tl->passes;
	place->step = 0;
	place->n_ways = 0;
}

static void track_reset(struct timeline *tl, const struct ptask *p)
{
	const struct place *place = &tl->now->place;

	map_release(&tl->track.arrivals);
	map_init(&tl->track.arrivals);
	tl->track.valid = true;
	tl->track.generation = tl->breaks.generation;
	tl->track.ticks = p->ticks.count;
	tl->track.passes = tl->passes;
	tl->track.n_ways = place->n_ways;
	/* Nobody has looked yet at what is executed here first. */
	tl->track.fresh = !place->looked && !tl->walk->skip_arrival;
}

void track_begin(struct timeline *tl, const struct ptask *p)
{
	if (!tl->track.valid || tl->track.generation != tl->breaks.generation ||
	    tl->track.ticks != p->ticks.count || tl->track.passes != tl->passes)
		track_reset(tl, p);
}

uint64_t track(struct timeline *tl, const struct ptask *p, uint64_t key)
{
	uint64_t n = 0;

	if (tl->track.ticks != p->ticks.count || tl->track.passes != tl->passes) {
		track_reset(tl, p);
		tl->track.n_ways = 0;
		tl->track.fresh = true;
	}
	map_get(&tl->track.arrivals, key, &n);
	map_set(&tl->track.arrivals, key, n + 1);
	return n + 1;
}

void place_by_way(struct timeline *tl, const struct ptask *p, struct way way)
{
	struct place *place = &tl->now->place;

	if (!is_unit(tl, p))
		begin_unit(tl, p);
	BUG_ON(tl->track.n_ways >= MAX_WAYS);
	place->n_ways = tl->track.n_ways;
	way.fresh = tl->track.fresh;
	place->ways[place->n_ways++] = way;
	place->started = true;
	place->looked = way.kind == WAY_ARRIVALS;
}

void place_step(struct timeline *tl, struct ptask *p)
{
	struct place *place = &tl->now->place;

	tl->track.valid = false;
	place->started = true;
	place->looked = false;
	note_pass(tl, p);
	if (!is_unit(tl, p)) {
		begin_unit(tl, p);
	} else if (!place->n_ways) {
		place->step++;
	} else if (place->ways[place->n_ways - 1].kind == WAY_STEPS) {
		place->ways[place->n_ways - 1].n++;
	} else {
		BUG_ON(place->n_ways >= MAX_WAYS);
		place->ways[place->n_ways++] = (struct way){.kind = WAY_STEPS, .n = 1};
	}
}

void place_tick(struct timeline *tl, const struct ptask *p)
{
	struct place *place = &tl->now->place;

	tl->track.valid = false;
	place->started = true;
	place->looked = false;
	begin_unit(tl, p);
}
