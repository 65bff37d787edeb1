/*
 * Executing one instruction of the program, and getting from there to the next one: through code of
 * ours, which is stepped through, and through the agent, which is run through.
 *
 * Where the event happens (a system call entered, a fault, a safepoint, a landing) the interval
 * ends, be it in the middle of that.
 */
#include "abi/signal.h"
#include "mem/insn_site.h"
#include "task/debug.h"
#include "ticks/landing.h"
#include "timeline/run.h"

static bool is_soft(const struct timeline *tl)
{
	return tl->now->s.soft;
}

static bool is_landing_event(const struct timeline *tl)
{
	const struct trace_event *ev = &tl->now->s.ev;

	return ev->type == EV_SCHED && ev->stack.len;
}

int come_to_end(struct timeline *tl, struct ptask *p)
{
	struct place *place = &tl->now->place;

	place->end = place->started = true;
	place->ticks = p->ticks.count;
	place->passes = tl->landing ? UINT64_MAX : 0;
	place->n_ways = 0;
	place->step = 0;
	tl->track.valid = false;
	return CAME_TO_END;
}

/* --- resuming --- */

int64_t ticks_left(const struct timeline *tl, const struct ptask *p)
{
	return tl->target ? (int64_t)(tl->target - p->ticks.count) : TICKS_NEVER;
}

void run_grant(struct timeline *tl, struct ptask *p, int64_t n)
{
	soft_ticks_grant(&tl->now->s.ticks, &p->ticks, n);
}

int run_on(struct timeline *tl, struct ptask *p, int how)
{
	int ret;

	calls_load(&tl->now->s, p);
	ret = task_run(&p->t, how, 0);
	settle_ptask(&tl->now->s, p);
	return ret ? failed(&tl->now->s, ret, "task %d cannot be run", p->rec_tid) : 0;
}

int leave_call(struct timeline *tl, struct ptask *p)
{
	struct stop before = p->t.stop;
	int ret;

	if (p->t.call_stop != CALL_SYSEMU)
		return 0;
	do {
		ret = run_on(tl, p, PTRACE_SYSCALL);
	} while (!ret && p->t.stop.kind != STOP_SYSCALL && p->t.stop.kind != STOP_EXITED);
	p->t.stop = before;
	return ret;
}

bool at_trap(struct timeline *tl, struct ptask *p, raddr_t *go_on)
{
	return is_soft(tl) && tl->now->s.ticks.page->remaining <= 0 && !task_regs(&p->t) &&
	       code_trap(tl, p, p->t.regs.u.rip - 1, go_on);
}

int meet_trap(struct timeline *tl, struct ptask *p)
{
	if (tl->target && p->ticks.count == tl->target)
		return is_landing_event(tl) ? CAME_TO_TRAP : come_to_end(tl, p);
	return CAME_ON;
}

bool own_signal(struct ptask *p)
{
	siginfo_t si;

	return p->t.stop.kind == STOP_SIGNAL && !task_siginfo(&p->t, &si) &&
	       signal_is_synchronous(&si);
}

int task_lost(struct timeline *tl, struct ptask *p)
{
	return diverged(&tl->now->s, p, "the task ended or was killed");
}

bool has_died(const struct ptask *p)
{
	return p->calls_last && p->calls_pos == p->calls.len;
}

int meet_call(struct timeline *tl, struct ptask *p)
{
	struct session *s = &tl->now->s;
	int ret;

	p->t.call_stop = CALL_SYSEMU;
	if (!calls_reports(s, p))
		return come_to_end(tl, p);
	ret = calls_on_report(s, p);
	if (ret == RUN_BUFFER_END && !has_died(p))
		return come_to_end(tl, p);
	if (ret == RUN_BUFFER_END) { /* out of the agent, where it can be shown */
		s->agent.state->dies = false;
		return CAME_ON;
	}
	return ret ? ret : CAME_ON;
}

