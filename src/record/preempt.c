/*
 * Stops in running code: at safepoints, where the count alone says where the task is; and, in code
 * that has none, anywhere (a *landing*: the place is found again by registers and stack).
 *
 * A task runs with a grant of ticks. It traps when they are used up: its slice may be over, or a
 * signal waits. Signals that arrive elsewhere are kept (signals.c) and the grant is cut to one
 * tick. A watchdog interrupts a task that others wait for and that does not come to a safepoint.
 *
 * With a counter from outside (ticks.h) there are no safepoints: its interrupt ends a slice, and
 * each such stop, like each signal that arrives, is a landing, which the count helps to find.
 */
#include "record/session.h"

#include "abi/signal.h"
#include "base/clock.h"
#include "base/log.h"
#include "task/debug.h"
#include "ticks/landing.h"
#include "ticks/window.h"

#include <sys/wait.h>

#define FIRST_TICKS_PER_NS 0.1
#define SLICE_TICKS_MIN	   16
#define WATCHDOG_BEATS	   2 /* beats of the timer without a stop */

/* --- slices and grants --- */

static int64_t ticks_of(const struct recorder *rec, uint64_t ns)
{
	double rate = rec->ticks_per_ns > 0 ? rec->ticks_per_ns : FIRST_TICKS_PER_NS;
	double n = rate * ns;

	if (rec->source && rec->source->slice)
		return rec->source->slice;
	return n < SLICE_TICKS_MIN ? SLICE_TICKS_MIN : (int64_t)n;
}

void begin_slice(struct recorder *rec, struct rtask *t)
{
	t->slice_left = ticks_of(rec, rec->sched.slice_ns);
	if (rec->opt->max_ticks && (!rec->opt->chaos || t->slice_left > rec->opt->max_ticks))
		t->slice_left = rec->opt->max_ticks;
	rec->slice_start = clock_now_ns();
	rec->slice_used = 0;
}

/* In the middle of a count, or at the trap that it led to: it must be let finish with what it began
 * with. Registers that nobody looked at are those of a system call. */
static bool is_counting(struct rtask *t)
{
	enum image_where where;

	if (!t->code || !t->t.regs_valid)
		return false;
	where = code_point(t, t->t.regs.u.rip).where;
	return where == IMAGE_COUNTING || where == IMAGE_TRAP;
}

void grant_ticks(struct recorder *rec, struct rtask *t)
{
	int64_t n = t->slice_left > 0 ? t->slice_left : 1;
	/* Of signals that wait for a point, the first one's time counts. */
	const unsigned int waits_for = t->stash.n ? 1 + t->interrupt : 0;

	if (t->stash.n || t->interrupt == INTERRUPT_HURRY)
		n = 1;
	if (is_counting(t))
		n = t->ticks.granted;
	if (t->counter)
		ticks_program(t->counter, max_u64(n, rec->source->min_period));
	else
		soft_ticks_grant(&rec->ticks, &t->ticks, n);
	if (!waits_for || waits_for != t->waits_for)
		t->resumed_beat = rec->beats;
	t->waits_for = waits_for;
}

static void settle_count(struct recorder *rec, struct rtask *t)
{
	ticks_t now;

	if (!t->counter)
		soft_ticks_settle(&rec->ticks, &t->ticks);
	else if (!ticks_read(t->counter, &now))
		t->ticks.count = now;
}

void settle_ticks(struct recorder *rec, struct rtask *t)
{
	ticks_t before = t->ticks.count;

	settle_count(rec, t);
	t->slice_left -= t->ticks.count - before;
	rec->slice_used += t->ticks.count - before;
}

void count_task(struct recorder *rec, struct rtask *t)
{
	int ret;

	if (!rec->source)
		return;
	ticks_close(t->counter);
	t->counter = NULL;
	ret = ticks_open(rec->source, &t->t, t->ticks.count, t->t.tid, &t->counter);
	if (ret && ret != -ESRCH)
		rec->error = error_ret(ret, "the progress of task %d cannot be counted: %s",
				       t->t.tid, strerror(-ret));
}

/* --- points as events --- */

/* A safepoint, at which the task was with `at`. */
static void log_safepoint(struct recorder *rec, struct rtask *t, const struct regs *at)
{
	struct event_builder b;

	event_begin(&b, rec, t, EV_SCHED);
	b.ev.regs = (struct trace_bytes){at, sizeof(*at)};
	b.ev.regs_after = (struct trace_bytes){&t->t.regs, sizeof(t->t.regs)};
	event_end(&b, t);
}

