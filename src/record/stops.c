/*
 * One stop of a task: sorted by kind and handed to the file that knows it.
 */
#include "record/session.h"

#include "base/log.h"

/* Of a task that is not buffered the entry was a stop already. */
static enum next on_seccomp_event(struct recorder *rec, struct rtask *t)
{
	if (!t->buffered || t->in_syscall)
		return NEXT_KERNEL;
	if (task_regs(&t->t))
		return NEXT_DYING;
	if (t->t.regs.u.rip == rec->agent.header->reporting)
		return on_agent_report(rec, t);
	return on_syscall_entry(rec, t);
}

static enum next on_ptrace_event(struct recorder *rec, struct rtask *t)
{
	switch (t->t.stop.event) {
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		return on_clone_event(rec, t);
	case PTRACE_EVENT_EXEC:
		return on_exec_event(rec, t);
	case PTRACE_EVENT_SECCOMP:
		return on_seccomp_event(rec, t);
	case PTRACE_EVENT_EXIT:
		return on_exit_event(rec, t);
	default:
		BUG("task %d: %s", t->t.tid, stop_describe(&t->t.stop));
	}
}

enum next handle_stop(struct recorder *rec, struct rtask *t)
{
	switch (t->t.stop.kind) {
	case STOP_SYSCALL:
		return t->in_syscall ? on_syscall_exit(rec, t) : on_syscall_entry(rec, t);
	case STOP_SIGNAL:
		return on_signal(rec, t);
	case STOP_GROUP:
		note_group_stop(rec, t);
		/* Stay stopped, and hear of it when SIGCONT comes (ptrace(2), PTRACE_LISTEN). */
		t->state = RUN_STOPPED;
		return task_resume(&t->t, PTRACE_LISTEN, 0) ? NEXT_DYING : NEXT_STAY;
	case STOP_TRAP:
		return on_interrupt(rec, t);
	case STOP_EVENT:
		return on_ptrace_event(rec, t);
	case STOP_EXITED:
		on_reaped(rec, t);
		return NEXT_STAY;
	case STOP_NONE:
		break;
	}
	BUG("task %d has no stop to handle", t->t.tid);
}