/* The task stands before a system call: to its entry. */
static int run_to_call(struct timeline *tl, struct ptask *p)
{
	for (;;) {
		int ret = run_on(tl, p, PTRACE_SYSEMU);

		if (ret)
			return ret;
		if (p->t.stop.kind == STOP_SYSCALL)
			return meet_call(tl, p);
		if (own_signal(p))
			return come_to_end(tl, p);
		if (p->t.stop.kind == STOP_EXITED || p->t.stop.kind == STOP_EVENT)
			return task_lost(tl, p);
	}
}

/* --- one instruction --- */

int execute_one(struct timeline *tl, struct ptask *p)
{
	const int *slots = tl->breaks.slot_id;
	struct insn insn = {0};
	int ret = leave_call(tl, p);

	while (!ret) {
		raddr_t start = task_regs(&p->t) ? 0 : p->t.regs.u.rip;
		/* The slot is needed for repeated instructions. */
		bool rounds = slots[DEBUG_STEP_SLOT];

		ret = task_step(&p->t, 0, rounds, &insn);

		settle_ptask(&tl->now->s, p);
		switch (ret) {
		case STEP_DONE:
			watches_note(tl, p);
			if (!rounds || insn.class != INSN_REPEAT || task_regs(&p->t) ||
			    p->t.regs.u.rip != start)
				return CAME_ON;
			ret = 0;
			break;
		case STEP_SYSCALL:
			return run_to_call(tl, p);
		case STEP_BREAKPOINT: /* a repeated one met a watchpoint: once is enough */
			watches_note(tl, p);
			watches_disarm(tl);
			if (!task_regs(&p->t) && p->t.regs.u.rip != start)
				return CAME_ON; /* in its last round */
			ret = 0;
			break;
		case STEP_STOPPED:
			if (own_signal(p))
				return come_to_end(tl, p);
			if (p->t.stop.kind == STOP_EXITED || p->t.stop.kind == STOP_EVENT)
				return task_lost(tl, p);
			ret = 0;
			break;
		default:
			return failed(&tl->now->s, ret, "task %d cannot be run", p->rec_tid);
		}
	}
	return ret;
}

static int meet_trap_of_ours(struct timeline *tl, struct ptask *p)
{
	raddr_t go_on;
	int ret;

	if (!at_trap(tl, p, &go_on))
		return come_to_end(tl, p);
	ret = meet_trap(tl, p);
	if (ret == CAME_ON)
		task_regs_modify(&p->t)->u.rip = go_on;
	return ret;
}

static int step_ours(struct timeline *tl, struct ptask *p)
{
	struct insn insn;
	int ret = leave_call(tl, p);

	if (ret)
		return ret;
	ret = task_insn(&p->t, &insn);
	if (ret)
		return failed(&tl->now->s, ret, "registers of task %d", p->rec_tid);
	if (insn.class == INSN_SYSCALL)
		return run_to_call(tl, p);
	if (insn.class == INSN_REPEAT) /* the agent copies */
		return execute_one(tl, p);
	ret = run_on(tl, p, PTRACE_SINGLESTEP);
	if (ret)
		return ret;
	watches_note(tl, p);
	if (task_debug_trap(&p->t) != DEBUG_NO_TRAP || !own_signal(p))
		return CAME_ON;
	return meet_trap_of_ours(tl, p);
}

/* --- code of ours --- */

/* Where the task may come out of the agent, in which it is: `raw` is the address that its hook gave
 * (agent/entry.S). */
