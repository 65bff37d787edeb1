/*
 * What an event does to a task: memory and registers.
 */
#include "base/log.h"
#include "replay/session.h"

int event_regs(const struct trace_bytes *b, struct regs *out)
{
	if (b->len != sizeof(*out))
		return -1;
	memcpy(out, b->data, sizeof(*out));
	return 0;
}

int apply_writes(struct session *s, struct ptask *p)
{
	for (size_t i = 0; i < s->ev.n_writes; i++) {
		const struct trace_write *w = &s->ev.writes[i];
		struct ptask *owner = w->tid ? ptask_find(s, w->tid) : p;

		if (!owner)
			return bad_trace(s, "it writes to task %d, which is not there", w->tid);
		if (mm_write(owner->t.mm, w->addr, w->bytes.data, w->bytes.len))
			return diverged(s, p, "%zu bytes at %#llx cannot be written", w->bytes.len,
					(unsigned long long)w->addr);
	}
	return 0;
}

int apply_regs(struct session *s, struct ptask *p, const struct regs *base, int64_t result)
{
	struct regs r = *base;
	int ret = 0;

	/*
	 * The common case: the task stands where the call was skipped, and only its result is new.
	 * On -ERESTART* the kernel would act when the task goes on, unless orig_rax says that it
	 * made no call.
	 */
	if (!s->ev.regs_after.len &&
	    (p->t.call_stop == CALL_SYSEMU || p->t.call_stop == CALL_FILTERED) && p->t.regs_valid &&
	    !p->t.regs_dirty && !is_restart(result)) {
		task_set_result(&p->t, result);
		return 0;
	}
	if (s->ev.regs_after.len) {
		if (event_regs(&s->ev.regs_after, &r))
			return bad_trace(s, "registers of %zu bytes", s->ev.regs_after.len);
	} else {
		r.u.rax = result;
	}
	/* No system call is in progress: the kernel must not restart one. */
	r.u.orig_rax = -1;
	task_set_regs(&p->t, &r);
	if (s->ev.fpregs.len)
		ret = task_set_fpregs(&p->t, s->ev.fpregs.data, s->ev.fpregs.len);
	return ret ? failed(s, ret, "floating-point registers of task %d", p->rec_tid) : 0;
}
