/*
 * Running a task's own code, on its way to the next event: at full speed or by single steps, until
 * the walk wants a pause.
 *
 * At full speed a task is granted the ticks up to what comes first: the event's safepoint, the
 * walk's limit, the end of a slice (a slice only gives us the core back for a moment).
 *
 * A single step is one of the program's instructions: code of ours that lies behind it is stepped
 * through as well. Where the event happens (a system call entered, a fault, a safepoint, a
 * landing) is the *end* of the interval.
 */
#include "timeline/run.h"

#include "base/clock.h"
#include "base/log.h"
#include "task/debug.h"
#include "ticks/landing.h"
#include <signal.h>
#include <sys/time.h>

#define FIRST_SLICE 1000000

static int pause_for(struct timeline *tl, enum pause why)
{
	tl->walk->pause = why;
	return CAME_TO_PAUSE;
}

static raddr_t logical_pc(struct timeline *tl, struct ptask *p)
{
	return task_regs(&p->t) ? 0 : code_original(tl, p, p->t.regs.u.rip);
}

/* --- stepping --- */

static bool counts_steps(const struct walk *w, const struct ptask *p)
{
	return w->stepping && (!w->step_tid || w->step_tid == p->rec_tid);
}

/* Whether the walk stops at the boundary, before what is executed there. */
static bool to_stop_before(struct timeline *tl, struct ptask *p, raddr_t pc,
			   struct timeline_stop *hit)
{
	int nr;

	if (breaks_execute(tl, p, pc, hit))
		return true;
	nr = call_here(tl, p);
	if (nr == NO_CALL)
		return false;
	*hit = call_stop(p, TIMELINE_STOP_SYSCALL_ENTRY, nr);
	return true;
}

/* The call that was begun has come to its end, or to the end of a buffer only. */
static bool has_returned(struct timeline *tl, struct ptask *p, int nr, int came)
{
	if (nr == NO_CALL || (came == CAME_TO_END && calls_reports(&tl->now->s, p)))
		return false;
	tl->walk->hit = call_stop(p, TIMELINE_STOP_SYSCALL_RETURN, nr);
	return true;
}

/* What the walk makes of having come to a boundary by a step, or to the first one. */
static int look_around(struct timeline *tl, struct ptask *p, bool stepped)
{
	struct walk *w = tl->walk;
	const struct way *way = w->way;
	raddr_t pc = logical_pc(tl, p);
	bool done = false;

	tl->now->place.looked |= w->armed;
	if (way && way->kind == WAY_ARRIVALS && pc == way->addr && (stepped || way->fresh))
		done = !--w->way_left;
	if (way && way->kind == WAY_STEPS && stepped)
		done = !--w->way_left;
	if (stepped && counts_steps(w, p) && w->steps && !--w->steps)
		done = true;
	if (w->armed && tl->breaks.n_soft && watches_changed(tl, p, true, &w->hit))
		return pause_for(tl, PAUSE_WATCH);
	if (w->armed && !w->skip_arrival && to_stop_before(tl, p, pc, &w->hit))
		return pause_for(tl, PAUSE_BREAK);
	return done ? pause_for(tl, PAUSE_STEPS) : CAME_ON;
}

/* A step, perhaps of a call, has come to a boundary, or to an end: watchpoints first. */
static int after_step(struct timeline *tl, struct ptask *p, int nr, int came)
{
	struct walk *w = tl->walk;

	if (w->way && w->way->kind == WAY_HITS && tl->breaks.n_met) {
		tl->breaks.n_met = 0;
		if (!--w->way_left && came != CAME_TO_END)
			w->late = PAUSE_STEPS;
	} else if (w->armed && watches_hit(tl, p, &w->hit)) {
		w->late = PAUSE_WATCH;
	} else if (has_returned(tl, p, nr, came)) {
		w->late = PAUSE_RETURN;
	}
	if (came == CAME_TO_TRAP)
		return came; /* the pause is made behind it */
	if (w->late)
		return pause_for(tl, w->late);
	return came == CAME_ON ? look_around(tl, p, true) : came;
}

