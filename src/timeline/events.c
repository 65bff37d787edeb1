/*
 * From event to event: reading the next one, running its task towards it, and what has to be
 * forgotten when it has happened.
 */
#include "base/log.h"
#include "timeline/internal.h"

#include <asm/unistd_64.h>
#include <sys/prctl.h>

int tl_fail(struct timeline *tl, int ret)
{
	BUG_ON(ret >= 0);
	tl->failed = ret;
	return ret;
}

int next_event(struct timeline *tl)
{
	struct snapshot *now = tl->now;
	struct place *place = &now->place;
	struct ptask *p;
	int ret;

	if (now->loaded)
		return 1;
	if (now->ended)
		return 0;
	ret = session_next(&now->s);
	if (ret < 0)
		return tl_fail(tl, ret);
	now->ended = !ret;
	now->loaded = ret;
	p = ret ? session_task(&now->s) : NULL;
	/* Progress is its task's from now on. */
	if (p && !place->started && !place->end) {
		place->ticks = p->ticks.count;
		place->passes = 0;
		place->step = 0;
	}
	return ret;
}

struct ptask *running_task(struct timeline *tl)
{
	return next_event(tl) == 1 ? session_task(&tl->now->s) : NULL;
}

/* Events after which code may be somewhere else. */
static bool changes_code(const struct trace_event *ev)
{
	const struct syscall_row *row;

	switch (ev->type) {
	case EV_EXEC:
	case EV_CLONE:
	case EV_EXIT:
		return true;
	case EV_SYSCALL:
	case EV_SYSCALL_EXIT:
		row = syscall_row(ev->arch, ev->syscall);
		return ev->n_maps || !row || shapes_memory(row->class);
	default:
		return ev->n_maps;
	}
}

/* prctl(PR_SET_NAME): its argument is still there. */
static void note_name(struct snapshot *now)
{
	const struct trace_event *ev = &now->s.ev;
	struct ptask *p;

	if (ev->type != EV_SYSCALL || ev->syscall != __NR_prctl || ev->result)
		return;
	p = session_task(&now->s);
	if (p && regs_get_arg(&p->entry_regs, 0) == PR_SET_NAME)
		mm_read_some(p->t.mm, regs_get_arg(&p->entry_regs, 1), p->name,
			     sizeof(p->name) - 1);
}

static void completed(struct timeline *tl)
{
	struct snapshot *now = tl->now;

	now->place = (struct place){.event = now->s.ev.number};
	now->loaded = false;
	tl->between = false;
	tl->track.valid = false;
	now->time_ns = now->s.ev.time_ns;
	note_name(now);
	if (changes_code(&now->s.ev)) {
		breaks_remove(tl);
		code_forget(tl);
	}
}

int walk_event(struct timeline *tl, struct walk *w)
{
	struct session *s = &tl->now->s;
	struct ptask *p = running_task(tl);
	int ret;

	BUG_ON(!tl->now->loaded);
	w->pause = PAUSE_NONE;
	w->late = PAUSE_NONE;
	w->done = 0;
	if (p && (!event_runs_code(s, p) || tl->now->place.end))
		clear_the_way(tl);
	tl->walk = w;
	ret = session_replay_event(s);
	tl->walk = NULL;
	if (ret < 0)
		return tl_fail(tl, ret);
	if (!ret)
		completed(tl);
	return 0;
}

/* Preempted exactly where it is, or a new buffer of calls: nothing can be seen of the event. */
static bool ends_in_passing(const struct timeline *tl, const struct ptask *p)
{
	const struct session *s = &tl->now->s;

	if (s->ev.type == EV_BUFFER && !event_runs_code(s, p))
		return true;
	return tl->now->place.end && (s->ev.type == EV_SCHED || s->ev.type == EV_BUFFER);
}

int settle_place(struct timeline *tl)
{
	for (;;) {
		struct walk w = {.at_start = true};
		struct place *place = &tl->now->place;
		struct ptask *p = running_task(tl);
		int ret;

		if (tl->failed)
			return tl->failed;
		if (!p)
			return 0;
		if (!ends_in_passing(tl, p) &&
		    (place->started || place->end || !event_runs_code(&tl->now->s, p)))
			return 0;
		ret = walk_event(tl, &w);
		if (ret)
			return ret;
	}
}
