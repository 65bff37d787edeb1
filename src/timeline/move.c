/*
 * Forwards: from place to place until there is something to stop for.
 */
#include "base/log.h"
#include "timeline/internal.h"

#include <asm/unistd_64.h>
#include <linux/sched.h>

/* --- what is caught --- */

static bool is_entry(const struct trace_event *ev)
{
	return ev->type == EV_SYSCALL || ev->type == EV_SYSCALL_ENTRY || ev->type == EV_EXEC;
}

/* Whether the walk has to stop before the event takes effect. */
static bool wants_end(struct timeline *tl, const struct ptask *p)
{
	const struct trace_event *ev = &tl->now->s.ev;

	if (ev->type == EV_SIGNAL)
		return ev->synchronous && tl->signal_shown != ev->number &&
		       catches_signal(tl, ev->signo);
	return is_entry(ev) && ev->number > 1 && catches_event(tl, p, ev);
}

static void signal_stop(struct timeline *tl, struct timeline_stop *stop)
{
	const struct trace_event *ev = &tl->now->s.ev;

	*stop = (struct timeline_stop){
		.reason = TIMELINE_STOP_SIGNAL, .tid = ev->tid, .signo = ev->signo};
	tl->signal_shown = ev->number;
	buf_clear(&tl->siginfo);
	buf_add(&tl->siginfo, ev->siginfo.data, ev->siginfo.len);
}

/* At the end of an interval. */
static bool stop_at_end(struct timeline *tl, struct timeline_stop *stop)
{
	const struct trace_event *ev = &tl->now->s.ev;

	if (ev->type == EV_SIGNAL) {
		signal_stop(tl, stop);
		return true;
	}
	*stop = (struct timeline_stop){.reason = TIMELINE_STOP_SYSCALL_ENTRY,
				       .tid = session_task(&tl->now->s)->rec_tid,
				       .syscall = ev->syscall};
	return true;
}

static enum timeline_stop_reason clone_reason(uint64_t flags)
{
	return flags & CLONE_THREAD  ? TIMELINE_STOP_CLONE
	       : flags & CLONE_VFORK ? TIMELINE_STOP_VFORK
				     : TIMELINE_STOP_FORK;
}

static unsigned int catch_of(enum timeline_stop_reason r)
{
	switch (r) {
	case TIMELINE_STOP_FORK:
		return CATCH_FORK;
	case TIMELINE_STOP_VFORK:
		return CATCH_VFORK;
	case TIMELINE_STOP_CLONE:
		return CATCH_CLONE;
	case TIMELINE_STOP_EXEC:
		return CATCH_EXEC;
	case TIMELINE_STOP_EXIT:
		return CATCH_EXIT;
	case TIMELINE_STOP_THREAD_EXIT:
		return CATCH_THREAD_EXIT;
	default:
		return 0;
	}
}

/* What is left of an event when it has happened: its data are gone with the next one. */
struct happened {
	enum trace_event_type type;
	pid_t tid;
	bool handler, last_of_process;
	struct timeline_stop stop; /* if it is caught */
	bool is_call;		   /* that is caught */
};

static struct happened about(struct timeline *tl, const struct trace_event *ev,
			     const struct ptask *p)
{
	struct happened h = {.type = ev->type, .tid = p->rec_tid, .stop = {.tid = ev->tid}};

	h.handler = ev->type == EV_SIGNAL && ev->action == SIGNAL_HANDLER;
	h.last_of_process = ev->type == EV_EXIT && p->group->live == 1;
	h.is_call =
		(ev->type == EV_SYSCALL || ev->type == EV_SYSCALL_EXIT) && catches_event(tl, p, ev);
	h.stop.syscall = ev->syscall;
	h.stop.status = ev->exit_status;
	switch (ev->type) {
	case EV_CLONE:
		h.stop.reason = clone_reason(ev->clone_flags);
		h.stop.child = ev->child_tid;
		break;
	case EV_EXEC:
		h.stop.reason = TIMELINE_STOP_EXEC;
		h.stop.child = ev->former_tid ? ev->former_tid : ev->tid;
		break;
	case EV_EXIT:
		h.stop.reason = h.last_of_process ? TIMELINE_STOP_EXIT : TIMELINE_STOP_THREAD_EXIT;
		break;
	default:
		h.stop.reason = TIMELINE_STOP_SYSCALL_RETURN;
	}
	if (h.last_of_process)
		h.stop.tid = p->group->rec_tgid;
	return h;
}

static bool is_caught(const struct timeline *tl, const struct happened *h)
{
	return h->is_call || tl->catches & catch_of(h->stop.reason);
}

