/*
 * The end of a task. A thread is made to exit by itself; the last of a process takes the process
 * along. A leader whose threads live on stays as a body, for its tid is the process's.
 */
#include "base/log.h"
#include "replay/session.h"

#include <asm/unistd_64.h>
#include <signal.h>

static int exit_thread(struct session *s, struct ptask *p)
{
	if (task_remote_prepare(&p->t, __NR_exit, REMOTE_ARGS(0)))
		return diverged(s, p, "the task died");
	if (task_resume(&p->t, PTRACE_CONT, 0))
		return diverged(s, p, "the task died");
	task_reap(&p->t);
	ptask_free(s, p);
	return 0;
}

/* One of the group's tasks; its leader is reported last. */
static struct ptask *next_body(struct session *s, const struct pgroup *g, pid_t tgid)
{
	struct ptask *leader = NULL;

	map_for_each (&s->tasks, slot) {
		struct ptask *p = (struct ptask *)(uintptr_t)slot->value;

		if (p->group == g && p->t.tid != tgid)
			return p;
		if (p->group == g)
			leader = p;
	}
	return leader;
}

/* Kill a process and bury all of its tasks that are left. */
static void end_process(struct session *s, struct pgroup *g, pid_t tgid)
{
	kill(tgid, SIGKILL);
	for (int left = g->refs; left; left--) {
		struct ptask *p = next_body(s, g, tgid);

		task_reap(&p->t);
		ptask_free(s, p);
	}
}

int replay_exit(struct session *s, struct ptask *p)
{
	int ret = calls_finish(s, p);

	if (!ret)
		ret = apply_writes(s, p);
	if (ret)
		return ret;
	p->dead = true;
	if (--p->group->live == 0) {
		end_process(s, p->group, p->t.tgid);
		return 0;
	}
	if (p->t.tid == p->t.tgid)
		return 0;
	return exit_thread(s, p);
}

void kill_tasks(struct session *s)
{
	/* All at once, so that they die beside each other. */
	map_for_each (&s->tasks, slot)
		kill(((struct ptask *)(uintptr_t)slot->value)->t.tgid, SIGKILL);
	while (s->tasks.count) {
		map_for_each (&s->tasks, slot) {
			struct ptask *p = (struct ptask *)(uintptr_t)slot->value;

			end_process(s, p->group, p->t.tgid);
			break;
		}
	}
}
