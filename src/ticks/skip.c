/*
 * A landing in a hot loop: millions of hits would be compared, at some 10 us each. Where the loop
 * is of the simple kind (loop.h), it is known how many of them cannot be the point, and these are
 * passed by without a stop of ours:
 *
 * - all that are left of this run through the loop, if the point is not in it: the task runs to the
 *   loop's exit;
 * - many, by running for a time in which there cannot be as many: at full speed;
 * - the last of them counted by the kernel: a perf event that is a breakpoint at the head.
 *
 * The exits have breakpoints meanwhile: a loop that is left early is noticed at once, and what was
 * foreseen is void. Without perf_event_open() only the first is done.
 */
#include "base/clock.h"
#include "base/log.h"
#include "task/debug.h"
#include "ticks/landing_impl.h"
#include "ticks/pmu.h"

#include <errno.h>
#include <linux/hw_breakpoint.h>
#include <unistd.h>

#define EXIT_SLOT     1 /* and the next one */
#define WATCHED_EXITS 2

#define FEW	      64      /* hits that are not worth it */
#define RESERVE	      16      /* of those that the kernel counts: its signal may be late */
#define FIRST_RATE    6.0     /* trips in a ns: more than any CPU does */
#define MIN_TIME      10000   /* ns; the least that the kernel's timers do */
#define LATE	      5000000 /* ns that a timer may be late: seen on virtual machines under load */
#define TIMER_SHARE \
	4 /* of the time: a timer that ends inside of the kernel is lost, and begins again */

bool skip_is_interrupt(struct landing *l)
{
	siginfo_t si;

	return l->event >= 0 && l->t->stop.signo == PMU_SIGNAL && !task_siginfo(l->t, &si) &&
	       si.si_code > 0;
}

static void end_event(struct landing *l)
{
	if (l->event >= 0)
		close(l->event);
	l->event = -1;
}

void skip_end(struct landing *l)
{
	end_event(l);
	if (l->loop && l->t->stop.kind != STOP_EXITED)
		for (int i = 0; i < WATCHED_EXITS; i++)
			task_debug_clear(l->t, EXIT_SLOT + i);
	free(l->loop);
	l->loop = NULL;
}

/* --- the loop --- */

/*
 * Go one way round by steps. 0: the task is at the head again; 1: it is not a loop of the kind;
 * LANDING_STOPPED; or -errno.
 */
static int step_round(struct landing *l, raddr_t *path, size_t *n)
{
	struct task *t = l->t;
	struct insn insn;

	for (*n = 0;;) {
		int ret;

		path[*n] = t->regs.u.rip;
		ret = task_step(t, 0, false, &insn);
		if (ret < 0)
			return ret;
		if (ret == STEP_SYSCALL)
			return 1;
		if (ret == STEP_STOPPED && (t->stop.kind == STOP_EXITED ||
					    t->stop.kind == STOP_EVENT || landing_is_own_signal(t)))
			return LANDING_STOPPED;
		if (ret == STEP_STOPPED)
			l->stats.others++;
		if ((ret = task_regs(t)))
			return ret;
		/* A step that was not done begins again. */
		if (t->regs.u.rip == path[*n])
			continue;
		++*n;
		if (t->regs.u.rip == path[0])
			return 0;
		if (*n == LOOP_MAX_PATH)
			return 1;
	}
}

/* Find out what the loop is. As step_round(). */
static int find_loop(struct landing *l)
{
	raddr_t path[LOOP_MAX_PATH];
	size_t n;
	int ret = 1;

	if (regs_arch(&l->t->regs) == ARCH_X86_64)
		ret = step_round(l, path, &n);
	if (ret)
		return ret;
	l->loop = xcalloc(1, sizeof(*l->loop));
	if (loop_analyse(l->loop, l->t->mm, path, n))
		return 0;
	free(l->loop);
	l->loop = NULL;
	return 1;
}

/* --- passing by --- */

static int start_event(struct landing *l, uint32_t type, uint64_t config, uint64_t period)
{
	struct perf_event_attr event = {.type = type, .config = config};

	if (type == PERF_TYPE_BREAKPOINT) {
		event.bp_type = HW_BREAKPOINT_X;
		event.bp_addr = l->loop->head;
		event.bp_len = sizeof(long);
	}
	end_event(l);
	l->event = perf_event_start(&event, l->t->tid);
	if (l->event < 0)
		return l->event;
	return perf_event_period(l->event, period);
}

/* Let it run, with breakpoints at the exits alone: enum arrival or -errno. */
static int run_inside(struct landing *l)
{
	int ret = task_debug_clear(l->t, POINT_SLOT);

	for (size_t i = 0; !ret && i < l->loop->n_exits; i++)
		ret = task_debug_set(l->t, EXIT_SLOT + i, DEBUG_EXECUTE, l->loop->exits[i], 1);
	if (!ret)
		ret = landing_go(l);
	l->stats.interrupts++;
	end_event(l);
	if (ret < 0 || ret == ARRIVED_OTHER)
		return ret;
	for (size_t i = 0; i < l->loop->n_exits; i++)
		task_debug_clear(l->t, EXIT_SLOT + i);
	return ret;
}