/* The event was, or completed, a step of its task. */
static bool completes_step(const struct happened *h)
{
	switch (h->type) {
	case EV_SYSCALL:
	case EV_SYSCALL_EXIT:
	case EV_EXEC:
	case EV_INSN:
	case EV_EXIT:
		return true;
	case EV_SIGNAL:
		return h->handler;
	default:
		return false;
	}
}

/* --- walking --- */

int arrived(struct timeline *tl, struct timeline_stop *stop)
{
	struct ptask *p;

	if (settle_place(tl))
		return tl->failed;
	p = running_task(tl);
	tl->last_stop =
		(struct timeline_stop){.reason = TIMELINE_STOP_STEP, .tid = p ? p->rec_tid : 0};
	if (stop)
		*stop = tl->last_stop;
	return 0;
}

static int stop_for(struct timeline_stop *stop, enum timeline_stop_reason reason, pid_t tid)
{
	*stop = (struct timeline_stop){.reason = reason, .tid = tid};
	return 1;
}

static bool limit_reached(struct timeline *tl, const struct forward *f)
{
	const struct place *place = &tl->now->place;
	struct timeline_point at = place_point(place);
	struct ptask *p = running_task(tl);
	int order = f->limit ? timeline_point_compare(&at, f->limit) : -1;

	/* In the middle of a call, which returns there. */
	if (!order && !place->started && p && call_begun(tl, p) != NO_CALL)
		return false;
	return order >= 0;
}

/* The walk up to the limit, if that is in this interval. */
static void limit_walk(const struct timeline *tl, const struct forward *f, struct walk *w)
{
	const struct place *place = &tl->now->place;

	if (!f->limit || f->limit->event != place->event)
		return;
	if (place->ticks < f->limit->ticks ||
	    (f->limit->step != TIMELINE_STEP_END && place->passes < f->limit->passes)) {
		w->limited = true;
		w->ticks = f->limit->ticks;
		w->passes = f->limit->step == TIMELINE_STEP_END ? 0 : f->limit->passes;
		return;
	}
	if (f->limit->step == TIMELINE_STEP_END) {
		w->stop_at_end = true;
		return;
	}
	w->stepping = true;
	w->step_tid = 0;
	w->steps = 1;
}

static bool in_range(struct timeline *tl, const struct timeline_run *run)
{
	struct regs r;

	return run->mode == TIMELINE_RANGE && !timeline_regs(tl, run->tid, &r) &&
	       r.u.rip >= run->start && r.u.rip < run->end;
}

static bool steps_task(const struct forward *f, pid_t tid)
{
	return f->run.mode != TIMELINE_CONTINUE && f->run.tid == tid;
}

/* The event has happened: 1 if there is a stop. */
static int after_event(struct timeline *tl, const struct forward *f, const struct walk *w,
		       const struct happened *h, struct ptask *p, struct timeline_stop *stop)
{
	bool stepped = steps_task(f, h->tid) && (w->done || completes_step(h));

	if (w->late == PAUSE_WATCH || w->late == PAUSE_RETURN) {
		*stop = w->hit;
		return 1;
	}
	if (tl->breaks.n_watch && h->type != EV_EXIT && watches_after_event(tl, p, stop))
		return 1;
	if (is_caught(tl, h)) {
		*stop = h->stop;
		return 1;
	}
	if (h->type == EV_EXIT && steps_task(f, h->tid)) {
		*stop = h->stop;
		return 1;
	}
	/* A call that was entered is a step when it returns. */
	if (stepped && h->type != EV_SYSCALL_ENTRY && h->type != EV_CLONE && !in_range(tl, &f->run))
		return stop_for(stop, TIMELINE_STOP_STEP, f->run.tid);
	return 0;
}

/* Go by steps to behind the instruction that met the watchpoints. */
static int finish_repeated(struct timeline *tl, struct timeline_stop *stop)
{
	struct breaks *k = &tl->breaks;
	struct place to = tl->now->place;
	size_t n = k->n_met;
	int met[ARRAY_SIZE(k->met)], ret;

	memcpy(met, k->met, sizeof(met));
	k->n_met = 0;
	k->keep_values = true;
	ret = seek_place(tl, &to);
	k->keep_values = false;
	if (ret == INTERRUPTED)
		return stop_for(stop, TIMELINE_STOP_INTERRUPTED, timeline_current(tl));
	if (ret)
		return ret;
	memcpy(k->met, met, sizeof(met));
	k->n_met = n;
	return watches_hit(tl, running_task(tl), stop);
}

