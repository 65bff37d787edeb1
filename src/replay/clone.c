/*
 * A new task is made by a clone of ours in its parent: what it shares is as recorded, all else (its
 * registers, its tid's places in memory) comes from the trace. All are children of rr itself
 * (CLONE_PARENT), so that the dead need no parent to bury them.
 */
#include "base/log.h"
#include "replay/session.h"

#include <asm/unistd_64.h>
#include <linux/sched.h>

#define SHARING (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

static int wait_for_child(struct session *s, struct task *child)
{
	int ret;

	ret = task_wait_through(child);
	if (ret || child->stop.kind != STOP_TRAP)
		return failed(s, ret ? ret : -ECHILD, "the first stop of a new task");
	return 0;
}

static int child_mm(struct session *s, struct ptask *parent, pid_t tid, struct mm **mm)
{
	int ret;

	if (s->ev.clone_flags & CLONE_VM) {
		*mm = mm_get(parent->t.mm);
		return 0;
	}
	ret = mm_open(mm, tid);
	if (ret)
		return failed(s, ret, "the memory of a new task");
	(*mm)->brk = parent->t.mm->brk;
	(*mm)->syscall_insn = STUB_SYSCALL;
	return 0;
}

static int adopt_child(struct session *s, struct ptask *parent, const struct task *t)
{
	const bool thread = s->ev.clone_flags & CLONE_THREAD;
	struct pgroup *g = thread ? parent->group : pgroup_new(s->ev.child_tid);
	struct ptask *child;
	struct regs regs;
	struct mm *mm;
	int ret = child_mm(s, parent, t->tid, &mm);

	if (ret)
		return ret;
	if (!thread)
		map_copy(&g->fds, &parent->group->fds);
	child = ptask_new(s, s->ev.child_tid, t->tid, g, mm);
	child->t.tgid = thread ? parent->t.tgid : t->tid;
	child->t.stop = t->stop;
	child->last_event = s->ev.number;
	memcpy(child->name, parent->name, sizeof(child->name));
	if (event_regs(&s->ev.regs_after, &regs))
		return bad_trace(s, "a clone without registers");
	regs.u.orig_rax = -1;
	task_set_regs(&child->t, &regs);
	ret = count_ptask(s, child, 0);
	return ret ? ret : apply_writes(s, parent);
}

int replay_clone(struct session *s, struct ptask *p)
{
	uint64_t flags = (s->ev.clone_flags & SHARING) | CLONE_PARENT;
	struct task child = {0};
	struct regs saved;
	uint64_t mask;
	unsigned long msg;
	int64_t result;
	int ret;

	if (!p->at_entry)
		return bad_trace(s, "a clone outside of a system call");
	if (ptask_find(s, s->ev.child_tid))
		return bad_trace(s, "task %d is born twice", s->ev.child_tid);
	ret = task_remote_begin(&p->t, __NR_clone, REMOTE_ARGS(flags), &saved, &mask);
	if (!ret && p->t.stop.kind == STOP_EVENT)
		ret = task_event_message(&p->t, &msg);
	else if (!ret)
		ret = task_regs(&p->t) ? -ESRCH : (int)p->t.regs.u.rax;
	if (ret)
		return failed(s, ret, "a new task");
	child.tid = msg;
	ret = wait_for_child(s, &child);
	if (!ret && (ret = task_remote_end(&p->t, &saved, mask, &result)))
		ret = failed(s, ret, "a new task");
	return ret ? ret : adopt_child(s, p, &child);
}
