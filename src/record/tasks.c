/*
 * The recorder's tasks: a map from tid, and counts per process.
 */
#include "record/session.h"

#include "base/log.h"

struct process *process_new(pid_t tgid)
{
	struct process *p = xcalloc(1, sizeof(*p));

	p->tgid = tgid;
	return p;
}

struct rtask *rtask_new(struct recorder *rec, pid_t tid, struct process *p, struct mm *mm)
{
	struct rtask *t = xcalloc(1, sizeof(*t));

	t->t.tid = tid;
	t->t.tgid = p->tgid;
	t->t.mm = mm;
	t->process = p;
	p->live++;
	p->refs++;
	map_set_ptr(&rec->tasks, tid, t);
	rec->n_live++;
	return t;
}

void rtask_ready(struct recorder *rec, struct rtask *t)
{
	if (!t->attached.frozen)
		sched_ready(&rec->sched, &t->se);
}

void rtask_exec_over(struct recorder *rec, struct rtask *t)
{
	if (t->process->execing != t)
		return;
	t->process->execing = NULL;
	map_for_each (&rec->tasks, s) {
		struct rtask *other = (struct rtask *)(uintptr_t)s->value;

		if (other->process != t->process || !other->held)
			continue;
		other->held = false;
		rtask_ready(rec, other);
	}
}

void rtask_free(struct recorder *rec, struct rtask *t)
{
	rtask_exec_over(rec, t);
	attach_forget(rec, t);
	sched_remove(&t->se);
	if (map_get_ptr(&rec->tasks, t->t.tid) == t)
		map_del(&rec->tasks, t->t.tid);
	scratch_release(t);
	mm_put(t->t.mm);
	signals_release(t);
	forced_release(t);
	task_code_release(t);
	ticks_close(t->counter);
	if (!--t->process->refs)
		free(t->process);
	if (rec->current == t)
		rec->current = NULL;
	if (rec->in_code == t)
		rec->in_code = NULL;
	rec->n_live--;
	free(t);
}

struct rtask *rtask_find(struct recorder *rec, pid_t tid)
{
	return map_get_ptr(&rec->tasks, tid);
}

void rtask_note_stop(struct recorder *rec, struct rtask *t, const struct stop *stop)
{
	task_stopped(&t->t, stop);
	attach_note_stop(t, stop);
	t->stop_pending = true;
	if (t != rec->current)
		rtask_ready(rec, t);
}