static double rate_limit(const struct landing *l)
{
	return l->max_rate > 0 ? 2 * l->max_rate : FIRST_RATE;
}

/* ns in which `trips` cannot be done. */
static uint64_t safe_time(const struct landing *l, uint64_t trips)
{
	double time = trips / rate_limit(l);

	time = (time - LATE) / TIMER_SHARE;
	return time < MIN_TIME ? 0 : time > 1e10 ? 10000000000 : (uint64_t)time;
}

static void note_rate(struct landing *l, uint64_t trips, uint64_t ns)
{
	double rate = (double)trips / ns;

	if (rate > l->max_rate)
		l->max_rate = rate;
}

static size_t watched(const struct loop *lp)
{
	return lp->n_exits > WATCHED_EXITS ? 0 : lp->n_exits;
}

/* Back to the head, if the loop is not left: 1 if so, 0 if it is, LANDING_STOPPED, or -errno. */
static int to_head(struct landing *l)
{
	int ret = task_debug_set(l->t, POINT_SLOT, DEBUG_EXECUTE, l->loop->head, 1);

	for (size_t i = 0; !ret && i < watched(l->loop); i++)
		ret = task_debug_set(l->t, EXIT_SLOT + i, DEBUG_EXECUTE, l->loop->exits[i], 1);
	while (!ret || ret == ARRIVED_INTERRUPT)
		ret = landing_go(l);
	if (ret == ARRIVED_OTHER)
		return LANDING_STOPPED;
	if (ret < 0 || (ret = task_regs(l->t)))
		return ret;
	for (size_t i = 0; i < watched(l->loop); i++)
		task_debug_clear(l->t, EXIT_SLOT + i);
	return l->t->regs.u.rip == l->loop->head;
}

/* The point is not in this run through the loop. */
static int run_to_exit(struct landing *l)
{
	int ret;

	/* None but a signal's handler leads out, and none is run. */
	if (!l->loop->n_exits)
		return LANDING_PASSED;
	if (l->loop->n_exits > WATCHED_EXITS) {
		l->next_skip = 2 * l->stats.hits;
		return 0;
	}
	do {
		ret = run_inside(l);
	} while (ret == ARRIVED_INTERRUPT);
	return ret;
}

/* Pass by most of so many trips: enum arrival, 0 if it cannot be done, or -errno. `ns`: for how
 * long it ran, if that was measured. */
static int run_trips(struct landing *l, uint64_t trips, uint64_t *ns)
{
	int ret = task_debug_clear(l->t, POINT_SLOT);

	*ns = 0;
	if (!ret)
		ret = patch_run_trips(l, trips - RESERVE);
	if (ret >= 0)
		return ret;
	log_debug("task %d: no patch: %s", l->t->tid, strerror(-ret));
	/* Exits that cannot be watched: hit by hit. */
	if (l->loop->n_exits > WATCHED_EXITS) {
		l->next_skip = l->stats.hits + trips;
		return task_debug_set(l->t, POINT_SLOT, DEBUG_EXECUTE, l->loop->head, 1);
	}
	*ns = safe_time(l, trips);
	if (*ns)
		ret = start_event(l, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK, *ns);
	else
		ret = start_event(l, PERF_TYPE_BREAKPOINT, 0, trips - RESERVE);
	if (ret) {
		log_debug("task %d: no events: %s", l->t->tid, strerror(-ret));
		end_event(l);
		/* So be it, hit by hit. */
		l->next_skip = l->stats.hits + trips;
		return 0;
	}
	return run_inside(l);
}

int skip_hits(struct landing *l)
{
	struct task *t = l->t;
	uint64_t trips, ns = 0, left;
	int ret = 0;

	l->next_skip = l->stats.hits + 1;
	if (l->loop && !loop_unchanged(l->loop, t->mm)) {
		free(l->loop);
		l->loop = NULL;
	}
	if (!l->loop) {
		ret = find_loop(l);
		if (ret == 1)
			l->next_skip = 2 * l->stats.hits;
		return ret == 1 ? 0 : ret;
	}
	trips = loop_bound(l->loop, &t->regs, &l->p->regs);
	if (trips < FEW) {
		l->next_skip = l->stats.hits + FEW;
		return 0;
	}
	log_debug("task %d: %llu hits ahead", t->tid, (unsigned long long)trips);
	ret = trips == LOOP_NEVER ? run_to_exit(l) : run_trips(l, trips, &ns);
	if (ret == ARRIVED_OTHER)
		return LANDING_STOPPED;
	if (ret == ARRIVED_BREAKPOINT)
		return task_debug_set(t, POINT_SLOT, DEBUG_EXECUTE, l->loop->head, 1);
	if (ret != ARRIVED_INTERRUPT || (ret = to_head(l)) != 1)
		return ret;
	left = loop_bound(l->loop, &t->regs, &l->p->regs);
	if (left > trips)
		return LANDING_PASSED;
	if (ns)
		note_rate(l, trips - left, ns);
	return 0;
}