static int step(struct timeline *tl, struct ptask *p)
{
	struct walk *w = tl->walk;
	int ret = 0, nr = NO_CALL;

	breaks_remove(tl);
	if (w->armed)
		nr = call_here(tl, p);
	if (w->armed)
		ret = watches_arm(tl, p);
	else if (w->way && w->way->kind == WAY_HITS)
		ret = watch_way_arm(tl, p, w->way);
	else
		watches_disarm(tl);
	if (ret)
		return failed(&tl->now->s, ret, "debug registers of task %d", p->rec_tid);
	if (w->armed)
		watches_refresh(tl, p);
	w->skip_arrival = false;
	w->done++;
	run_grant(tl, p, ticks_left(tl, p));
	ret = execute_one(tl, p);
	if (ret == CAME_ON)
		ret = reach_boundary(tl, p);
	if (ret == CAME_ON)
		place_step(tl, p);
	return ret < 0 ? ret : after_step(tl, p, nr, ret);
}

/* --- at full speed --- */

static bool has_breaks(struct timeline *tl, struct ptask *p)
{
	return tl->walk->armed &&
	       (tl->breaks.n_execute || tl->breaks.n_watch || calls_ahead(tl, p));
}

/* Of a repeated instruction a data breakpoint stops each round. Whether it is that, or what was
 * before it, cannot be seen. */
static bool is_at_repeated(struct ptask *p)
{
	struct insn insn;

	return !task_insn(&p->t, &insn) && insn.class == INSN_REPEAT && p->t.regs.u.rcx;
}

static void track_met(struct timeline *tl, const struct ptask *p, size_t from)
{
	for (size_t i = from; i < tl->breaks.n_met; i++)
		track(tl, p, WATCH_KEY(tl->breaks.met[i]));
}

static void place_by_hit(struct timeline *tl, struct ptask *p, int id)
{
	struct way way = {.kind = WAY_HITS};

	for (size_t i = 0; i < tl->breaks.n; i++) {
		const struct breakpoint *b = &tl->breaks.list[i];

		if (b->id != id)
			continue;
		way.watch = b->b.kind;
		way.addr = b->b.addr;
		way.len = b->b.len;
	}
	map_get(&tl->track.arrivals, WATCH_KEY(id), &way.n);
	place_by_way(tl, p, way);
}

static int meet_watch(struct timeline *tl, struct ptask *p)
{
	const ticks_t ticks = p->ticks.count;
	struct timeline_stop *hit = &tl->walk->hit;
	size_t n_met = tl->breaks.n_met;
	bool passed;
	int ret = task_regs(&p->t);

	if (ret)
		return task_lost(tl, p);
	track_met(tl, p, 0);
	if (!code_is_ours(tl, p, p->t.regs.u.rip) && is_at_repeated(p)) {
		place_by_hit(tl, p, tl->breaks.met[0]);
		return pause_for(tl, PAUSE_REPEATED);
	}
	run_grant(tl, p, ticks_left(tl, p));
	/* If it was the agent for the program, it may meet more of them: all are one instruction.
	 */
	ret = reach_boundary(tl, p);
	if (ret < 0)
		return ret;
	track_met(tl, p, n_met);
	passed = ret == CAME_ON && note_pass(tl, p);
	if (!watches_hit(tl, p, hit))
		return ret;
	if (ret == CAME_TO_TRAP) {
		tl->walk->late = PAUSE_WATCH;
		return ret;
	}
	if (passed || (ret == CAME_ON && ticks != p->ticks.count))
		place_tick(tl, p);
	else if (ret == CAME_ON)
		place_by_hit(tl, p, hit->id);
	return pause_for(tl, PAUSE_WATCH);
}

/* A call that is caught was begun: to where it returns. What it writes is one instruction's work.
 */
static int finish_call(struct timeline *tl, struct ptask *p, int nr)
{
	struct walk *w = tl->walk;
	enum pause why = PAUSE_RETURN;
	int ret;

	run_grant(tl, p, ticks_left(tl, p));
	ret = reach_boundary(tl, p);
	if (ret < 0)
		return ret;
	if (tl->breaks.n_met && watches_hit(tl, p, &w->hit))
		why = PAUSE_WATCH;
	else if (!has_returned(tl, p, nr, ret))
		return ret;
	if (ret == CAME_TO_TRAP) {
		w->late = why;
		return ret;
	}
	if (ret == CAME_ON)
		place_step(tl, p);
	return pause_for(tl, why);
}