/* Wherever it is. `touched`: words to know it by, or NULL. */
static void log_landing(struct recorder *rec, struct rtask *t, const struct touched *touched)
{
	struct landing_point p;
	struct event_builder b;

	if (landing_capture(&p, &t->t, t->counter))
		return;
	scratch_hide(rec, t->t.mm, p.regs.u.rsp - LANDING_BELOW, p.stack, sizeof(p.stack));
	if (touched)
		landing_add_words(&p, &t->t, touched);
	event_begin(&b, rec, t, EV_SCHED);
	b.ev.regs = (struct trace_bytes){&p.regs, sizeof(p.regs)};
	b.ev.words = (struct trace_bytes){p.words, p.n_words * sizeof(p.words[0])};
	b.ev.stack = (struct trace_bytes){p.stack, sizeof(p.stack)};
	event_end(&b, t);
}

/* The task stands at a point that is written down: signals that waited for one are delivered here.
 */
static void deliver_stash(struct rtask *t)
{
	signals_raise_stash(t);
	signals_note_boundary(t);
}

/* --- safepoints --- */

/*
 * Behind a trap lies the beginning of another stub: the count tells whether the trap was met. (The
 * siginfo does not always: a SIGTRAP that the program sent itself, and blocks, takes its place.)
 */
bool at_safepoint(struct recorder *rec, struct rtask *t)
{
	return rec->ticks.page->remaining <= 0 &&
	       code_point(t, t->t.regs.u.rip - 1).where == IMAGE_TRAP;
}

/* Measured over what has just been run. */
static void measure_rate(struct recorder *rec, uint64_t now)
{
	double rate;

	if (now <= rec->slice_start || rec->slice_used < SLICE_TICKS_MIN)
		return;
	rate = (double)rec->slice_used / (now - rec->slice_start);
	rec->ticks_per_ns = rec->ticks_per_ns > 0 ? (3 * rec->ticks_per_ns + rate) / 4 : rate;
}

/* Whether the time slice has a good part left, which the ticks did not last for. */
static bool time_is_left(struct recorder *rec, struct rtask *t, uint64_t now)
{
	uint64_t end = rec->sched.slice_end;

	if (rec->opt->max_ticks || now + rec->sched.slice_ns / 8 >= end)
		return false;
	t->slice_left = ticks_of(rec, end - now);
	return true;
}

/* The ticks of the slice are used up: whether the task goes on all the same. */
static bool slice_goes_on(struct recorder *rec, struct rtask *t)
{
	uint64_t now = clock_now_ns();

	measure_rate(rec, now);
	collect_stops(rec);
	if (time_is_left(rec, t, now))
		return true;
	if (sched_others_ready(&rec->sched))
		return false;
	sched_renew(&rec->sched, now);
	begin_slice(rec, t);
	return true;
}

/*
 * The task has met a signal instead of a step's trap: one that arrived is kept, a fault comes
 * again. False: it is no such stop.
 */
static bool keep_arrival(struct rtask *t)
{
	siginfo_t si;
	bool fault;

	if (t->t.stop.kind != STOP_SIGNAL || task_siginfo(&t->t, &si))
		return false;
	fault = signal_is_synchronous(&si);
	if (!fault)
		signals_stash(t, &si);
	return !fault || si.si_signo != SIGTRAP;
}

/* One step of a task that is counting; what arrives meanwhile is kept. 0, -ESRCH, or 1 at a trap.
 */
static int step(struct recorder *rec, struct rtask *t)
{
	/* The way to a trap may begin behind the trap of another stub. */
	const bool at_trap = code_point(t, t->t.regs.u.rip).where == IMAGE_TRAP;
	int ret = task_run_to_trap(&t->t, PTRACE_SINGLESTEP, 0);

	if (ret || t->t.stop.kind == STOP_EXITED || t->t.stop.kind == STOP_EVENT)
		return -ESRCH;
	if (task_regs(&t->t))
		return -ESRCH;
	keep_arrival(t);
	return at_trap && at_safepoint(rec, t);
}

int finish_counting(struct recorder *rec, struct rtask *t)
{
	bool stepped = false;
	int ret = 0;

	while (!ret && is_counting(t)) {
		stepped = true;
		ret = step(rec, t);
	}
	if (stepped)
		settle_ticks(rec, t);
	if (stepped && !ret)
		forced_restore(t, SIGTRAP);
	return ret;
}

/*
 * A data race between two safepoints would never be lost if tasks switched at safepoints only. So
 * the slice ends some instructions later, at a place that is found by its registers: with the count
 * known it is near.
 */
