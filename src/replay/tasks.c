/*
 * The tasks of a replay, by the tid that they had in the recording.
 */
#include "base/buf.h"
#include "replay/session.h"

struct pgroup *pgroup_new(pid_t rec_tgid)
{
	struct pgroup *g = xcalloc(1, sizeof(*g));

	g->rec_tgid = rec_tgid;
	return g;
}

struct ptask *ptask_new(struct session *s, pid_t rec_tid, pid_t tid, struct pgroup *g,
			struct mm *mm)
{
	struct ptask *p = xcalloc(1, sizeof(*p));

	p->rec_tid = rec_tid;
	p->t.tid = tid;
	p->t.mm = mm;
	p->group = g;
	g->live++;
	g->refs++;
	map_set_ptr(&s->tasks, rec_tid, p);
	return p;
}

void ptask_free(struct session *s, struct ptask *p)
{
	if (map_get_ptr(&s->tasks, p->rec_tid) == p)
		map_del(&s->tasks, p->rec_tid);
	ticks_close(p->counter);
	if (s->common->in_agent == p)
		s->common->in_agent = NULL;
	buf_release(&p->calls);
	mm_put(p->t.mm);
	if (!--p->group->refs) {
		map_release(&p->group->fds);
		free(p->group);
	}
	free(p);
}

struct ptask *ptask_find(struct session *s, pid_t rec_tid)
{
	return map_get_ptr(&s->tasks, rec_tid);
}
