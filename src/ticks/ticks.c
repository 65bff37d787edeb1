/*
 * What all sources of ticks have in common.
 */
#include "ticks/ticks.h"

#include "base/log.h"

const struct ticks_source *ticks_source_find(const char *name, struct buf *why)
{
	if (!strcmp(name, "pmu"))
		return ticks_pmu(why);
	if (!strcmp(name, "simulated"))
		return ticks_simulated();
	if (!strncmp(name, TICKS_BREAKPOINT, strlen(TICKS_BREAKPOINT)))
		return ticks_breakpoint(name, why);
	buf_addf(why, "there is no source of ticks called %s", name);
	return NULL;
}

int ticks_open(const struct ticks_source *s, struct task *t, ticks_t base, uint64_t seed,
	       struct ticks_counter **out)
{
	int ret = s->open(s, t, seed, out);

	if (ret)
		return ret;
	(*out)->source = s;
	(*out)->task = t;
	(*out)->base = base;
	return 0;
}

void ticks_close(struct ticks_counter *c)
{
	if (c)
		c->source->close(c);
}

int ticks_read(struct ticks_counter *c, ticks_t *count)
{
	int ret = c->source->read(c, count);

	*count += c->base;
	return ret;
}

int ticks_program(struct ticks_counter *c, ticks_t after)
{
	BUG_ON(after != TICKS_NO_INTERRUPT && after < c->source->min_period);
	return c->source->program(c, after);
}

/* A call that is skipped or was replaced has an exit stop, if it is left by PTRACE_SYSCALL. */
static int leave_call(struct task *t)
{
	int ret = task_run(t, PTRACE_SYSCALL, 0);

	return ret ? ret : t->stop.kind != STOP_SYSCALL;
}

int ticks_resume(struct ticks_counter *c, int how, int signo)
{
	struct task *t = c->task;
	int ret = 0;

	if (t->call_stop != CALL_NONE && (how == PTRACE_SYSCALL || c->source->stepping))
		ret = leave_call(t);
	return ret ? ret : c->source->resume(c, how, signo);
}

int ticks_run(struct ticks_counter *c, int how, int signo)
{
	int ret = ticks_resume(c, how, signo);

	if (ret)
		return ret < 0 ? ret : 0;
	return task_wait_through(c->task);
}

bool ticks_is_interrupt(struct ticks_counter *c)
{
	return c->task->stop.kind == STOP_SIGNAL && c->source->is_interrupt(c);
}