#define MORE_INSTRUCTIONS 8

/* After steps, of which `ret` is what the last came to: NEXT_STAY where a landing can be. */
static enum next end_steps(struct recorder *rec, struct rtask *t, int ret)
{
	settle_ticks(rec, t);
	/* The steps' traps have to be undone (forced.c) before anything else is done to the task.
	 */
	if (ret == STEP_STOPPED && !keep_arrival(t))
		return NEXT_AGAIN;
	if (ret < 0 || task_regs(&t->t))
		return NEXT_DYING;
	forced_restore(t, SIGTRAP);
	if (finish_counting(rec, t))
		return NEXT_DYING;
	/* Behind the call there is a safepoint. */
	if (agent_has(t->t.regs.u.rip)) {
		t->interrupt = INTERRUPT_HURRY;
		return NEXT_MIDDLE;
	}
	return NEXT_STAY;
}

static enum next yield_after(struct recorder *rec, struct rtask *t, unsigned int instructions)
{
	struct insn insn;
	int ret = STEP_DONE;
	enum next next;

	soft_ticks_grant(&rec->ticks, &t->ticks, TICKS_NEVER);
	while (instructions-- && ret == STEP_DONE)
		ret = task_step(&t->t, 0, false, &insn);
	next = end_steps(rec, t, ret);
	if (next != NEXT_STAY)
		return next;
	log_landing(rec, t, NULL);
	return NEXT_YIELD;
}

enum next on_safepoint(struct recorder *rec, struct rtask *t)
{
	struct image_point p = code_point(t, t->t.regs.u.rip - 1);
	const bool hurried = t->interrupt == INTERRUPT_HURRY;
	struct regs at = t->t.regs;
	unsigned int more;

	t->interrupt = INTERRUPT_NONE;
	t->safepoint = 0;
	if (page_floor(p.original) == t->no_safepoints)
		t->no_safepoints = 0;
	forced_restore(t, SIGTRAP);
	if (t->stash.n) {
		task_regs_modify(&t->t)->u.rip = t->safepoint = p.original;
		log_safepoint(rec, t, &at);
		deliver_stash(t);
		return NEXT_USER;
	}
	task_regs_modify(&t->t)->u.rip = p.resume;
	if ((t->slice_left > 0 && !hurried) || slice_goes_on(rec, t))
		return NEXT_MIDDLE;
	more = sched_random_below(&rec->sched, MORE_INSTRUCTIONS);
	if (more)
		return yield_after(rec, t, more);
	log_safepoint(rec, t, &at);
	return NEXT_YIELD;
}

/* --- code without safepoints --- */

void hurry(struct recorder *rec, struct rtask *t)
{
	if (t->stop_pending)
		return;
	if (!t->stash.n && !sched_others_ready(&rec->sched)) {
		collect_stops(rec);
		if (t->stop_pending || !sched_others_ready(&rec->sched))
			return;
	}
	if (rec->beats - t->resumed_beat < WATCHDOG_BEATS)
		return;
	/* Another stop in between may have taken the last one with it. */
	if (!task_interrupt(&t->t))
		t->interrupt_sent = true;
}

static enum next land_knowing(struct recorder *rec, struct rtask *t, const struct touched *touched)
{
	log_debug("task %d: lands at %#llx", t->t.tid, (unsigned long long)t->t.regs.u.rip);
	t->interrupt = INTERRUPT_NONE;
	log_landing(rec, t, touched);
	if (t->stash.n) {
		deliver_stash(t);
		return NEXT_USER;
	}
	return NEXT_YIELD;
}

enum next land(struct recorder *rec, struct rtask *t)
{
	return land_knowing(rec, t, NULL);
}

bool in_vain(const struct rtask *t)
{
	return t->no_safepoints && page_floor(t->t.regs.u.rip) == t->no_safepoints;
}

/*
 * No count helps to find the point again, so it is chosen: some instructions further, where replay
 * can put a comparison (ticks/compare.c). The memory that these instructions use is part of it.
 */
#define SEARCH_GOOD   64  /* instructions after which a good place is taken */
#define SEARCH_SHARED 128 /* ... and one of several instructions */
#define SEARCH_ANY    160 /* ... even if others of them are jumped to */
#define SEARCH_MAX    192

/* Where the task was, an instruction after the other. */
struct search {
	raddr_t at[SEARCH_MAX];
	unsigned int n;
};