/* It has run on from its place, through code in which no point has a name: back there. */
static int return_to_place(struct timeline *tl, struct timeline_stop *stop)
{
	struct place to = tl->now->place;
	int ret;

	tl->now->place.event = UINT64_MAX; /* nothing goes on from here */
	ret = seek_place(tl, &to);
	return ret < 0 ? ret : stop_for(stop, TIMELINE_STOP_INTERRUPTED, timeline_current(tl));
}

static int paused(struct timeline *tl, const struct forward *f, const struct walk *w,
		  struct ptask *p, struct timeline_stop *stop)
{
	int ret;

	switch (w->pause) {
	case PAUSE_BREAK:
	case PAUSE_WATCH:
	case PAUSE_RETURN:
		*stop = w->hit;
		return 1;
	case PAUSE_END:
		return wants_end(tl, p) && stop_at_end(tl, stop);
	case PAUSE_INTERRUPT:
		return return_to_place(tl, stop);
	case PAUSE_REPEATED:
		return finish_repeated(tl, stop);
	case PAUSE_STEPS:
		if (steps_task(f, p->rec_tid) && !in_range(tl, &f->run))
			return stop_for(stop, TIMELINE_STOP_STEP, p->rec_tid);
		break;
	case PAUSE_SLICE:
		if (interrupted(tl))
			return stop_for(stop, TIMELINE_STOP_INTERRUPTED, p->rec_tid);
		break;
	default:
		break;
	}
	if (!f->visible || w->pause != PAUSE_SLICE)
		return 0;
	ret = snapshots_pass(tl);
	return ret < 0 ? ret : 0;
}

static int between_events(struct timeline *tl, const struct forward *f, struct timeline_stop *stop)
{
	struct ptask *p;

	if (tl->now->place.event % 64)
		return 0;
	p = running_task(tl);
	if (interrupted(tl))
		return stop_for(stop, TIMELINE_STOP_INTERRUPTED, p ? p->rec_tid : 0);
	return tl->failed ? tl->failed : f->visible ? snapshots_pass(tl) : 0;
}

/* One walk: up to a pause, or over the event. */
static int forward_once(struct timeline *tl, const struct forward *f, bool skip,
			struct timeline_stop *stop)
{
	struct walk w = {.armed = true, .asks = true, .skip_arrival = skip, .step_tid = f->run.tid};
	struct ptask *p = session_task(&tl->now->s);
	const struct trace_event *ev = &tl->now->s.ev;
	struct happened h;
	int ret;

	if (!p)
		return tl_fail(tl, bad_trace(&tl->now->s, "task %d is not there", ev->tid));
	if (ev->type == EV_SIGNAL && !ev->synchronous && tl->signal_shown != ev->number &&
	    catches_signal(tl, ev->signo)) {
		signal_stop(tl, stop);
		return 1;
	}
	w.stepping = steps_task(f, p->rec_tid);
	w.steps = w.stepping;
	w.stop_at_end = wants_end(tl, p) && !tl->now->place.end;
	limit_walk(tl, f, &w);
	if (tl->now->place.n_ways > MAX_WAYS - 2 && (ret = place_resolve(tl)))
		return ret;
	h = about(tl, ev, p);
	ret = walk_event(tl, &w);
	if (ret)
		return ret;
	if (w.pause != PAUSE_NONE)
		return paused(tl, f, &w, p, stop);
	ret = after_event(tl, f, &w, &h, p, stop);
	return ret ? ret : between_events(tl, f, stop);
}

static int end_of_history(struct timeline *tl, struct timeline_stop *stop)
{
	struct ptask *p = running_task(tl);

	stop_for(stop, TIMELINE_STOP_END, p ? p->rec_tid : 0);
	stop->status = tl->exit_status;
	return 1;
}

int forward(struct timeline *tl, const struct forward *f, struct timeline_stop *stop)
{
	bool skip = f->skip_arrival;
	int ret = settle_place(tl);

	vtime_begin(tl);
	while (!ret) {
		ret = next_event(tl);
		if (ret < 0)
			break;
		if (limit_reached(tl, f)) {
			ret = 0;
			break;
		}
		if (!ret || timeline_at_end(tl)) {
			ret = end_of_history(tl, stop);
			break;
		}
		ret = forward_once(tl, f, skip, stop);
		skip = false;
	}
	vtime_pass(tl);
	if (f->met)
		*f->met = place_point(&tl->now->place);
	if (ret == 1 && settle_place(tl))
		ret = tl->failed;
	return ret;
}

static int run_forward(struct timeline *tl, const struct timeline_run *run,
		       struct timeline_stop *stop)
{
	struct ptask *p = running_task(tl);
	struct forward f = {
		.run = *run,
		.visible = true,
		.skip_arrival = p && p->rec_tid == tl->last_stop.tid,
	};
	int ret;