/* An int3 of ours may be under the task: it executes what that covers. */
static int step_over(struct timeline *tl, struct ptask *p)
{
	static const uint8_t int3 = 0xcc;
	raddr_t pc = task_regs(&p->t) ? 0 : p->t.regs.u.rip;
	const struct inserted *in = breaks_at(tl, p, pc);
	int ret, nr;

	if (!in)
		return CAME_ON;
	nr = call_here(tl, p);
	mm_write(p->t.mm, pc, &in->old, 1);
	ret = execute_one(tl, p);
	if (ret >= 0)
		mm_write(p->t.mm, pc, &int3, 1);
	if (ret != CAME_ON)
		return ret;
	if (nr != NO_CALL)
		return finish_call(tl, p, nr);
	if (tl->breaks.n_met)
		return meet_watch(tl, p);
	note_pass(tl, p);
	return CAME_ON;
}

static int meet_break(struct timeline *tl, struct ptask *p, const struct inserted *in)
{
	raddr_t logical = in->logical;
	uint64_t n = track(tl, p, logical);

	task_regs_modify(&p->t)->u.rip = in->addr;
	if (!to_stop_before(tl, p, logical, &tl->walk->hit))
		return step_over(tl, p);
	place_by_way(tl, p, (struct way){.kind = WAY_ARRIVALS, .addr = logical, .n = n});
	return pause_for(tl, PAUSE_BREAK);
}

static bool limit_reached(const struct timeline *tl, const struct ptask *p)
{
	const struct walk *w = tl->walk;

	if (!w->limited || p->ticks.count != w->ticks)
		return w->limited && p->ticks.count > w->ticks;
	return tl->passes >= w->passes;
}

/* So many ticks that they take about SLICE_NS. */
static void measure_slice(struct timeline *tl, ticks_t ticks, uint64_t ns)
{
	uint64_t rate = ns ? ticks * 1000 / ns : 0; /* in a us */

	if (rate)
		tl->slice_ticks = max_u64((3 * tl->slice_ticks + rate * (SLICE_NS / 1000)) / 4, 64);
}

/* The grant is used up. */
static int meet_granted(struct timeline *tl, struct ptask *p, raddr_t go_on)
{
	int ret = meet_trap(tl, p);

	if (ret != CAME_ON)
		return ret;
	task_regs_modify(&p->t)->u.rip = go_on;
	run_grant(tl, p, ticks_left(tl, p));
	ret = reach_boundary(tl, p);
	if (ret != CAME_ON)
		return ret;
	place_tick(tl, p);
	return pause_for(tl, limit_reached(tl, p) ? PAUSE_LIMIT : PAUSE_SLICE);
}

static int meet_signal(struct timeline *tl, struct ptask *p)
{
	const struct inserted *in;
	raddr_t go_on;

	if (!own_signal(p))
		return CAME_ON;
	if (p->t.stop.signo != SIGTRAP)
		return come_to_end(tl, p);
	if (task_debug_trap(&p->t) != DEBUG_NO_TRAP)
		return watches_note(tl, p) ? meet_watch(tl, p) : CAME_ON;
	if (task_regs(&p->t))
		return task_lost(tl, p);
	in = breaks_at(tl, p, p->t.regs.u.rip - 1);
	if (in)
		return meet_break(tl, p, in);
	return at_trap(tl, p, &go_on) ? meet_granted(tl, p, go_on) : come_to_end(tl, p);
}

static int meet(struct timeline *tl, struct ptask *p)
{
	switch (p->t.stop.kind) {
	case STOP_SYSCALL:
		return meet_call(tl, p);
	case STOP_SIGNAL:
		return meet_signal(tl, p);
	case STOP_EXITED:
	case STOP_EVENT:
		return task_lost(tl, p);
	default:
		return CAME_ON;
	}
}

