/*
 * Backwards.
 *
 * What was met last before a point is found by replaying stretches that end there: short ones
 * first, then from snapshot to snapshot. Of each only the last stop matters. Where to go back by an
 * instruction of a task is found from the events: it is in the last interval in which that ran.
 */
#include "base/log.h"
#include "timeline/internal.h"

struct found {
	bool any;
	struct place place;
	struct timeline_stop stop;
};

/* --- searching --- */

/* From now up to `to`: remember the last stop. */
static int scan(struct timeline *tl, const struct timeline_point *to, bool skip,
		struct found *found)
{
	struct forward f = {.run = {.mode = TIMELINE_CONTINUE}, .limit = to, .skip_arrival = skip};

	for (;;) {
		struct timeline_stop stop;
		int ret = forward(tl, &f, &stop);
		struct timeline_point at;

		if (ret <= 0)
			return ret;
		if (stop.reason == TIMELINE_STOP_INTERRUPTED)
			return INTERRUPTED;
		if (stop.reason == TIMELINE_STOP_END)
			return 0;
		at = place_point(&tl->now->place);
		/* What an instruction did is found behind it, which is at `to` for the last one. */
		if (timeline_point_compare(&at, to) >= 0 && stop.reason != TIMELINE_STOP_WATCH)
			return 0;
		*found = (struct found){true, tl->now->place, stop};
		/* What is executed behind a write was not looked for yet. */
		f.skip_arrival = stop.reason != TIMELINE_STOP_WATCH;
	}
}

/* Where the stretch begins that ends at `hi`: a little before, if `tries` is small. */
static struct timeline_point stretch(struct timeline *tl, const struct timeline_point *hi,
				     unsigned int tries)
{
	static const unsigned int parts[] = {20, 2}; /* of a slice */
	static const event_t events[] = {8, 100};
	struct timeline_point lo = *hi;
	struct snapshot *s;

	if (tries < ARRAY_SIZE(parts)) {
		ticks_t ticks = tl->slice_ticks / parts[tries];

		lo.step = 0;
		if (hi->ticks > ticks && tl->now->s.soft)
			lo.ticks -= ticks;
		else
			lo = (struct timeline_point){
				.event = hi->event - min_u64(hi->event - 1, events[tries])};
		return lo;
	}
	lo.step = lo.step ? lo.step - 1 : 0;
	s = snapshot_before(tl, &lo);
	lo = place_point(&s->place);
	/* At the very point: the one before that. */
	for (size_t i = 0; timeline_point_compare(&lo, hi) >= 0 && i < tl->n_snaps; i++) {
		struct timeline_point at = place_point(&tl->snaps[i]->place);

		if (timeline_point_compare(&at, hi) >= 0)
			break;
		lo = at;
	}
	return lo;
}

/* The last stop before `to`, not before `floor`. */
static int search(struct timeline *tl, const struct timeline_point *floor,
		  const struct timeline_point *to, struct found *found)
{
	struct timeline_point hi = *to;

	*found = (struct found){false};
	for (unsigned int tries = 0; timeline_point_compare(&hi, floor) > 0; tries++) {
		struct timeline_point lo = stretch(tl, &hi, tries), at;
		int ret;

		if (timeline_point_compare(&lo, floor) < 0)
			lo = *floor;
		ret = seek_point(tl, &lo);
		if (ret)
			return ret;
		at = place_point(&tl->now->place);
		/* The seek may have ended behind `hi`, where nothing is in between. */
		if (timeline_point_compare(&at, &hi) < 0) {
			ret = snapshot_keep(tl);
			if (!ret)
				ret = scan(tl, &hi, false, found);
			if (ret || found->any)
				return ret;
		}
		if (interrupted(tl))
			return INTERRUPTED;
		hi = lo;
	}
	return 0;
}

/* --- points before points --- */

static int before(struct timeline *tl, const struct timeline_point *p, struct timeline_point *out)
{
	struct event_brief b;
	event_t e = p->event;
	int ret = before_in_interval(tl, p, out);

	for (; ret == -ENOENT && e > 1; e--) {
		ret = peek_event(tl, e, &b);
		if (ret)
			return ret;
		*out = (struct timeline_point){.event = e - 1, .ticks = b.ticks};
		if (b.runs_code)
			ret = last_of_interval(tl, e - 1, b.ticks, out);
	}
	return ret;
}

/* Go to what was found, as it shows to who comes backwards. */
static int go_to(struct timeline *tl, struct found *found, struct timeline_stop *stop)
{
	struct timeline_point at, to;
	int ret = seek_place(tl, &found->place);

	*stop = found->stop;
	if (ret || stop->reason != TIMELINE_STOP_WATCH)
		return ret;
	at = place_point(&tl->now->place);
	ret = before(tl, &at, &to);
	return ret ? ret : seek_point(tl, &to);
}

