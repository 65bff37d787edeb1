/*
 * The one place that reports how a replay went wrong. A divergence is always an error: it names the
 * event, the last one that matched, and what differs.
 */
#include "base/log.h"
#include "replay/session.h"

#include <stdarg.h>

static const char *const event_names[N_EVENT_TYPES] = {
	[EV_EXEC] = "exec",
	[EV_SYSCALL] = "system call",
	[EV_SYSCALL_ENTRY] = "system call entry",
	[EV_SYSCALL_EXIT] = "system call exit",
	[EV_CLONE] = "clone",
	[EV_SIGNAL] = "signal",
	[EV_INSN] = "trapped instruction",
	[EV_EXIT] = "exit",
	[EV_SCHED] = "preemption",
	[EV_BUFFER] = "buffered calls",
};

const char *event_name(enum trace_event_type type)
{
	return type < N_EVENT_TYPES && event_names[type] ? event_names[type] : "event";
}

static void print_lines(const char *prefix, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		error("%s%.*s", prefix, (int)n, text);
		text += n + (text[n] == '\n');
	}
}

static void print_call(const struct trace_event *ev)
{
	if (ev->type == EV_SYSCALL || ev->type == EV_SYSCALL_ENTRY || ev->type == EV_SYSCALL_EXIT)
		error("  the recorded call is %s = %lld", syscall_name(ev->arch, ev->syscall),
		      (long long)ev->result);
}

static void print_state(const struct trace_event *ev, struct ptask *p)
{
	struct buf b = BUF_INIT;
	struct regs recorded;

	error("  task %d stands at: %s", p->rec_tid, stop_describe(&p->t.stop));
	if (!event_regs(&ev->regs, &recorded)) {
		regs_format(&recorded, &b);
		print_lines("  recorded: ", buf_str(&b));
		buf_clear(&b);
	}
	if (p->t.stop.kind != STOP_EXITED && !task_regs(&p->t)) {
		regs_format(&p->t.regs, &b);
		print_lines("  replayed: ", buf_str(&b));
	}
	buf_release(&b);
}

int diverged(struct session *s, struct ptask *p, const char *fmt, ...)
{
	const struct trace_event *ev = &s->ev;
	struct buf b = BUF_INIT;
	size_t first;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	first = strcspn(buf_str(&b), "\n");
	progress_end(s);
	error("the replay diverged at event %llu (%s of task %d): %.*s",
	      (unsigned long long)ev->number, event_name(ev->type), ev->tid, (int)first,
	      buf_str(&b));
	if (first < b.len)
		print_lines("", buf_str(&b) + first + 1);
	print_call(ev);
	if (p) {
		error("  last matching event of the task: %llu", (unsigned long long)p->last_event);
		print_state(ev, p);
	}
	buf_release(&b);
	return REPLAY_DIVERGED;
}

/* What, at which event, and the error if there is one. */
static void say(struct session *s, const char *what, int err, const char *fmt, va_list ap)
{
	struct buf b = BUF_INIT;

	buf_vaddf(&b, fmt, ap);
	progress_end(s);
	error("%s event %llu: %s%s%s", what, (unsigned long long)s->ev.number, buf_str(&b),
	      err ? ": " : "", err ? strerror(err < 0 ? -err : err) : "");
	buf_release(&b);
}

int bad_trace(struct session *s, const char *fmt, ...)
{
	struct buf what = BUF_INIT;
	va_list ap;

	buf_addf(&what, "the trace %s is damaged at", trace_reader_dir(s->trace));
	va_start(ap, fmt);
	say(s, buf_str(&what), 0, fmt, ap);
	va_end(ap);
	buf_release(&what);
	return REPLAY_BAD_TRACE;
}

int failed(struct session *s, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(s, "cannot replay", err, fmt, ap);
	va_end(ap);
	return REPLAY_FAILED;
}
