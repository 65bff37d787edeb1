/*
 * Going to points, and finding out which point a place is.
 */
#include "base/log.h"
#include "timeline/internal.h"

#include <stdlib.h>

bool interrupted(struct timeline *tl)
{
	return tl->opt.interrupted && tl->opt.interrupted(tl->opt.ctx);
}

struct timeline_point place_point(const struct place *p)
{
	return (struct timeline_point){p->event, p->ticks, p->passes,
				       p->end ? TIMELINE_STEP_END : p->step};
}

/* --- to a point --- */

/* Now is on the way, and nothing else is nearer. */
static bool is_nearest(const struct timeline *tl, const struct snapshot *other,
		       const struct timeline_point *to)
{
	const struct place *now = &tl->now->place;
	struct timeline_point at = place_point(now), there = place_point(&other->place);

	if (now->n_ways && now->event == to->event && now->ticks == to->ticks &&
	    now->passes == to->passes)
		return false;
	return timeline_point_compare(&at, to) <= 0 && timeline_point_compare(&there, &at) <= 0;
}

/* What every stretch of walking does now and then. */
static int pass(struct timeline *tl, const struct walk *w)
{
	if (w->pause != PAUSE_SLICE && tl->now->place.event % 64)
		return 0;
	if (interrupted(tl))
		return INTERRUPTED;
	return next_event(tl) < 0 ? tl->failed : snapshots_pass(tl);
}

static int to_event(struct timeline *tl, event_t event)
{
	int ret = 0;

	while (!ret && tl->now->place.event < event) {
		struct walk w = {0};

		ret = next_event(tl);
		if (ret <= 0)
			return ret;
		ret = walk_event(tl, &w);
		if (!ret)
			ret = pass(tl, &w);
	}
	return ret;
}

/* Walk in this interval until it pauses as asked; an end of the interval is a pause too. */
static int walk_within(struct timeline *tl, struct walk *w)
{
	const event_t event = tl->now->place.event;
	struct walk wanted = *w;
	int ret;

	wanted.stop_at_end = true;
	do {
		*w = wanted;
		ret = walk_event(tl, w);
		if (!ret && w->pause == PAUSE_SLICE)
			ret = pass(tl, w);
	} while (!ret && w->pause == PAUSE_SLICE && tl->now->place.event == event);
	return ret;
}

static bool runs_code_now(struct timeline *tl)
{
	struct ptask *p = running_task(tl);

	return p && event_runs_code(&tl->now->s, p);
}

/* The place is before or behind all points with the ticks and passes of `to`. */
static int compare_unit(const struct place *place, const struct timeline_point *to)
{
	if (place->ticks != to->ticks)
		return place->ticks < to->ticks ? -1 : 1;
	if (to->step == TIMELINE_STEP_END || place->passes == to->passes)
		return 0;
	return place->passes < to->passes ? -1 : 1;
}

static int within_interval(struct timeline *tl, const struct timeline_point *to)
{
	const struct place *place = &tl->now->place;
	int ret = 0;

	if (place->event != to->event || place->end || !runs_code_now(tl))
		return 0;
	if (compare_unit(place, to) < 0) {
		struct walk w = {.limited = true, .ticks = to->ticks};

		w.passes = to->step == TIMELINE_STEP_END ? 0 : to->passes;
		ret = walk_within(tl, &w);
	}
	if (ret || place->event != to->event || place->end || compare_unit(place, to) > 0)
		return ret;
	/* Who goes backwards by steps will come here again. */
	if (tl->backwards && to->step > 1 && !place->step && (ret = snapshot_keep(tl)))
		return ret;
	if (to->step == TIMELINE_STEP_END) {
		struct walk w = {0};

		return walk_within(tl, &w);
	}
	if (to->step > place->step) {
		struct walk w = {.stepping = true, .steps = to->step - place->step};

		ret = walk_within(tl, &w);
	}
	return ret;
}