static int find_exits(struct timeline *tl, struct ptask *p, struct agent_exits *x)
{
	static const uint8_t syscall_insn[] = {0x0f, 0x05};
	const struct agent *a = &tl->now->s.agent;
	const bool enters = p->t.regs.u.rip == a->header->enter_call ||
			    p->t.regs.u.rip == a->header->enter_insn;
	const raddr_t raw = enters ? p->t.regs.u.rcx : a->state->raw;
	struct insn_site site;
	uint8_t insn[sizeof(syscall_insn)];
	int32_t distance;
	int ret;

	x->n = 0;
	x->at[x->n++] = raw;
	ret = mm_read(p->t.mm, raw, insn, sizeof(insn));
	if (ret)
		return ret;
	if (!memcmp(insn, syscall_insn, sizeof(insn))) {
		x->at[x->n++] = raw + sizeof(insn);
		return 0;
	}
	ret = mm_read(p->t.mm, raw - sizeof(site), &site, sizeof(site));
	if (ret)
		return ret;
	x->at[x->n++] = raw + site.length;
	if (site.kind == SITE_XBEGIN &&
	    !mm_read(p->t.mm, raw + site.length - sizeof(distance), &distance, sizeof(distance)))
		x->at[x->n++] = raw + site.length + (raddr_t)(int64_t)distance;
	return 0;
}

static bool is_exit(const struct agent_exits *x, raddr_t at)
{
	for (unsigned int i = 0; i < x->n; i++)
		if (x->at[i] == at)
			return true;
	return false;
}

static int meet_in_agent(struct timeline *tl, struct ptask *p, const struct agent_exits *x)
{
	switch (p->t.stop.kind) {
	case STOP_SYSCALL:
		return meet_call(tl, p);
	case STOP_EXITED:
	case STOP_EVENT:
		return task_lost(tl, p);
	default:
		break;
	}
	if (!own_signal(p) || task_debug_trap(&p->t) != DEBUG_NO_TRAP)
		return CAME_ON;
	if (task_regs(&p->t))
		return task_lost(tl, p);
	if (p->t.stop.signo != SIGTRAP || !is_exit(x, p->t.regs.u.rip - 1))
		return come_to_end(tl, p);
	task_regs_modify(&p->t)->u.rip--;
	return CAME_OUT;
}

/* To where the agent goes back to the program: far, and through instructions that must not be
 * stepped (popf). */
static int run_agent(struct timeline *tl, struct ptask *p)
{
	static const uint8_t int3 = 0xcc;
	struct agent_exits x;
	uint8_t old[ARRAY_SIZE(x.at)];
	int ret = find_exits(tl, p, &x);

	for (unsigned int i = 0; i < x.n && !ret; i++)
		ret = mm_read(p->t.mm, x.at[i], &old[i], 1);
	if (ret)
		return diverged(&tl->now->s, p, "a hook without an instruction");
	for (unsigned int i = 0; i < x.n; i++)
		mm_write(p->t.mm, x.at[i], &int3, 1);
	do {
		ret = run_on(tl, p, PTRACE_SYSEMU);
		watches_note(tl, p);
		if (!ret)
			ret = meet_in_agent(tl, p, &x);
	} while (ret == CAME_ON);
	for (unsigned int i = x.n; i-- > 0;)
		mm_write(p->t.mm, x.at[i], &old[i], 1);
	return ret == CAME_OUT ? CAME_ON : ret;
}

/* In the agent proper, not only on the way past it. */
static bool is_in_agent(const struct timeline *tl, const struct ptask *p)
{
	const struct agent_header *h = tl->now->s.agent.header;
	const raddr_t ip = p->t.regs.u.rip;

	return agent_has(ip) && (ip < h->pass_call || ip >= h->enter_insn);
}

int reach_boundary(struct timeline *tl, struct ptask *p)
{
	int ret = leave_call(tl, p);

	while (!ret) {
		ret = task_regs(&p->t);
		if (ret)
			return failed(&tl->now->s, ret, "registers of task %d", p->rec_tid);
		if (tl->landing) {
			ret = landing_matches(tl->landing, &p->t);
			if (ret)
				return ret < 0 ? failed(&tl->now->s, ret, "a landing")
					       : come_to_end(tl, p);
		}
		if (!code_is_ours(tl, p, p->t.regs.u.rip))
			return has_died(p) ? come_to_end(tl, p) : CAME_ON;
		if (is_in_agent(tl, p))
			ret = run_agent(tl, p);
		else
			ret = step_ours(tl, p);
		if (ret == CAME_ON)
			ret = 0;
	}
	return ret;
}
