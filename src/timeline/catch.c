/*
 * What to catch: events, signals, system calls.
 *
 * A system call that stopped when it was recorded is an event of its own. One that the agent made
 * is a record in a buffer: it is met like a breakpoint, in front of the program's instruction, and
 * again behind it. So that a program is not stopped at all of its calls, the buffer is asked first
 * which of those to come is caught; a debug register tells when the agent reads the record before
 * that, and only then there are breakpoints at the hooks. What libc asks the vDSO is no system
 * call, though the agent makes one for it.
 */
#include "agentctl/records.h"
#include "base/log.h"
#include "timeline/internal.h"

void timeline_catch_events(struct timeline *tl, unsigned int catches)
{
	tl->catches = catches;
}

void timeline_catch_signals(struct timeline *tl, uint64_t signals)
{
	tl->catch_signals = signals;
}

void timeline_catch_syscalls(struct timeline *tl, const int *nrs, size_t n)
{
	tl->catch_all_calls = nrs && !n;
	tl->n_catch_calls = nrs ? n : 0;
	tl->catch_calls = xrealloc(tl->catch_calls, (n + 1) * sizeof(*nrs));
	if (nrs)
		memcpy(tl->catch_calls, nrs, n * sizeof(*nrs));
	tl->breaks.generation++;
}

static bool catches_call(const struct timeline *tl, int nr)
{
	for (size_t i = 0; i < tl->n_catch_calls; i++)
		if (tl->catch_calls[i] == nr)
			return true;
	return tl->catch_all_calls;
}

bool catches_signal(const struct timeline *tl, int signo)
{
	return signo > 0 && signo <= 64 && tl->catch_signals & 1ULL << (signo - 1);
}

/* --- calls that are events --- */

/* The recorder has put system calls into the functions of the vDSO (record/vdso.c). */
static bool is_in_vdso(struct timeline *tl, const struct ptask *p, raddr_t addr)
{
	event_t exec = table_exec_event(tl, p->group->rec_tgid, tl->now->place.event);
	struct event_brief b;
	struct trace_event ev;

	if (exec && exec != tl->vdso.exec) {
		/* That the reader is open is peek's work. */
		if (peek_event(tl, exec, &b) || trace_reader_seek(tl->peek, exec) ||
		    trace_reader_next(tl->peek, &ev) != 1)
			return false;
		tl->vdso.exec = exec;
		tl->vdso.start = tl->vdso.end = 0;
		for (size_t i = 0; i < ev.n_maps; i++)
			if (!strcmp(ev.maps[i].name, "[vdso]"))
				tl->vdso.start = ev.maps[i].start, tl->vdso.end = ev.maps[i].end;
	}
	return addr >= tl->vdso.start && addr < tl->vdso.end;
}

bool catches_event(struct timeline *tl, const struct ptask *p, const struct trace_event *ev)
{
	struct regs r;

	if (!catches_call(tl, ev->syscall))
		return false;
	if (ev->type == EV_SYSCALL_EXIT || event_regs(&ev->regs, &r))
		r = p->entry_regs;
	return !is_in_vdso(tl, p, r.u.rip);
}

/* --- calls in buffers --- */

static bool is_caught(const struct timeline *tl, int nr)
{
	return nr >= 0 && !(nr & AGENT_INSN) && catches_call(tl, nr);
}

static bool catches_none(const struct timeline *tl)
{
	return tl->divert || (!tl->catch_all_calls && !tl->n_catch_calls);
}

/* The first call of the buffer that the interval ends with. */
static int call_of_next_buffer(const struct timeline *tl)
{
	const struct trace_event *ev = &tl->now->s.ev;
	struct agent_record r;

	if (ev->type != EV_BUFFER || !ev->n_writes || ev->writes[0].bytes.len < sizeof(r))
		return NO_CALL;
	memcpy(&r, ev->writes[0].bytes.data, sizeof(r));
	return r.nr;
}

/* The next call that is caught, and the record before it. */
static void find_caught(struct timeline *tl, const struct ptask *p)
{
	const struct agent_record *r;
	struct agent_record last = p->calls_like;
	size_t at = p->calls_pos, start = at;

	tl->caught.from = tl->caught.near = at;
	while ((r = agent_next_record(buf_str(&p->calls), p->calls.len, &at, &last))) {
		if (is_caught(tl, r->nr)) {
			tl->caught.next = start;
			return;
		}
		tl->caught.near = start;
		start = at;
	}
	tl->caught.next = SIZE_MAX;
	if (p->calls_more && is_caught(tl, call_of_next_buffer(tl)))
		tl->caught.next = start;
}

bool calls_ahead(struct timeline *tl, struct ptask *p)
{
	const event_t event = tl->now->place.event;

	if (catches_none(tl) || (!p->calls.len && !p->calls_more))
		return false;
	if (tl->caught.event != event || tl->caught.tid != p->rec_tid ||
	    tl->caught.generation != tl->breaks.generation || p->calls_pos < tl->caught.from ||
	    p->calls_pos > tl->caught.next) {
		tl->caught.event = event;
		tl->caught.tid = p->rec_tid;
		tl->caught.generation = tl->breaks.generation;
		find_caught(tl, p);
	}
	return tl->caught.next != SIZE_MAX;
}

raddr_t calls_mark(struct timeline *tl, struct ptask *p)
{
	if (!calls_ahead(tl, p) || p->calls_pos >= tl->caught.near)
		return 0;
	return AGENT_BUFFER + tl->caught.near;
}

static int next_call(const struct timeline *tl, const struct ptask *p)
{
	const struct agent_record *r;
	struct agent_record last = p->calls_like;
	size_t at = p->calls_pos;

	r = agent_next_record(buf_str(&p->calls), p->calls.len, &at, &last);
	if (r)
		return r->nr;
	return p->calls_more ? call_of_next_buffer(tl) : NO_CALL;
}

int call_here(struct timeline *tl, struct ptask *p)
{
	int nr;

	if (catches_none(tl))
		return NO_CALL;
	nr = next_call(tl, p);
	if (!is_caught(tl, nr) || task_regs(&p->t) || p->t.regs.u.rax != (uint64_t)nr ||
	    !code_is_call(tl, p, p->t.regs.u.rip))
		return NO_CALL;
	return nr;
}

int call_begun(struct timeline *tl, struct ptask *p)
{
	const struct agent_state *a = tl->now->s.agent.state;

	if (catches_none(tl) || p->t.stop.kind != STOP_SYSCALL || !calls_reports(&tl->now->s, p) ||
	    !is_caught(tl, (int)a->nr) || !code_is_hook(tl, p, a->raw))
		return NO_CALL;
	return (int)a->nr;
}

struct timeline_stop call_stop(const struct ptask *p, enum timeline_stop_reason why, int nr)
{
	return (struct timeline_stop){.reason = why, .tid = p->rec_tid, .syscall = nr};
}