int seek_point(struct timeline *tl, const struct timeline_point *to)
{
	struct snapshot *s = snapshot_before(tl, to);
	struct timeline_point from;
	int ret = 0;

	if (next_event(tl) < 0)
		return tl->failed;
	if (!is_nearest(tl, s, to))
		ret = snapshot_restore(tl, s);
	from = place_point(&tl->now->place);
	vtime_begin(tl);
	if (!ret)
		ret = to_event(tl, to->event);
	if (!ret)
		ret = settle_place(tl);
	if (!ret)
		ret = within_interval(tl, to);
	if (!ret)
		ret = settle_place(tl);
	vtime_pass(tl);
	log_debug("seek %llu:%llu+%lld from %llu:%llu+%lld: %d, at %llu:%llu+%lld",
		  (unsigned long long)to->event, (unsigned long long)to->ticks, (long long)to->step,
		  (unsigned long long)from.event, (unsigned long long)from.ticks,
		  (long long)from.step, ret, (unsigned long long)tl->now->place.event,
		  (unsigned long long)tl->now->place.ticks, (long long)tl->now->place.step);
	return ret;
}

/* --- along a way --- */

static int lost(struct timeline *tl, const struct place *to)
{
	for (unsigned int i = 0; i < to->n_ways; i++)
		log_debug("way %u: kind %d, %llu times, %#llx, %llu bytes", i, to->ways[i].kind,
			  (unsigned long long)to->ways[i].n, (unsigned long long)to->ways[i].addr,
			  (unsigned long long)to->ways[i].len);
	log_debug("base %llu:%llu+%llu, at %llu:%llu+%llu%s", (unsigned long long)to->event,
		  (unsigned long long)to->ticks, (unsigned long long)to->step,
		  (unsigned long long)tl->now->place.event,
		  (unsigned long long)tl->now->place.ticks, (unsigned long long)tl->now->place.step,
		  tl->now->place.end ? " end" : "");
	error("the way to event %llu, tick %llu is not found again", (unsigned long long)to->event,
	      (unsigned long long)to->ticks);
	return tl_fail(tl, REPLAY_DIVERGED);
}

static int follow(struct timeline *tl, const struct place *to)
{
	for (unsigned int i = 0; i < to->n_ways; i++) {
		struct walk w = {.stepping = true, .way = &to->ways[i], .way_left = to->ways[i].n};
		int ret = walk_within(tl, &w);

		watches_disarm(tl);
		if (ret)
			return ret;
		if (w.pause != PAUSE_STEPS || tl->now->place.ticks != to->ticks)
			return lost(tl, to);
	}
	return 0;
}

int seek_place(struct timeline *tl, const struct place *to)
{
	struct timeline_point base = place_point(to);
	int ret = seek_point(tl, &base);

	if (ret || !to->n_ways)
		return ret;
	if (tl->now->place.event != to->event || tl->now->place.ticks != to->ticks ||
	    tl->now->place.step != to->step)
		return lost(tl, to);
	ret = snapshot_keep(tl);
	return ret ? ret : follow(tl, to);
}

int place_resolve(struct timeline *tl)
{
	struct snapshot *here = tl->now;
	struct snapshot *s;
	struct timeline_point base;
	struct place to = here->place;
	int ret;

	if (!to.n_ways)
		return 0;
	base = place_point(&to);
	s = snapshot_before(tl, &base);
	/* `here` stays as it is while a copy of its past goes the way. */
	snapshot_activate(tl, s);
	ret = snapshot_take(tl, &s);
	if (!ret) {
		snapshot_activate(tl, s);
		ret = seek_place(tl, &to);
		here->place.step = tl->now->place.step;
		snapshot_free(tl->now);
	}
	snapshot_activate(tl, here);
	if (!ret)
		here->place.n_ways = 0;
	return ret;
}

/* --- backwards in an interval --- */

/* Of the points with these ticks and passes, the one where something is executed last. Now is at
 * the first of them. */
static int last_of_unit(struct timeline *tl, event_t e, ticks_t ticks, uint64_t passes,
			struct timeline_point *out)
{
	const struct place *place = &tl->now->place;
	bool found = false;

	while (place->event == e && place->ticks == ticks && place->passes == passes &&
	       !place->end) {
		struct timeline_point at = place_point(place);
		struct walk w = {.stepping = true, .steps = 1};
		int ret = walk_within(tl, &w);

		if (ret)
			return ret;
		if (!w.done)
			break;
		*out = at;
		found = true;
	}
	return found ? 0 : -ENOENT;
}

#define FIRST_TICKS_BACK 64