static int prepare_breaks(struct timeline *tl, struct ptask *p)
{
	int ret;

	track_begin(tl, p);
	breaks_insert(tl, p);
	ret = watches_arm(tl, p);
	if (ret)
		return failed(&tl->now->s, ret, "debug registers of task %d", p->rec_tid);
	watches_refresh(tl, p);
	return CAME_ON;
}

/* So long code may run without a tick until the client is asked, and again. */
#define PATIENCE_US 300000
#define BEAT_US	    100000

static void wake(int signo)
{
}

/* As run_on(); no slice ends in code that makes no ticks. */
static int run_asking(struct timeline *tl, struct ptask *p, bool *asked)
{
	const struct itimerval beats = {{0, BEAT_US}, {0, PATIENCE_US}}, none = {0};
	int ret;

	calls_load(&tl->now->s, p);
	ret = task_resume(&p->t, PTRACE_SYSEMU, 0);
	setitimer(ITIMER_REAL, &beats, NULL);
	while (!ret && (ret = task_wait(&p->t)) == -EINTR) {
		*asked = interrupted(tl);
		if (*asked)
			break;
		ret = 0;
	}
	setitimer(ITIMER_REAL, &none, NULL);
	if (*asked) {
		task_interrupt(&p->t);
		ret = task_wait_through(&p->t);
	}
	settle_ptask(&tl->now->s, p);
	return ret ? failed(&tl->now->s, ret, "task %d cannot be run", p->rec_tid) : 0;
}

/* Breakpoints are in their places, or none are, and the one under the task is behind it. */
static int begin_free(struct timeline *tl, struct ptask *p)
{
	struct walk *w = tl->walk;
	int ret = CAME_ON;

	if (has_breaks(tl, p))
		ret = prepare_breaks(tl, p);
	else
		breaks_remove(tl), watches_disarm(tl);
	if (ret == CAME_ON && w->skip_arrival)
		ret = step_over(tl, p);
	w->skip_arrival = false;
	return ret;
}

static int run_free(struct timeline *tl, struct ptask *p)
{
	bool asked = false;
	struct walk *w = tl->walk;
	int64_t n = ticks_left(tl, p);
	uint64_t start = clock_now_ns();
	ticks_t before = p->ticks.count;
	int ret;

	if (limit_reached(tl, p))
		return pause_for(tl, PAUSE_LIMIT);
	if (w->limited && w->ticks > p->ticks.count)
		n = min_u64(n, w->ticks - p->ticks.count);
	n = min_u64(n, tl->slice_ticks);
	run_grant(tl, p, n);
	ret = begin_free(tl, p);
	if (ret != CAME_ON)
		return ret;
	ret = w->asks ? run_asking(tl, p, &asked) : run_on(tl, p, PTRACE_SYSEMU);
	if (ret)
		return ret;
	if (asked)
		return pause_for(tl, PAUSE_INTERRUPT);
	if (p->ticks.count - before >= tl->slice_ticks)
		measure_slice(tl, p->ticks.count - before, clock_now_ns() - start);
	return meet(tl, p);
}

/* --- to a landing --- */

/* Whether breakpoints and watchpoints may be there while a landing is looked for. It needs a debug
 * register (the last one is for repeated instructions) and the program's memory itself, and hooks
 * are none of its business. */
static bool can_land_free(struct timeline *tl, struct ptask *p)
{
	return tl->breaks.n_slots < DEBUG_STEP_SLOT && !p->counter && !calls_ahead(tl, p) &&
	       !breaks_touch(tl, tl->landing);
}

/* The landing is not reached yet: for a breakpoint, or for nothing that it should. */
static int meet_on_way(struct timeline *tl, struct ptask *p, const struct landing_way *way)
{
	const struct inserted *in = NULL;

	if (way->watched)
		return watches_note_slots(tl, way->watched) ? meet_watch(tl, p) : CAME_ON;
	if (p->t.stop.kind == STOP_SIGNAL && p->t.stop.signo == SIGTRAP && own_signal(p) &&
	    !task_regs(&p->t))
		in = breaks_at(tl, p, p->t.regs.u.rip - 1);
	if (in)
		return meet_break(tl, p, in);
	return diverged(&tl->now->s, p, "it met %s before the place where it was preempted",
			stop_describe(&p->t.stop));
}

