/*
 * System calls that the agent makes in the tracee, without stops (src/agent): its buffer goes to
 * the trace before any event that follows, and what it knows of the running task comes and goes
 * with it.
 *
 * A task whose calls come through the agent runs with PTRACE_CONT: a seccomp filter sends all other
 * calls here. One with a filter of its own does not: that would be asked first, and could answer
 * for us.
 */
#include "record/session.h"

#include "base/log.h"

#include <asm/unistd_64.h>

#define OLD_BEATS 10 /* of the recorder's timer: a quarter of a second */

/* What of the address space the agent must leave alone: all, if that is too much for it. */
static void tell_code(struct agent_state *a, const struct rtask *t)
{
	size_t n = code_ranges(t, a->code, N_CODE_RANGES);

	if (n > N_CODE_RANGES) {
		a->code[0] = (struct agent_range){0, UINT64_MAX};
		n = 1;
	}
	a->n_code = (uint32_t)n;
}

int buffer_resume(struct recorder *rec, struct rtask *t, enum next next)
{
	struct agent_state *a = rec->agent.state;

	if (next != NEXT_USER && next != NEXT_MIDDLE)
		return PTRACE_SYSCALL;
	/* A signal that was joined with one of ours is sent again at the next call, whichever it
	 * is. */
	agent_enable(&rec->agent, t->buffered && !t->joined.n, t->buffered);
	if (!t->buffered)
		return PTRACE_SYSCALL;
	/* Others may have run, or a call changed what descriptors are. */
	if (next == NEXT_USER || rec->in_code != t) {
		if (!++a->generation)
			a->generation = 1;
		a->pid = a->tid = 0;
		tell_code(a, t);
	}
	a->tsc_free = !t->tsc_traps;
	a->has_clocks = a->tsc_free && code_has_clocks(t);
	a->attaches = t->process->n_attached > 0;
	a->blocked = t->forced_blocked;
	a->clear_tid = t->clear_tid;
	a->robust_list = t->robust_list;
	rec->in_code = t;
	return PTRACE_CONT;
}

void buffer_settle(struct recorder *rec, struct rtask *t)
{
	const struct agent_state *a = rec->agent.state;

	if (!t->buffered || rec->in_code != t)
		return;
	forced_note_blocked(t, a->blocked);
	t->clear_tid = a->clear_tid;
	t->robust_list = a->robust_list;
}

void buffer_flush(struct recorder *rec, bool more)
{
	struct agent_state *a = rec->agent.state;
	struct rtask *t = rec->in_code;
	struct event_builder b;
	uint32_t n = a->pos;

	if (!n)
		return;
	BUG_ON(!t);
	a->pos = a->flush = 0;
	rec->flushed_beat = rec->beats;
	if (n > AGENT_BUFFER_SIZE) {
		if (!rec->error)
			rec->error =
				error_ret(-EFAULT,
					  "task %d has overwritten memory of the recorder's at "
					  "%#x; the recording ends before that",
					  t->t.tid, AGENT_STATE);
		return;
	}
	event_begin(&b, rec, t, EV_BUFFER);
	b.ev.more = more;
	event_lend_bytes(&b, t->t.tid, AGENT_BUFFER, rec->agent.buffer, n);
	event_end(&b, t);
}

void buffer_grow_old(struct recorder *rec)
{
	struct agent_state *a = rec->agent.state;

	if (rec->beats - rec->flushed_beat >= OLD_BEATS)
		a->flush = 1;
}

enum next on_agent_report(struct recorder *rec, struct rtask *t)
{
	struct agent_state *a = rec->agent.state;

	switch (a->report) {
	case REPORT_FLUSH:
		buffer_flush(rec, true);
		task_regs_modify(&t->t)->u.orig_rax = -1;
		return NEXT_MIDDLE;
	case REPORT_CLONE:
		reads_clone(rec, t);
		task_regs_modify(&t->t)->u.orig_rax = -1;
		return NEXT_MIDDLE;
	default:
		rec->error = error_ret(-EFAULT,
				       "task %d: the agent reports %u (%llu); the recording ends",
				       t->t.tid, a->report, (unsigned long long)a->reason);
		return NEXT_STAY;
	}
}

bool buffer_copy_failed(struct recorder *rec, struct rtask *t)
{
	const struct agent_header *h = rec->agent.header;
	raddr_t ip = t->t.regs.u.rip;

	if (!t->buffered)
		return false;
	if (ip == h->copy)
		task_regs_modify(&t->t)->u.rip = h->copy_end;
	else if (ip >= h->store && ip < h->store_failed)
		task_regs_modify(&t->t)->u.rip = h->store_failed;
	else
		return false;
	return true;
}

void buffer_continue_partial(struct recorder *rec, struct rtask *t)
{
	struct regs *r;

	t->partial = t->buffered ? rec->agent.state->partial : 0;
	rec->agent.state->partial = 0;
	if (!t->partial)
		return;
	r = task_regs_modify(&t->t);
	switch (t->call.nr) {
	case __NR_writev:
		regs_set_arg(r, 1, AGENT_STATE + offsetof(struct agent_state, rest));
		regs_set_arg(r, 2, rec->agent.state->n_rest);
		break;
	case __NR_sendmsg:
		regs_set_arg(r, 1, AGENT_STATE + offsetof(struct agent_state, rest_msg));
		break;
	default:
		regs_set_arg(r, 1, t->call.arg[1] + t->partial);
		regs_set_arg(r, 2, t->call.arg[2] - t->partial);
	}
}

int64_t buffer_partial_result(struct rtask *t, int64_t result)
{
	uint64_t before = t->partial;

	t->partial = 0;
	return before ? (int64_t)before + (result > 0 ? result : 0) : result;
}

void buffer_note_kept(struct recorder *rec, const struct stat *st, uint32_t file)
{
	rec->agent.state->kept[agent_file_bit(st->st_dev, st->st_ino) % N_KEPT] =
		(struct agent_kept){.stamp = agent_stamp_of(st), .file = file};
}

void buffer_note_changed(struct recorder *rec, uint64_t dev, uint64_t ino)
{
	struct agent_kept *k = &rec->agent.state->kept[agent_file_bit(dev, ino) % N_KEPT];

	if (k->stamp.dev == dev && k->stamp.ino == ino)
		k->file = 0;
}

void buffer_note_mapped(struct recorder *rec, uint64_t dev, uint64_t ino)
{
	uint32_t bit = agent_file_bit(dev, ino);

	rec->agent.state->mapped[bit / 8] |= 1U << bit % 8;
}
