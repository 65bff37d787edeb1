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
	struct timeline_point here; /* from where it is searched */
	bool any;
	struct place place;
	struct timeline_stop stop;
};

/* --- searching --- */

#define MANY_HITS 300
#define OVERFLOW  2

/* It is for what lies behind the point, not for what is done there next. */
static bool is_for_past(enum timeline_stop_reason r)
{
	return r != TIMELINE_STOP_BREAK && r != TIMELINE_STOP_SIGNAL &&
	       r != TIMELINE_STOP_SYSCALL_ENTRY;
}

/*
 * Whether the stop, met at `met`, is one of a stretch that ends at `to`. For what is behind it no
 * later stretch stops. It may be shown where the search comes from: backwards, only what an
 * instruction has written is before that.
 */
static bool is_before(struct timeline *tl, const struct timeline_stop *stop,
		      const struct timeline_point *met, const struct timeline_point *to,
		      const struct found *found)
{
	struct timeline_point shown = place_point(&tl->now->place);
	int order = timeline_point_compare(met, to);

	if (stop->reason == TIMELINE_STOP_WATCH)
		return true;
	if (!is_for_past(stop->reason))
		return order < 0;
	return order <= 0 && timeline_point_compare(&shown, &found->here) < 0;
}

/* From now up to `to`: remember the last stop. OVERFLOW: there are more than `max`. */
static int scan(struct timeline *tl, const struct timeline_point *to, bool skip, size_t max,
		struct found *found)
{
	struct timeline_point met;
	struct forward f = {
		.run = {.mode = TIMELINE_CONTINUE}, .limit = to, .skip_arrival = skip, .met = &met};

	while (max--) {
		struct timeline_stop stop;
		int ret = forward(tl, &f, &stop);

		if (ret <= 0)
			return ret;
		if (stop.reason == TIMELINE_STOP_INTERRUPTED)
			return INTERRUPTED;
		if (stop.reason == TIMELINE_STOP_END || !is_before(tl, &stop, &met, to, found))
			return 0;
		*found = (struct found){found->here, true, tl->now->place, stop};
		/* What is executed behind a write was not looked for yet. */
		f.skip_arrival = stop.reason != TIMELINE_STOP_WATCH;
	}
	return OVERFLOW;
}

#define FEW 16 /* between which there is no use in another one */

/* In the interval behind `lo`, which ends with these ticks and passes. */
static bool middle_of_interval(const struct timeline_point *lo, ticks_t ticks, uint64_t passes,
			       struct timeline_point *out)
{
	const uint64_t from = lo->ticks == ticks ? lo->passes : 0;

	if (ticks > lo->ticks + FEW) {
		out->ticks += (ticks - lo->ticks) / 2;
		out->passes = 0;
		return true;
	}
	if (passes <= from + FEW)
		return false;
	out->ticks = ticks;
	out->passes = from + (passes - from) / 2;
	return true;
}

/* A point between both: false if there is no use in one. */
static bool middle(struct timeline *tl, const struct timeline_point *lo,
		   const struct timeline_point *hi, struct timeline_point *out)
{
	struct event_brief b;
	uint64_t passes = 0;

	*out = *lo;
	out->step = 0;
	if (hi->event > lo->event + 1) {
		*out = (struct timeline_point){.event = lo->event + (hi->event - lo->event) / 2};
		return true;
	}
	if (hi->event == lo->event && hi->step != TIMELINE_STEP_END)
		return middle_of_interval(lo, hi->ticks, hi->passes, out);
	if (peek_event(tl, lo->event + 1, &b))
		return hi->event == lo->event && middle_of_interval(lo, hi->ticks, 0, out);
	if (b.ticks <= lo->ticks + FEW && passes_of_interval(tl, lo->event, b.ticks, &passes))
		return false;
	if (middle_of_interval(lo, b.ticks, passes, out))
		return true;
	*out = (struct timeline_point){.event = hi->event};
	return hi->event > lo->event && timeline_point_compare(out, hi) < 0;
}

static int last_in(struct timeline *tl, const struct timeline_point *lo,
		   const struct timeline_point *hi, struct timeline_point *at, struct found *found);

/* Up to `hi` there are more than were looked at, of which *found is the last: by halves, those at
 * the end first. */
static int last_of_many(struct timeline *tl, const struct timeline_point *hi, struct found *found)
{
	struct found early = *found;
	struct timeline_point cut = place_point(&early.place), bound = *hi, end = *hi, mid, first;
	int ret;

	while (middle(tl, &cut, &bound, &mid)) {
		*found = (struct found){.here = early.here};
		ret = last_in(tl, &mid, &end, &first, found);
		if (ret || found->any)
			return ret;
		if (timeline_point_compare(&first, &end) < 0)
			end = first;
		bound = mid;
	}
	*found = early;
	ret = seek_place(tl, &early.place);
	return ret ? ret : scan(tl, &end, true, SIZE_MAX, found);
}

