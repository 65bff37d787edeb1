/*
 * Looking at events without replaying them, for the ways back: a reader of its own, and a window of
 * what it has read.
 */
#include "base/log.h"
#include "timeline/internal.h"

#include <stdlib.h>

#define WINDOW 1024

static struct event_brief brief_of(const struct trace_event *ev)
{
	struct event_brief b = {.type = ev->type,
				.tid = ev->tid,
				.child_tid = ev->child_tid,
				.ticks = ev->ticks,
				.time_ns = ev->time_ns,
				.more = ev->more};

	switch (ev->type) {
	case EV_SYSCALL:
	case EV_SYSCALL_ENTRY:
	case EV_INSN:
	case EV_SCHED:
	case EV_BUFFER: /* if the one before was full */
	case EV_EXIT:	/* if there are calls left (dies_later()) */
		b.runs_code = true;
		break;
	case EV_EXEC: /* without an entry of its own, it has the registers of its entry */
		b.runs_code = ev->regs.len && ev->number > 1;
		b.tid = ev->former_tid ? ev->former_tid : ev->tid;
		break;
	case EV_SIGNAL:
		b.runs_code = ev->synchronous;
		b.handler = !ev->synchronous && ev->action == SIGNAL_HANDLER;
		break;
	default:
		break;
	}
	return b;
}

static int fill(struct timeline *tl, event_t from)
{
	struct trace_event ev;
	int ret = 0;

	if (!tl->peek && trace_reader_open(&tl->peek, tl->replay.dir))
		return tl_fail(tl, REPLAY_BAD_TRACE);
	if (!tl->briefs)
		tl->briefs = xcalloc(WINDOW, sizeof(*tl->briefs));
	tl->briefs_from = from;
	tl->n_briefs = 0;
	if (trace_reader_seek(tl->peek, from))
		return tl_fail(tl, REPLAY_BAD_TRACE);
	while (tl->n_briefs < WINDOW && (ret = trace_reader_next(tl->peek, &ev)) == 1)
		tl->briefs[tl->n_briefs++] = brief_of(&ev);
	return ret < 0 ? tl_fail(tl, REPLAY_BAD_TRACE) : 0;
}

static int peek(struct timeline *tl, event_t n, struct event_brief *out)
{
	int ret;

	BUG_ON(!n || n > tl->n_events);
	if (n < tl->briefs_from || n - tl->briefs_from >= tl->n_briefs) {
		/* Most who come look backwards from there. */
		ret = fill(tl, n > WINDOW - 8 ? n - (WINDOW - 8) : 1);
		if (ret)
			return ret;
	}
	if (n - tl->briefs_from >= tl->n_briefs)
		return tl_fail(tl, REPLAY_BAD_TRACE);
	*out = tl->briefs[n - tl->briefs_from];
	return 0;
}

/* Of the task that is gone by event `n`: it was killed in running code, behind its last buffer. */
static int dies_later(struct timeline *tl, event_t n, pid_t tid)
{
	struct event_brief b = {.type = EV_EXIT};
	int ret = 0;

	while (!ret && b.type == EV_EXIT && --n)
		ret = peek(tl, n, &b);
	return ret ? ret : b.type == EV_BUFFER && b.tid == tid;
}

int peek_event(struct timeline *tl, event_t n, struct event_brief *out)
{
	int ret = peek(tl, n, out);

	if (ret || out->type != EV_EXIT)
		return ret;
	ret = dies_later(tl, n, out->tid);
	out->runs_code = ret > 0;
	return ret < 0 ? ret : 0;
}
