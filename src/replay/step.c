/*
 * Running a task to the point that an event names, and comparing.
 *
 * PTRACE_SYSEMU stops at a system call's entry and skips the call, so that a replayed task never
 * asks the kernel for anything by itself. So does a filter (agentctl.h), but it lets the agent make
 * again what shaped memory: it is used where the kernel has it and nobody drives. Signals from
 * outside are dropped: what was delivered is in the trace.
 */
#include "abi/signal.h"
#include "base/log.h"
#include "mem/checksum.h"
#include "replay/session.h"

int verify_regs(struct session *s, struct ptask *p, bool at_entry)
{
	struct buf diff = BUF_INIT;
	struct regs recorded;
	int ret = 0;

	if (!s->ev.regs.len)
		return 0;
	if (event_regs(&s->ev.regs, &recorded))
		return bad_trace(s, "registers of %zu bytes", s->ev.regs.len);
	if (task_regs(&p->t))
		return diverged(s, p, "the task died");
	if ((s->soft || s->source) && s->ev.ticks != p->ticks.count)
		buf_addf(&diff, "  ticks: recorded %llu, replayed %llu\n",
			 (unsigned long long)s->ev.ticks, (unsigned long long)p->ticks.count);
	if (!regs_equal(&recorded, &p->t.regs, at_entry, &diff) || diff.len)
		ret = diverged(s, p, "registers differ\n%s", buf_str(&diff));
	buf_release(&diff);
	return ret;
}

int verify_memory(struct session *s, struct ptask *p)
{
	const struct mm_range ours[] = OURS_RANGES;
	uint64_t sum = mm_checksum(p->t.mm, p->t.tid, ours, ARRAY_SIZE(ours));

	if (sum == s->ev.memory_checksum)
		return 0;
	return diverged(s, p, "memory differs: its checksum was %#llx and is %#llx",
			(unsigned long long)s->ev.memory_checksum, (unsigned long long)sum);
}

int count_ptask(struct session *s, struct ptask *p, ticks_t base)
{
	int ret;

	p->ticks.count = base;
	if (!s->source)
		return 0;
	ticks_close(p->counter);
	p->counter = NULL;
	ret = ticks_open(s->source, &p->t, base, 0, &p->counter);
	return ret ? failed(s, ret, "the progress of task %d cannot be counted", p->rec_tid) : 0;
}

void settle_ptask(struct session *s, struct ptask *p)
{
	ticks_t now;

	calls_settle(s, p);
	if (!p->counter)
		soft_ticks_settle(&s->ticks, &p->ticks);
	else if (!ticks_read(p->counter, &now))
		p->ticks.count = now;
}

static int resume_and_wait(struct ptask *p, int how)
{
	return p->counter ? ticks_run(p->counter, how, 0) : task_run(&p->t, how, 0);
}

static bool at_call(const struct ptask *p)
{
	return p->t.stop.kind == STOP_SYSCALL || stop_is_seccomp(&p->t.stop);
}

/* Resume for at most `ticks`, and wait for a stop that means something. */
static int run_ticks(struct session *s, struct ptask *p, int how, int64_t ticks)
{
	/* Left by PTRACE_SYSCALL, a call that was skipped has an exit stop all the same. */
	bool skip_exit = !p->counter && how == PTRACE_SYSCALL && p->t.call_stop != CALL_NONE;

	if (s->driver)
		return s->driver->run(s, p, ticks);
	soft_ticks_grant(&s->ticks, &p->ticks, ticks);
	if (s->agent.filtered)
		how = PTRACE_CONT;
	for (;;) {
		siginfo_t si;
		int ret;

		calls_load(s, p);
		ret = resume_and_wait(p, how);
		settle_ptask(s, p);
		if (ret)
			return failed(s, ret, "task %d cannot be run", p->rec_tid);
		if (p->t.stop.kind == STOP_SYSCALL && skip_exit) {
			skip_exit = false;
			continue;
		}
		if (at_call(p)) {
			p->t.call_stop = stop_is_seccomp(&p->t.stop) ? CALL_FILTERED
					 : how == PTRACE_SYSEMU	     ? CALL_SYSEMU
								     : CALL_ENTRY;
			if (!calls_reports(s, p))
				return 0;
			ret = calls_on_report(s, p);
			if (ret)
				return ret;
			skip_exit = how == PTRACE_SYSCALL && p->t.call_stop != CALL_NONE;
			continue;
		}
		if (p->t.stop.kind == STOP_SIGNAL && !task_siginfo(&p->t, &si) &&
		    signal_is_synchronous(&si))
			return 0;
		if (p->t.stop.kind == STOP_EXITED || p->t.stop.kind == STOP_EVENT)
			return diverged(s, p, "the task ended or was killed");
	}
}