/* The last stop of the stretch, which begins with what is to be met at its first point: *at. */
static int last_in(struct timeline *tl, const struct timeline_point *lo,
		   const struct timeline_point *hi, struct timeline_point *at, struct found *found)
{
	int ret = seek_point(tl, lo);

	*at = place_point(&tl->now->place);
	/* The seek may have ended behind `hi`, where nothing is in between. */
	if (ret || timeline_point_compare(at, hi) >= 0)
		return ret;
	ret = snapshot_keep(tl);
	if (!ret)
		ret = scan(tl, hi, false, MANY_HITS, found);
	return ret == OVERFLOW ? last_of_many(tl, hi, found) : ret;
}

/* The last snapshot before `hi`. */
static struct timeline_point snapshot_point(const struct timeline *tl,
					    const struct timeline_point *hi)
{
	struct timeline_point lo = place_point(&tl->root->place);

	for (size_t i = 0; i < tl->n_snaps; i++) {
		struct timeline_point at = place_point(&tl->snaps[i]->place);

		if (timeline_point_compare(&at, hi) < 0)
			lo = at;
	}
	return lo;
}

/* Short stretches are tried first: in parts of a slice, and in events if these are near. */
static const struct {
	unsigned int part;
	event_t events;
} tries_of[] = {{16, 4}, {1, 64}};

/* Where the stretch begins that ends at `hi`; `starts`: that is where an interval starts. */
static struct timeline_point stretch(struct timeline *tl, const struct timeline_point *hi,
				     bool starts, unsigned int tries)
{
	struct timeline_point lo = {.event = hi->event, .ticks = hi->ticks};
	struct event_brief last, first;
	ticks_t ticks;
	event_t e;

	if (tries >= ARRAY_SIZE(tries_of) || !tl->now->s.soft)
		return snapshot_point(tl, hi);
	ticks = tl->slice_ticks / tries_of[tries].part;
	if (!starts && hi->ticks > ticks) {
		lo.ticks -= ticks;
		return lo;
	}
	e = hi->event - min_u64(hi->event - 1, tries_of[tries].events);
	if (peek_event(tl, hi->event, &last) || peek_event(tl, e, &first))
		return snapshot_point(tl, hi);
	if (last.time_ns - first.time_ns < SLICE_NS / tries_of[tries].part || !last.runs_code)
		return (struct timeline_point){.event = e};
	return (struct timeline_point){.event = hi->event - 1,
				       .ticks = last.ticks > ticks ? last.ticks - ticks : 0};
}

/* The last stop before `to`, not before `floor`. */
static int search(struct timeline *tl, const struct timeline_point *floor,
		  const struct timeline_point *to, struct found *found)
{
	struct timeline_point hi = *to, at;
	bool starts = false;

	*found = (struct found){.here = *to};
	for (unsigned int tries = 0; timeline_point_compare(&hi, floor) > 0; tries++) {
		struct timeline_point lo = stretch(tl, &hi, starts, tries);
		int ret;

		if (timeline_point_compare(&lo, floor) < 0)
			lo = *floor;
		BUG_ON(tries > 1 && timeline_point_compare(&lo, &hi) >= 0);
		ret = last_in(tl, &lo, &hi, &at, found);
		if (ret || found->any)
			return ret;
		if (interrupted(tl))
			return INTERRUPTED;
		/* In front of the interval's start there is nothing of it. */
		starts = timeline_point_compare(&at, &hi) < 0 &&
			 timeline_point_compare(&at, &lo) > 0;
		if (timeline_point_compare(&at, &hi) < 0)
			hi = at;
		else if (tries >= ARRAY_SIZE(tries_of))
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

static int continue_back(struct timeline *tl, struct timeline_stop *stop)
{
	struct timeline_point here, start = place_point(&tl->root->place);
	struct found found;
	int ret = place_resolve(tl);

	if (ret)
		return ret;
	here = place_point(&tl->now->place);
	ret = search(tl, &start, &here, &found);
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

/* What was met last on the way of a step: others may have run for long meanwhile. */
static int last_between(struct timeline *tl, const struct timeline_point *from,
			const struct timeline_point *to, struct found *found)
{
	int ret;

	if (from->event != to->event)
		return search(tl, from, to, found);
	ret = seek_point(tl, from);
	return ret ? ret : scan(tl, to, true, SIZE_MAX, found);
}

static int step_back_once(struct timeline *tl, pid_t tid, struct timeline_stop *stop)
{
	struct timeline_point here, to, at;
	struct found found;
	int ret = place_resolve(tl);

	if (ret)
		return ret;
	here = place_point(&tl->now->place);
	found = (struct found){.here = here};
	ret = step_before(tl, tid, &here, &to);
	if (ret == -ENOENT)
		return at_start(tl, stop);
	if (!ret && stops_between(tl, &to, &here))
		ret = last_between(tl, &to, &here, &found);
	if (ret)
		return ret;
	if (found.any) {
		ret = go_to(tl, &found, stop);
		at = place_point(&tl->now->place);
		/* A breakpoint where the step ends is no reason of its own. */
		if (ret || stop->reason != TIMELINE_STOP_BREAK || timeline_point_compare(&at, &to))
			return ret;
	}
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
