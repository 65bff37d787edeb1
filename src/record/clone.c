/*
 * A new task: fork, vfork, clone, clone3. The event is written inside the parent's call, when the
 * child has come to its first stop; the parent's result follows when its call returns.
 */
#include "record/session.h"

#include "base/log.h"

#include <asm/unistd_64.h>
#include <linux/sched.h>
#include <signal.h>

struct clone_request {
	uint64_t flags;
	raddr_t parent_tid; /* where CLONE_PARENT_SETTID writes; CLONE_PIDFD of clone(2) too */
	raddr_t child_tid;
	raddr_t pidfd; /* clone3 */
};

static void read_request(struct rtask *t, struct clone_request *r)
{
	struct clone_args args = {0};

	*r = (struct clone_request){0};
	switch (t->call.nr) {
	case __NR_fork:
		r->flags = SIGCHLD;
		break;
	case __NR_vfork:
		r->flags = CLONE_VM | CLONE_VFORK | SIGCHLD;
		break;
	case __NR_clone:
		r->flags = t->call.arg[0];
		r->parent_tid = t->call.arg[2];
		r->child_tid = t->call.arg[3];
		r->pidfd = r->parent_tid;
		break;
	default:
		mm_read(t->t.mm, t->call.arg[0], &args, min_u64(sizeof(args), t->call.arg[1]));
		r->flags = args.flags | (args.exit_signal & 0xff);
		r->parent_tid = args.parent_tid;
		r->child_tid = args.child_tid;
		r->pidfd = args.pidfd;
	}
}

/* The child's first stop; it may have been reported already. */
static int wait_for_child(struct recorder *rec, struct task *child)
{
	uint64_t status;
	int ret;

	if (map_get(&rec->orphans, child->tid, &status)) {
		struct stop s = stop_decode(status);

		map_del(&rec->orphans, child->tid);
		task_stopped(child, &s);
		return 0;
	}
	ret = task_wait_through(child);
	return ret;
}

void log_task_start(struct recorder *rec, struct rtask *t)
{
	struct trace_task task = {
		.kind = TASK_START, .event = 1, .tid = t->t.tid, .tgid = t->t.tgid};

	trace_writer_task(rec->trace, &task);
}

static void log_clone(struct recorder *rec, struct rtask *t, struct rtask *child,
		      const struct clone_request *r)
{
	struct trace_task task = {.kind = TASK_CLONE,
				  .tid = child->t.tid,
				  .tgid = child->t.tgid,
				  .parent_tid = t->t.tid,
				  .clone_flags = r->flags};
	struct event_builder b;

	log_entry(rec, t);
	event_begin(&b, rec, t, EV_CLONE);
	b.ev.arch = t->call.arch;
	b.ev.syscall = t->call.nr;
	b.ev.child_tid = child->t.tid;
	b.ev.clone_flags = r->flags;
	if (!task_regs(&child->t))
		b.ev.regs_after = (struct trace_bytes){&child->t.regs, sizeof(child->t.regs)};
	if (r->flags & CLONE_PARENT_SETTID)
		event_add_memory(&b, t, r->parent_tid, sizeof(uint32_t));
	if (r->flags & CLONE_PIDFD)
		event_add_memory(&b, t, r->pidfd, sizeof(uint32_t));
	if (r->flags & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID))
		event_add_memory(&b, child, r->child_tid, sizeof(uint32_t));
	/* In a copied address space the parent's variables were copied before they were written. */
	event_end(&b, t);
	task.event = t->last_event;
	trace_writer_task(rec->trace, &task);
}

enum next on_clone_event(struct recorder *rec, struct rtask *t)
{
	struct clone_request r;
	struct task early = {0};
	struct process *p;
	struct rtask *child;
	unsigned long msg;
	struct mm *mm;
	int ret;

	if (task_event_message(&t->t, &msg))
		return NEXT_DYING;
	read_request(t, &r);
	early.tid = msg;
	early.tgid = r.flags & CLONE_THREAD ? t->t.tgid : (pid_t)msg;
	if (wait_for_child(rec, &early) || early.stop.kind == STOP_EXITED)
		return NEXT_KERNEL; /* killed before it ran: nobody will know */
	if (r.flags & CLONE_VM) {
		mm = mm_get(t->t.mm);
	} else if ((ret = mm_open(&mm, early.tid))) {
		if (ret == -ENOENT || ret == -ESRCH)
			return NEXT_KERNEL;
		rec->error = error_ret(ret, "cannot read the memory of the new task %d: %s",
				       early.tid, strerror(-ret));
		return NEXT_STAY;
	} else {
		scratch_inherit(rec, t->t.mm, mm);
		mm->shared = t->t.mm->shared;
		mm->vdso = t->t.mm->vdso;
		mm->vdso_size = t->t.mm->vdso_size;
		mm->syscall_insn = t->t.mm->syscall_insn;
	}
	p = r.flags & CLONE_THREAD ? t->process : process_new(early.tgid);
	p->undumpable = t->process->undumpable;
	p->no_new_privs = t->process->no_new_privs;
	child = rtask_new(rec, early.tid, p, mm);
	forced_clone(t, child, r.flags);
	task_code_clone(t, child, r.flags & CLONE_VM);
	count_task(rec, child);
	child->buffered = t->buffered;
	child->tsc_traps = t->tsc_traps;
	child->strict = t->strict;
	child->filter_vdso = t->filter_vdso;
	child->t.stop = early.stop;
	child->clear_tid = r.flags & CLONE_CHILD_CLEARTID ? r.child_tid : 0;
	child->stop_pending = true;
	log_clone(rec, t, child, &r);
	sched_ready(&rec->sched, &child->se);
	if (r.flags & CLONE_VFORK)
		t->may_block = true;
	return NEXT_KERNEL;
}
