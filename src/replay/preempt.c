/*
 * Stops in running code (EV_SCHED): at a safepoint, which the number of ticks names, or in code
 * that has none, where registers and stack do (a landing).
 */
#include "base/log.h"
#include "replay/session.h"
#include "ticks/landing.h"

/* The last safepoint before the landing, if the task is not there yet. */
static int pass_safepoints(struct session *s, struct ptask *p)
{
	int ret;

	if (!s->soft || s->ev.ticks == p->ticks.count)
		return 0;
	ret = run_to_safepoint(s, p);
	return ret ? ret : leave_safepoint(s, p);
}

/* The event's point, as landing.h has it. */
static int read_point(struct session *s, struct landing_point *point)
{
	if (event_regs(&s->ev.regs, &point->regs) || s->ev.stack.len != sizeof(point->stack) ||
	    s->ev.words.len > sizeof(point->words))
		return bad_trace(s, "a point in running code without its state");
	memcpy(point->stack, s->ev.stack.data, sizeof(point->stack));
	point->n_words = s->ev.words.len / sizeof(point->words[0]);
	if (point->n_words)
		memcpy(point->words, s->ev.words.data, s->ev.words.len);
	return 0;
}

static int replay_landing(struct session *s, struct ptask *p)
{
	struct landing_point point = {.ticks = s->ev.ticks};
	int ret = pass_safepoints(s, p);

	if (!ret)
		ret = read_point(s, &point);
	if (ret)
		return ret;
	ret = landing_matches(&point, &p->t);
	if (ret == 1 && (!p->counter || p->ticks.count == s->ev.ticks))
		return 0;
	if (s->driver && (ret = s->driver->land(s, p, &point)))
		return ret;
	if (s->driver)
		return verify_regs(s, p, false);
	soft_ticks_grant(&s->ticks, &p->ticks, TICKS_NEVER);
	ret = landing_run(&p->t, p->counter, &point, NULL);
	settle_ptask(s, p);
	if (ret < 0)
		return failed(s, ret, "task %d cannot be brought to where it was preempted",
			      p->rec_tid);
	if (ret == LANDING_PASSED)
		return diverged(s, p, "it is past the place where it was preempted");
	if (ret != LANDED)
		return diverged(s, p, "it met %s before the place where it was preempted",
				stop_describe(&p->t.stop));
	return verify_regs(s, p, false);
}

int replay_sched(struct session *s, struct ptask *p)
{
	int ret;

	if (p->at_entry)
		return bad_trace(s, "a task preempted inside of a system call");
	if (s->ev.stack.len)
		return replay_landing(s, p);
	ret = run_to_safepoint(s, p);
	if (!ret)
		ret = verify_regs(s, p, false);
	if (!ret && !s->ev.regs_after.len)
		ret = bad_trace(s, "a safepoint without registers");
	return ret ? ret : apply_regs(s, p, &p->t.regs, 0);
}