/* A call of ours takes the place of these: it is cheapest from a stop at which it can replace them.
 */
static bool is_remade(enum syscall_class c)
{
	return shapes_memory(c) || c == SYS_CLONE || c == SYS_EXEC;
}

/* Run to what the event says; all calls that were buffered before it have been made there. */
static int run_to_event(struct session *s, struct ptask *p, int how, int64_t ticks)
{
	int ret = run_ticks(s, p, how, ticks);

	if (ret == RUN_BUFFER_END)
		return diverged(s, p, "it makes more calls than were recorded");
	return ret ? ret : calls_verify_empty(s, p);
}

static int run_to_stop(struct session *s, struct ptask *p, int how)
{
	return run_to_event(s, p, how, TICKS_NEVER);
}

int run_to_buffer_end(struct session *s, struct ptask *p)
{
	int ret = run_ticks(s, p, PTRACE_SYSEMU, TICKS_NEVER);

	if (ret == RUN_BUFFER_END)
		return 0;
	return ret ? ret : diverged(s, p, "it makes fewer calls than were recorded");
}

bool event_runs_code(const struct session *s, const struct ptask *p)
{
	switch (s->ev.type) {
	case EV_SYSCALL:
	case EV_SYSCALL_ENTRY:
	case EV_INSN:
	case EV_SCHED:
		return true;
	case EV_EXEC:
		return p->last_event && !p->at_entry;
	case EV_SIGNAL:
		return s->ev.synchronous;
	case EV_BUFFER:
		return p->calls_more;
	case EV_EXIT:
		return s->driver && calls_left(p);
	default:
		return false;
	}
}

int run_to_entry(struct session *s, struct ptask *p)
{
	const struct syscall_row *row = syscall_row(s->ev.arch, s->ev.syscall);
	int ret = run_to_stop(s, p, row && is_remade(row->class) ? PTRACE_SYSCALL : PTRACE_SYSEMU);

	if (ret)
		return ret;
	if (!at_call(p))
		return diverged(s, p, "the task met %s instead", stop_describe(&p->t.stop));
	ret = verify_regs(s, p, true);
	if (!ret)
		p->entry_regs = p->t.regs;
	return ret;
}

int run_to_fault(struct session *s, struct ptask *p, int signo)
{
	int ret = run_to_stop(s, p, PTRACE_SYSEMU);

	if (ret)
		return ret;
	if (p->t.stop.kind != STOP_SIGNAL || (signo != ANY_FAULT && p->t.stop.signo != signo))
		return diverged(s, p, "%s was expected",
				signo == ANY_FAULT ? "a fault" : signal_name(signo));
	return verify_regs(s, p, false);
}

int run_to_safepoint(struct session *s, struct ptask *p)
{
	int64_t ticks = s->ev.ticks - p->ticks.count;
	int ret;

	/* A driver that has brought it there and paused is asked again. */
	if (!s->soft || ticks < 0 || (!ticks && !s->driver))
		return diverged(s, p, "it is at tick %llu already",
				(unsigned long long)p->ticks.count);
	ret = run_to_event(s, p, PTRACE_SYSEMU, ticks);
	if (ret)
		return ret;
	if (p->t.stop.kind != STOP_SIGNAL || p->t.stop.signo != SIGTRAP ||
	    p->ticks.count != s->ev.ticks)
		return diverged(s, p, "a safepoint was expected");
	return 0;
}

int remote(struct session *s, struct ptask *p, int64_t *result, int nr, const uint64_t args[6])
{
	int ret = task_remote_syscall(&p->t, result, nr, args);

	return ret ? failed(s, ret, "task %d cannot be made to call %s", p->rec_tid,
			    syscall_name(ARCH_X86_64, nr))
		   : 0;
}
