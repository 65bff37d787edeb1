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

/* Kill a process and bury all of its tasks that are left. */
static void end_process(struct session *s, struct pgroup *g, pid_t tgid)
{
	struct ptask *bodies[64];
	size_t n;

	kill(tgid, SIGKILL);
	do {
		n = 0;
		map_for_each (&s->tasks, slot) {
			struct ptask *p = (struct ptask *)(uintptr_t)slot->value;

			if (p->group == g && n < ARRAY_SIZE(bodies))
				bodies[n++] = p;
		}
		/* A leader is reported last. */
		for (size_t i = 0; i < n; i++)
			if (bodies[i]->t.tid != tgid)
				task_reap(&bodies[i]->t), ptask_free(s, bodies[i]);
			else if (n == 1)
				task_reap(&bodies[i]->t), ptask_free(s, bodies[i]), n = 0;
	} while (n);
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