	tl->replay.quiet = tl->quiet;
	ret = forward(tl, &f, stop);
	tl->replay.quiet = true;
	return ret < 0 ? ret : 0;
}

int timeline_run(struct timeline *tl, const struct timeline_run *run, struct timeline_stop *stop)
{
	struct timeline_stop s = {.reason = TIMELINE_STOP_FAILED};
	int ret;

	if (run->mode != TIMELINE_CONTINUE && !ptask_find(&tl->now->s, run->tid))
		return -ESRCH;
	if (tl->divert)
		return divert_run(tl, run, stop);
	ret = tl->failed;
	if (!ret)
		ret = run->backward ? run_back(tl, run, &s) : run_forward(tl, run, &s);
	if (ret < 0)
		s = (struct timeline_stop){.reason = TIMELINE_STOP_FAILED};
	if (s.reason != TIMELINE_STOP_SIGNAL)
		buf_clear(&tl->siginfo);
	tl->last_stop = s;
	*stop = s;
	return 0;
}

/* --- seeking --- */

static int seek_done(struct timeline *tl, int ret, struct timeline_stop *stop)
{
	struct timeline_stop s;

	buf_clear(&tl->siginfo);
	if (!ret)
		ret = arrived(tl, &s);
	if (ret < 0)
		s = (struct timeline_stop){.reason = TIMELINE_STOP_FAILED};
	else if (ret == INTERRUPTED)
		ret = arrived(tl, &s), s.reason = TIMELINE_STOP_INTERRUPTED;
	tl->last_stop = s;
	tl->signal_shown = 0;
	if (stop)
		*stop = s;
	return 0;
}

static struct timeline_point end_point(const struct timeline *tl)
{
	if (!tl->runs_at_end)
		return (struct timeline_point){.event = tl->end_event};
	return (struct timeline_point){
		.event = tl->end_event, .ticks = UINT64_MAX, .step = TIMELINE_STEP_END};
}

int timeline_seek(struct timeline *tl, const struct timeline_point *p, struct timeline_stop *stop)
{
	struct timeline_point to = *p;

	if (tl->divert)
		return -EBUSY;
	if (to.event > tl->end_event || (to.event == tl->end_event && !tl->runs_at_end))
		to = end_point(tl);
	if (!to.event)
		to = (struct timeline_point){.event = 1};
	return seek_done(tl, tl->failed ? tl->failed : seek_point(tl, &to), stop);
}

int timeline_seek_event(struct timeline *tl, event_t event, struct timeline_stop *stop)
{
	return timeline_seek(tl, &(struct timeline_point){.event = event}, stop);
}

/* Calls that wait in a buffer are loaded before the code runs that makes them, but for a full one's
 * rest. */
static bool runs_code_before(struct timeline *tl, event_t e, const struct event_brief *b)
{
	struct event_brief before;

	if (b->type != EV_BUFFER)
		return b->runs_code;
	return e > 1 && !peek_event(tl, e - 1, &before) && before.tid == b->tid && before.more;
}

/* The interval in which the task makes its tick number `ticks`: *event is the one before. */
static int find_ticks(struct timeline *tl, pid_t tid, ticks_t ticks, event_t *event)
{
	struct ptask *p = ptask_find(&tl->now->s, tid);
	bool ahead = p && p->ticks.count < ticks;
	event_t e = tl->now->place.event + 1;
	struct event_brief b;
	int ret;

	*event = 0;
	for (; e && e <= tl->n_events; e += ahead ? 1 : -1) {
		ret = peek_event(tl, e, &b);
		if (ret)
			return ret;
		if (b.tid != tid)
			continue;
		if (!ahead && b.ticks < ticks)
			break;
		if (b.ticks >= ticks && runs_code_before(tl, e, &b))
			*event = e - 1;
		if (ahead && *event)
			break;
	}
	return *event ? 0 : -ERANGE;
}

int timeline_seek_ticks(struct timeline *tl, ticks_t ticks, struct timeline_stop *stop)
{
	struct timeline_point to = {.ticks = ticks};
	int ret;

	if (tl->divert || tl->failed)
		return -EBUSY;
	ret = find_ticks(tl, timeline_current(tl), ticks, &to.event);
	return ret ? ret : timeline_seek(tl, &to, stop);
}

int timeline_seek_start(struct timeline *tl, struct timeline_stop *stop)
{
	return timeline_seek_event(tl, 1, stop);
}

int timeline_seek_end(struct timeline *tl, struct timeline_stop *stop)
{
	const struct timeline_point end = end_point(tl);

	return timeline_seek(tl, &end, stop);
}