static bool goes_by_steps(struct timeline *tl, struct ptask *p)
{
	const struct walk *w = tl->walk;

	return counts_steps(w, p) || (w->armed && tl->breaks.n_soft) ||
	       (tl->landing && has_breaks(tl, p) && !can_land_free(tl, p));
}

/* The walk's limit on this way; 0: it is not on it. */
static uint64_t pass_limit(struct timeline *tl, struct ptask *p)
{
	const struct walk *w = tl->walk;

	return w->limited && w->ticks == p->ticks.count ? w->passes : 0;
}

/* At full speed to the landing, or to what is met before. */
static int land_once(struct timeline *tl, struct ptask *p, struct landing_way *way)
{
	int ret = begin_free(tl, p);

	if (ret != CAME_ON)
		return ret;
	run_grant(tl, p, TICKS_NEVER);
	way->slot = tl->breaks.armed ? tl->breaks.n_slots : 0;
	way->passes = tl->passes;
	if (p->counter)
		ret = landing_run(&p->t, p->counter, tl->landing, NULL);
	else
		ret = landing_run_way(&p->t, tl->landing, way);
	settle_ptask(&tl->now->s, p);
	if (way->counts)
		tl->passes = way->passes;
	if (ret < 0)
		return failed(&tl->now->s, ret,
			      "task %d cannot be brought to where it was preempted", p->rec_tid);
	if (ret == LANDED) {
		tl->end_passes = tl->passes;
		return come_to_end(tl, p);
	}
	if (ret != LANDING_LIMIT)
		return meet_on_way(tl, p, way);
	place_tick(tl, p);
	return pause_for(tl, PAUSE_LIMIT);
}

static int land_free(struct timeline *tl, struct ptask *p)
{
	struct landing_way way = {.counts = counts_passes(tl, p), .limit = pass_limit(tl, p)};
	int ret;

	do {
		ret = land_once(tl, p, &way);
		if (ret >= 0 && landing_way_end(&p->t, &way))
			return task_lost(tl, p);
	} while (ret == CAME_ON && !goes_by_steps(tl, p));
	return ret;
}

/* --- the driver --- */

/* Somebody will look at the first boundary. */
static bool needs_boundary(struct timeline *tl, struct ptask *p)
{
	const struct walk *w = tl->walk;

	if (tl->now->place.started && !tl->between)
		return false;
	return w->at_start || w->skip_arrival || w->late || w->limited || goes_by_steps(tl, p) ||
	       (tl->landing && has_breaks(tl, p));
}

static int begin(struct timeline *tl, struct ptask *p)
{
	struct walk *w = tl->walk;
	bool stepped = tl->between && w->done;
	const struct place *place = &tl->now->place;
	int nr = w->armed ? call_begun(tl, p) : NO_CALL;
	int ret;

	tl->passes = tl->landing && place->started && !tl->between ? place->passes : 0;
	if (nr != NO_CALL || needs_boundary(tl, p)) {
		tl->between = false;
		run_grant(tl, p, ticks_left(tl, p));
		ret = reach_boundary(tl, p);
		if (ret >= 0 && has_returned(tl, p, nr, ret))
			w->late = PAUSE_RETURN;
		if (ret == CAME_TO_END && w->late == PAUSE_RETURN)
			return pause_for(tl, w->late);
		if (ret != CAME_ON)
			return ret;
		place_tick(tl, p);
		if (w->late)
			return pause_for(tl, w->late);
		if (w->at_start)
			return pause_for(tl, PAUSE_START);
		w->way_begun = true;
		return goes_by_steps(tl, p) ? look_around(tl, p, stepped) : CAME_ON;
	}
	tl->between = false;
	if (w->at_start)
		return pause_for(tl, PAUSE_START);
	if (w->skip_arrival)
		tl->now->place.looked = true;
	w->skip_arrival = tl->now->place.looked;
	if ((w->way && !w->way_begun) ||
	    (w->armed && goes_by_steps(tl, p) && !tl->now->place.looked)) {
		w->way_begun = true;
		return look_around(tl, p, false);
	}
	return CAME_ON;
}

