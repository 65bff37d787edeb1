/*
 * Whose rdtsc traps (PR_SET_TSC).
 *
 * Where all code is instrumented so that the agent executes each rdtsc, the instruction need not
 * trap, and then the agent can read clocks as fast as the program could. As soon as other code may
 * run in an address space (generated code, files without an image), its tasks' instructions trap
 * before they run again; execve begins anew. An rdtsc that neither traps nor is the agent's would
 * be read unseen, so whatever is not known is taken for such code.
 *
 * A task's setting is inherited by its children. Ours follows that of the task which runs, since
 * switching between threads of two settings is slow (base/clock.h).
 */
#include "record/session.h"

#include "base/clock.h"
#include "base/log.h"

#include <asm/unistd_64.h>
#include <sys/prctl.h>

static bool must_trap(const struct recorder *rec, const struct rtask *t)
{
	return !t->buffered || rec->all_executable || !code_leaves_tsc(t);
}

bool tsc_is_last_chance(const struct rtask *t)
{
	return !t->tsc_traps && filter_is_set_by(&t->call);
}

/* By the agent, whose stack nobody uses: where it is interrupted, what may be executed does not
 * change.
 */
static int change_by_agent(struct agent *a, struct rtask *t, const uint64_t args[6])
{
	int ret = task_regs(&t->t);

	if (ret)
		return ret;
	BUG_ON(agent_has(t->t.regs.u.rip));
	agent_batch_begin(a);
	agent_batch_add(a, __NR_prctl, args);
	return agent_batch_run(a, &t->t);
}

static void change(struct recorder *rec, struct rtask *t, bool trap)
{
	const uint64_t args[6] = {PR_SET_TSC, trap ? PR_TSC_SIGSEGV : PR_TSC_ENABLE};
	int64_t result = 0;
	int ret = t->buffered ? change_by_agent(&rec->agent, t, args)
			      : task_remote_syscall(&t->t, &result, __NR_prctl, args);

	if (ret == -ESRCH)
		return;
	if (ret || result)
		BUG("task %d: PR_SET_TSC: %d, %lld", t->t.tid, ret, (long long)result);
	log_debug("task %d: rdtsc %s", t->t.tid, trap ? "traps" : "is free");
	t->tsc_traps = trap;
}

/* The counter that is computed for those that trap goes on from where others have read it. */
static void follow(struct recorder *rec, bool trap)
{
	if (clock_tsc_trapped() == trap)
		return;
	if (trap)
		tsc_clock_follow(&rec->agent.state->tsc);
	clock_trap_tsc(trap);
}

void tsc_settle(struct recorder *rec, struct rtask *t)
{
	bool trap = must_trap(rec, t);

	/* A call that is interrupted is entered again before anything else, and must not be
	 * disturbed. */
	if (trap != t->tsc_traps && filter_allows_remote(t) && !t->interrupted) {
		/* With a signal in hand no call can be made: behind it, before the program goes on.
		 */
		if (t->resume_signo)
			task_interrupt(&t->t);
		else
			change(rec, t, trap);
	}
	follow(rec, t->tsc_traps);
}