static int at_start(struct timeline *tl, struct timeline_stop *stop)
{
	struct timeline_point start = {.event = 1};
	struct ptask *p;
	int ret = seek_point(tl, &start);

	p = running_task(tl);
	*stop = (struct timeline_stop){.reason = TIMELINE_STOP_START, .tid = p ? p->rec_tid : 0};
	return ret;
}

static const struct timeline_point first_point = {.event = 1};

static int continue_back(struct timeline *tl, struct timeline_stop *stop)
{
	struct timeline_point here;
	struct found found;
	int ret = place_resolve(tl);

	if (ret)
		return ret;
	here = place_point(&tl->now->place);
	ret = search(tl, &first_point, &here, &found);
	if (ret)
		return ret;
	return found.any ? go_to(tl, &found, stop) : at_start(tl, stop);
}

/* --- steps --- */

/* In the interval of the event behind which now is. */
static int step_here(struct timeline *tl, pid_t tid, const struct timeline_point *here,
		     struct timeline_point *out)
{
	struct ptask *p = running_task(tl);

	if (!p || p->rec_tid != tid || !event_runs_code(&tl->now->s, p))
		return -ENOENT;
	return before_in_interval(tl, here, out);
}

/* Where the last step of the task before `here` began. -ENOENT: it had none. */
static int step_before(struct timeline *tl, pid_t tid, const struct timeline_point *here,
		       struct timeline_point *out)
{
	int ret = step_here(tl, tid, here, out);

	for (event_t e = here->event; ret == -ENOENT && e > 1; e--) {
		struct event_brief b;

		ret = peek_event(tl, e, &b);
		if (ret)
			return ret;
		ret = -ENOENT;
		if (b.type == EV_CLONE && b.child_tid == tid)
			break;
		if (b.tid != tid)
			continue;
		*out = (struct timeline_point){.event = e - 1, .ticks = b.ticks};
		if (b.handler)
			return 0;
		if (b.runs_code)
			ret = last_of_interval(tl, e - 1, b.ticks, out);
	}
	return ret;
}

static bool stops_between(const struct timeline *tl, const struct timeline_point *from,
			  const struct timeline_point *to)
{
	return tl->breaks.n_watch || from->event != to->event;
}

static int step_back_once(struct timeline *tl, pid_t tid, struct timeline_stop *stop)
{
	struct timeline_point here, to;
	struct found found = {false};
	int ret = place_resolve(tl);

	if (ret)
		return ret;
	here = place_point(&tl->now->place);
	ret = step_before(tl, tid, &here, &to);
	if (ret == -ENOENT)
		return at_start(tl, stop);
	if (!ret && stops_between(tl, &to, &here)) {
		ret = seek_point(tl, &to);
		if (!ret)
			ret = scan(tl, &here, true, &found);
	}
	if (ret)
		return ret;
	if (found.any)
		return go_to(tl, &found, stop);
	*stop = (struct timeline_stop){.reason = TIMELINE_STOP_STEP, .tid = tid};
	return seek_point(tl, &to);
}

static bool in_range(struct timeline *tl, const struct timeline_run *run)
{
	struct regs r;

	return run->mode == TIMELINE_RANGE && !timeline_regs(tl, run->tid, &r) &&
	       r.u.rip >= run->start && r.u.rip < run->end;
}

int run_back(struct timeline *tl, const struct timeline_run *run, struct timeline_stop *stop)
{
	int ret;

	tl->signal_shown = 0;
	if (run->mode == TIMELINE_CONTINUE) {
		ret = continue_back(tl, stop);
	} else {
		tl->backwards = true;
		do {
			ret = step_back_once(tl, run->tid, stop);
			if (!ret && interrupted(tl))
				ret = INTERRUPTED;
		} while (!ret && stop->reason == TIMELINE_STOP_STEP && in_range(tl, run));
		tl->backwards = false;
	}
	if (!ret)
		ret = settle_place(tl);
	if (ret == INTERRUPTED) {
		struct ptask *p = running_task(tl);

		*stop = (struct timeline_stop){.reason = TIMELINE_STOP_INTERRUPTED,
					       .tid = p ? p->rec_tid : 0};
		ret = settle_place(tl);
	}
	/* Going forward from here, a signal is not shown again. */
	if (!ret && stop->reason == TIMELINE_STOP_SIGNAL)
		tl->signal_shown = tl->now->place.event + 1;
	return ret;
}