/* Whether it jumps to where the inside of a jump would be, which would trap each time. */
static bool enters_behind(const struct search *s, raddr_t place)
{
	for (unsigned int i = 1; i < s->n; i++) {
		const raddr_t from = s->at[i - 1], to = s->at[i];

		if (to > place && to < place + JUMP_SIZE &&
		    (from < place || from >= place + JUMP_SIZE))
			return true;
	}
	return false;
}

static bool ends_search(struct rtask *t, const struct search *s)
{
	enum landing_place place;

	/* No way leads through code of ours by such steps, but it has safepoints. */
	if (task_regs(&t->t) || agent_has(t->t.regs.u.rip) ||
	    code_point(t, t->t.regs.u.rip).where != IMAGE_OUTSIDE)
		return true;
	if (s->n < SEARCH_GOOD)
		return false;
	place = landing_place(&t->t);
	if (place == PLACE_BAD || (place == PLACE_SHARED && s->n < SEARCH_SHARED))
		return false;
	return s->n >= SEARCH_ANY || !enters_behind(s, t->t.regs.u.rip);
}

static bool stash_arrival(struct rtask *t)
{
	siginfo_t si;

	if (t->t.stop.kind != STOP_SIGNAL || task_siginfo(&t->t, &si) || signal_is_synchronous(&si))
		return false;
	signals_stash(t, &si);
	return true;
}

enum next search_and_land(struct recorder *rec, struct rtask *t)
{
	struct touched touched = {0};
	struct search search = {.n = 0};
	struct insn insn;
	int ret = STEP_DONE;
	enum next next;

	soft_ticks_grant(&rec->ticks, &t->ticks, TICKS_NEVER);
	while (search.n < SEARCH_MAX && ret == STEP_DONE && !ends_search(t, &search)) {
		search.at[search.n++] = t->t.regs.u.rip;
		touched_note(&touched, &t->t);
		ret = task_step(&t->t, 0, false, &insn);
		if (ret == STEP_STOPPED && stash_arrival(t))
			ret = STEP_DONE;
	}
	next = end_steps(rec, t, ret);
	return next == NEXT_STAY ? land_knowing(rec, t, &touched) : next;
}

enum next on_ticks_interrupt(struct recorder *rec, struct rtask *t)
{
	/* It may have come so late that it interrupted a system call, which is restarted. */
	if (t->in_syscall || t->interrupted)
		return NEXT_MIDDLE;
	if (task_regs(&t->t))
		return NEXT_DYING;
	if (!t->stash.n && (t->slice_left > 0 || slice_goes_on(rec, t)))
		return NEXT_MIDDLE;
	return land(rec, t);
}

/*
 * The kernel reports an interrupt before a signal that is due: the task may have met a trap
 * already, and stand behind it as if a new count began there.
 */
static bool trap_is_due(struct recorder *rec, struct rtask *t)
{
	uint64_t pending;

	return !t->in_syscall && at_safepoint(rec, t) && !task_pending_signals(&t->t, &pending) &&
	       (pending & 1ULL << (SIGTRAP - 1));
}

enum next on_interrupt(struct recorder *rec, struct rtask *t)
{
	bool asked = t->interrupt_sent && !t->in_syscall;
	int ret;

	t->interrupt_sent = false;
	if (task_regs(&t->t))
		return NEXT_DYING;
	if (trap_is_due(rec, t))
		return task_run(&t->t, PTRACE_CONT, 0) ? NEXT_DYING : NEXT_AGAIN;
	if (!asked || rec->beats - t->resumed_beat < WATCHDOG_BEATS) {
		/* SIGCONT stops running code anywhere: that is no place to deliver what is pending.
		 */
		if (!t->in_middle || t->in_syscall || t->interrupted)
			signals_note_boundary(t);
		return NEXT_MIDDLE;
	}
	ret = finish_counting(rec, t);
	if (ret < 0)
		return NEXT_DYING;
	if (ret)
		return on_safepoint(rec, t);
	if (t->code && !in_vain(t) &&
	    (t->interrupt == INTERRUPT_NONE || agent_has(t->t.regs.u.rip))) {
		t->interrupt = INTERRUPT_HURRY;
		return NEXT_MIDDLE;
	}
	t->no_safepoints = page_floor(t->t.regs.u.rip);
	return search_and_land(rec, t);
}

void note_group_stop(struct recorder *rec, struct rtask *t)
{
	if (t->in_syscall || t->interrupted || t != rec->current || task_regs(&t->t))
		return;
	t->in_middle = false;
	if (regs_equal(&t->boundary_regs, &t->t.regs, false, NULL))
		return;
	log_landing(rec, t, NULL);
}
