/*
 * Ticks without any hardware: the task is single-stepped, and its conditional branches are counted
 * as they are met. The interrupt comes late by a random number of branches and instructions, as a
 * PMU's does, so that landing is put to the test where there is none.
 */
#include "ticks/ticks.h"

#include "base/log.h"
#include "task/debug.h"

#include <errno.h>

#define MAX_SKID  70
#define SLICE	  2000
#define MAX_EXTRA 8 /* instructions that follow the branch which is one too many */

/* linux/errno.h, not for user space: the kernel backs up to the system call. */
#define RESTART_FIRST 512
#define RESTART_LAST  516

struct simulated {
	struct ticks_counter c;
	ticks_t count;
	ticks_t fire_at; /* 0: never */
	unsigned int extra;
	bool interrupted;
	/* A stop for job control came before the SIGTRAP of a step: what is still to be counted. */
	bool in_step, in_branch;
	uint64_t random;
};

static struct simulated *simulated_of(struct ticks_counter *c)
{
	return container_of(c, struct simulated, c);
}

static uint64_t next_random(struct simulated *s)
{
	/* splitmix64 */
	uint64_t z = s->random += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static int sim_open(const struct ticks_source *source, struct task *t, uint64_t seed,
		    struct ticks_counter **out)
{
	struct simulated *s = xcalloc(1, sizeof(*s));

	s->random = seed;
	*out = &s->c;
	return 0;
}

static void sim_close(struct ticks_counter *c)
{
	free(simulated_of(c));
}

static int sim_read(struct ticks_counter *c, ticks_t *count)
{
	*count = simulated_of(c)->count;
	return 0;
}

static int sim_program(struct ticks_counter *c, ticks_t after)
{
	struct simulated *s = simulated_of(c);

	s->fire_at = 0;
	if (after == TICKS_NO_INTERRUPT)
		return 0;
	s->fire_at = s->count + after + next_random(s) % (MAX_SKID - MAX_EXTRA + 1);
	s->extra = next_random(s) % (MAX_EXTRA + 1);
	return 0;
}

/* Whether the interrupt is due behind the instruction that was just executed. */
static bool is_due(struct simulated *s)
{
	if (!s->fire_at || s->count < s->fire_at)
		return false;
	if (s->extra) {
		s->extra--;
		return false;
	}
	s->fire_at = 0;
	return true;
}

static bool will_restart(const struct regs *r)
{
	int64_t result = (int64_t)r->u.rax;

	return (int64_t)r->u.orig_rax >= 0 && result <= -RESTART_FIRST && result >= -RESTART_LAST;
}

/* The rest of a step that job control broke off: either its SIGTRAP is pending, or all of it. */
static int finish_step(struct task *t)
{
	int ret = task_run(t, PTRACE_SINGLESTEP, 0);

	if (ret)
		return ret;
	switch (task_debug_trap(t)) {
	case DEBUG_STEPPED:
		return STEP_DONE;
	case DEBUG_BREAKPOINT:
		return STEP_BREAKPOINT;
	case DEBUG_NO_TRAP:
		break;
	}
	return STEP_STOPPED;
}

/* The count must be that of the registers: is the instruction done? */
static void count_pending(struct simulated *s)
{
	uint64_t pending;

	if (task_pending_signals(s->c.task, &pending) || !(pending & 1ULL << (SIGTRAP - 1)))
		return;
	s->count += s->in_branch;
	s->in_branch = false;
}

static int step(struct simulated *s, int signo)
{
	struct task *t = s->c.task;
	unsigned int hits;
	struct insn insn;
	int ret;

	if (s->in_step) {
		ret = finish_step(t);
	} else {
		ret = task_step(t, signo, false, &insn);
		s->in_branch = insn.class == INSN_BRANCH;
		s->in_step = insn.class != INSN_REPEAT;
	}
	/* Of a repeated instruction, too, job control can hold back the SIGTRAP. */
	if (ret == STEP_BREAKPOINT && !task_debug_hits(t, &hits) && hits == 1u << DEBUG_STEP_SLOT)
		ret = STEP_DONE;
	s->in_step &=
		ret == STEP_STOPPED && (t->stop.kind == STOP_TRAP || t->stop.kind == STOP_GROUP);
	if (s->in_step)
		count_pending(s);
	return ret;
}

static int sim_resume(struct ticks_counter *c, int how, int signo)
{
	struct simulated *s = simulated_of(c);
	struct task *t = c->task;
	int ret;

	s->interrupted = false;
	if (signo)
		s->in_step = false;
	if ((ret = task_regs(t)))
		return ret;
	if (will_restart(&t->regs))
		return task_resume(t, how, signo);
	for (;; signo = 0) {
		ret = step(s, signo);
		if (ret == STEP_SYSCALL)
			return task_resume(t, how, signo);
		if (ret != STEP_DONE)
			return ret < 0 ? ret : 1;
		s->count += s->in_branch;
		if (is_due(s)) {
			s->interrupted = true;
			return 1;
		}
	}
}

static bool sim_is_interrupt(struct ticks_counter *c)
{
	return simulated_of(c)->interrupted;
}

const struct ticks_source *ticks_simulated(void)
{
	static const struct ticks_source source = {
		.name = "simulated",
		.skid = MAX_SKID,
		.min_period = 1,
		.slice = SLICE,
		.stepping = true,
		.open = sim_open,
		.close = sim_close,
		.read = sim_read,
		.program = sim_program,
		.resume = sim_resume,
		.is_interrupt = sim_is_interrupt,
	};

	return &source;
}