/* The last ticks before `ticks` that the interval knows: *out. */
static int ticks_before(struct timeline *tl, event_t e, ticks_t ticks, ticks_t *out)
{
	ticks_t back = FIRST_TICKS_BACK;
	int ret;

	for (;; back *= 16) {
		struct timeline_point to = {.event = e, .ticks = ticks > back ? ticks - back : 0};

		ret = seek_point(tl, &to);
		if (ret)
			return ret;
		if (tl->now->place.event != e || !runs_code_now(tl))
			return -ENOENT;
		if (tl->now->place.ticks < ticks)
			break;
		if (!to.ticks)
			return -ENOENT;
	}
	ret = snapshot_keep(tl);
	while (!ret && tl->now->place.event == e && tl->now->place.ticks < ticks &&
	       !tl->now->place.end) {
		struct walk w = {.limited = true, .ticks = tl->now->place.ticks + 1};

		*out = tl->now->place.ticks;
		ret = walk_within(tl, &w);
	}
	return ret;
}

static int last_before(struct timeline *tl, event_t e, ticks_t ticks, struct timeline_point *out)
{
	for (;;) {
		struct timeline_point to = {.event = e};
		int ret = ticks_before(tl, e, ticks, &ticks);

		if (ret)
			return ret;
		to.ticks = ticks;
		ret = seek_point(tl, &to);
		if (!ret && tl->now->place.event == e && tl->now->place.ticks == ticks)
			ret = snapshot_keep(tl);
		if (!ret)
			ret = last_of_unit(tl, e, ticks, 0, out);
		if (ret != -ENOENT)
			return ret;
	}
}

static int last_of_pass(struct timeline *tl, event_t e, ticks_t ticks, uint64_t passes,
			struct timeline_point *out)
{
	const struct timeline_point to = {.event = e, .ticks = ticks, .passes = passes};
	int ret = seek_point(tl, &to);

	/* Who goes back over one pass will go back over others. */
	if (!ret && tl->now->place.event == e && !tl->now->place.end)
		ret = snapshot_keep(tl);
	return ret ? ret : last_of_unit(tl, e, ticks, passes, out);
}

static bool ends_in_landing(struct timeline *tl)
{
	const struct trace_event *ev = &tl->now->s.ev;

	return next_event(tl) == 1 && ev->type == EV_SCHED && ev->stack.len;
}

int passes_of_interval(struct timeline *tl, event_t e, ticks_t ticks, uint64_t *passes)
{
	const struct timeline_point to = {.event = e, .ticks = ticks};
	struct walk w = {0};
	int ret = seek_point(tl, &to);

	*passes = 0;
	if (ret || tl->now->place.event != e || tl->now->place.end || !ends_in_landing(tl))
		return ret;
	tl->end_passes = 0;
	ret = walk_within(tl, &w);
	*passes = tl->end_passes;
	return ret;
}

/* The last one on the way to a landing, behind which nothing may have been executed. */
static int last_before_landing(struct timeline *tl, event_t e, ticks_t ticks,
			       struct timeline_point *out)
{
	uint64_t passes;
	int ret = passes_of_interval(tl, e, ticks, &passes);

	if (!ret)
		ret = last_of_pass(tl, e, ticks, passes, out);
	if (ret == -ENOENT && passes)
		ret = last_of_pass(tl, e, ticks, passes - 1, out);
	return ret;
}

int last_of_interval(struct timeline *tl, event_t e, ticks_t ticks, struct timeline_point *out)
{
	struct timeline_point to = {.event = e, .ticks = ticks};
	int ret = seek_point(tl, &to);

	if (!ret && tl->now->place.event == e && !runs_code_now(tl))
		return -ENOENT;
	if (!ret && tl->now->place.event == e)
		ret = snapshot_keep(tl);
	if (!ret && tl->now->place.event == e && ends_in_landing(tl))
		ret = last_before_landing(tl, e, ticks, out);
	else if (!ret)
		ret = last_of_unit(tl, e, ticks, 0, out);
	return ret == -ENOENT ? last_before(tl, e, ticks, out) : ret;
}

int before_in_interval(struct timeline *tl, const struct timeline_point *p,
		       struct timeline_point *out)
{
	if (p->step == TIMELINE_STEP_END)
		return last_of_interval(tl, p->event, p->ticks, out);
	if (!p->step && p->passes)
		return last_of_pass(tl, p->event, p->ticks, p->passes - 1, out);
	if (!p->step)
		return last_before(tl, p->event, p->ticks, out);
	*out = *p;
	out->step--;
	return 0;
}