static int drive(struct timeline *tl, struct ptask *p)
{
	int ret = begin(tl, p);

	while (ret == CAME_ON) {
		if (has_died(p))
			ret = reach_boundary(tl, p);
		else if (limit_reached(tl, p) && tl->now->place.started)
			ret = pause_for(tl, PAUSE_LIMIT);
		else if (goes_by_steps(tl, p))
			ret = step(tl, p);
		else if (tl->landing)
			ret = land_free(tl, p);
		else
			ret = run_free(tl, p);
	}
	return ret;
}

/* What the event is going to do must not meet breakpoints: in memory that is written, compared,
 * copied or mapped anew. */
static bool leaves_code_alone(const struct trace_event *ev)
{
	const struct syscall_row *row;

	if (ev->type == EV_BUFFER)
		return true;
	if (ev->type != EV_SYSCALL && ev->type != EV_SYSCALL_ENTRY && ev->type != EV_INSN &&
	    ev->type != EV_SCHED)
		return false;
	if (ev->n_maps || ev->n_file_writes || ev->memory_checksum || ev->echo_fd)
		return false;
	if (ev->type != EV_SYSCALL)
		return !ev->n_writes;
	row = syscall_row(ev->arch, ev->syscall);
	return row && !shapes_memory(row->class);
}

static bool writes_breaks(const struct timeline *tl, const struct trace_event *ev)
{
	for (size_t i = 0; i < ev->n_writes; i++)
		for (size_t j = 0; j < tl->breaks.n_inserted; j++)
			if (tl->breaks.inserted[j].addr - ev->writes[i].addr <
			    ev->writes[i].bytes.len)
				return true;
	return false;
}

void clear_the_way(struct timeline *tl)
{
	const struct trace_event *ev = &tl->now->s.ev;

	watches_disarm(tl);
	if (!leaves_code_alone(ev) || writes_breaks(tl, ev))
		breaks_remove(tl);
}

/* The event's task has stopped for the agent to be given more calls, or there are none. */
static bool at_buffer_end(struct session *s)
{
	struct ptask *p = session_task(s);

	if (p && has_died(p))
		return true;
	return p && p->t.stop.kind == STOP_SYSCALL && calls_reports(s, p);
}

static int finish(struct timeline *tl, int came)
{
	struct walk *w = tl->walk;

	if (came < 0)
		return came;
	if (came == CAME_TO_PAUSE)
		return REPLAY_PAUSED;
	clear_the_way(tl);
	tl->between = came == CAME_TO_TRAP;
	if (came == CAME_TO_TRAP)
		return 0;
	if (!w->stop_at_end)
		return at_buffer_end(&tl->now->s) ? RUN_BUFFER_END : 0;
	w->pause = PAUSE_END;
	return REPLAY_PAUSED;
}

static int drive_run(struct session *s, struct ptask *p, int64_t ticks)
{
	struct timeline *tl = s->driver_ctx;

	if (tl->now->place.end) {
		clear_the_way(tl);
		return at_buffer_end(s) ? RUN_BUFFER_END : 0;
	}
	tl->target = ticks == TICKS_NEVER ? 0 : p->ticks.count + ticks;
	tl->landing = NULL;
	return finish(tl, drive(tl, p));
}

static int drive_land(struct session *s, struct ptask *p, const struct landing_point *point)
{
	struct timeline *tl = s->driver_ctx;
	int ret;

	tl->target = 0;
	tl->landing = point;
	ret = finish(tl, drive(tl, p));
	tl->landing = NULL;
	return ret;
}

void driver_init(struct timeline *tl)
{
	const struct sigaction alarm = {.sa_handler = wake}; /* which ends a wait */

	sigaction(SIGALRM, &alarm, NULL);
	tl->driver = (struct replay_driver){.run = drive_run, .land = drive_land};
	tl->slice_ticks = FIRST_SLICE;
}
