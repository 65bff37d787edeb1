/*
 * The landing algorithm: come near by the source's interrupt, then from hit to hit of a breakpoint
 * at the point's address; where there are many hits, the task compares itself (compare.c).
 *
 * A point in the middle of a repeated string instruction is no address of its own: it is hit once,
 * before the first round. The rounds up to the point are then done at full speed, by letting the
 * instruction have a count that ends there (finish_rounds()).
 */
#include "ticks/landing.h"

#include "abi/signal.h"
#include "base/log.h"
#include "task/debug.h"
#include "ticks/gpr.h"
#include "ticks/landing_impl.h"
#include "ticks/pmu.h"
#include "ticks/window.h"

#include <asm/unistd_64.h>
#include <errno.h>

/* Copy what can be read, page by page. */
static void read_stack(struct task *t, uint8_t *out)
{
	raddr_t addr = t->regs.u.rsp - LANDING_BELOW, end = addr + LANDING_STACK;

	memset(out, 0, LANDING_STACK);
	while (addr < end) {
		size_t n = min_u64(end, page_floor(addr) + PAGE_SIZE_BYTES) - addr;

		mm_read_some(t->mm, addr, out, n);
		addr += n;
		out += n;
	}
}

int landing_capture(struct landing_point *p, struct task *t, struct ticks_counter *c)
{
	int ret = task_regs(t);

	if (ret)
		return ret;
	p->regs = t->regs;
	p->ticks = 0;
	p->n_words = 0;
	read_stack(t, p->stack);
	return c ? ticks_read(c, &p->ticks) : 0;
}

static bool stack_equal(const struct landing_point *p, struct task *t)
{
	uint8_t now[LANDING_STACK];

	read_stack(t, now);
	return !memcmp(now, p->stack, sizeof(now));
}

static bool words_equal(const struct landing_point *p, struct task *t)
{
	for (size_t i = 0; i < p->n_words; i++) {
		uint64_t now;

		if (mm_read(t->mm, p->words[i].addr, &now, sizeof(now)) || now != p->words[i].value)
			return false;
	}
	return true;
}

int landing_matches(const struct landing_point *p, struct task *t)
{
	int ret = task_regs(t);

	if (ret)
		return ret;
	return t->regs.u.rip == p->regs.u.rip && regs_equal(&p->regs, &t->regs, false, NULL) &&
	       stack_equal(p, t) && words_equal(p, t);
}

bool landing_meets_watch(struct landing *l)
{
	unsigned int slots;

	if (task_debug_trap(l->t) == DEBUG_NO_TRAP || task_debug_hits(l->t, &slots))
		return false;
	l->way->watched |= slots & ((1u << l->way->slot) - 1);
	return l->way->watched != 0;
}

static int resume(struct landing *l)
{
	int ret;

	if (l->c)
		return ticks_run(l->c, PTRACE_SYSEMU, 0);
	ret = task_run(l->t, PTRACE_SYSEMU, 0);
	return ret;
}

bool landing_is_own_signal(struct task *t)
{
	siginfo_t si;

	return !task_siginfo(t, &si) && signal_is_synchronous(&si);
}

int landing_go(struct landing *l)
{
	struct task *t = l->t;

	for (;;) {
		int ret = resume(l);

		if (ret)
			return ret;
		switch (t->stop.kind) {
		case STOP_SYSCALL:
			t->call_stop = CALL_SYSEMU;
			return ARRIVED_OTHER;
		case STOP_EVENT:
		case STOP_EXITED:
			return ARRIVED_OTHER;
		case STOP_SIGNAL:
			if (l->c && ticks_is_interrupt(l->c))
				return ARRIVED_INTERRUPT;
			if (task_debug_trap(t) == DEBUG_BREAKPOINT)
				return landing_meets_watch(l) ? ARRIVED_OTHER : ARRIVED_BREAKPOINT;
			if (landing_is_own_signal(t))
				return ARRIVED_OTHER;
			break;
		case STOP_NONE:
		case STOP_GROUP:
		case STOP_TRAP:
			break;
		}
		l->stats.others++;
	}
}

/* --- repeated string instructions --- */

/* movs, stos, lods, ins, outs: their state is in rcx, rsi and rdi alone. (cmps and scas end by what
 * they find.) */
static bool rounds_are_independent(const struct insn *insn)
{
	switch (insn->opcode & 0xfe) {
	case 0xa4:
	case 0xaa:
	case 0xac:
		return true;
	}
	return false;
}

/* Whether the state is the point's, but for rounds that are still to be done: how many. */
static uint64_t rounds_ahead(const struct landing *l)
{
	struct regs now = l->t->regs;
	const struct user_regs_struct *to = &l->p->regs.u;

	if (now.u.rip != to->rip || now.u.rcx <= to->rcx)
		return 0;
	now.u.rcx = to->rcx;
	now.u.rsi = to->rsi;
	now.u.rdi = to->rdi;
	/* cmps and scas set flags in each round. */
	now.u.eflags = to->eflags;
	return regs_equal(&l->p->regs, &now, false, NULL) ? l->t->regs.u.rcx - to->rcx : 0;
}

static int step_rounds(struct landing *l, uint64_t rounds)
{
	struct insn insn;
	int ret = STEP_DONE;

	while (rounds-- && ret == STEP_DONE) {
		bool arrival;

		ret = task_step(l->t, 0, true, &insn);
		arrival = ret == STEP_STOPPED && l->t->stop.kind == STOP_SIGNAL &&
			  !landing_is_own_signal(l->t);
		l->stats.others += arrival;
		if (ret == STEP_BREAKPOINT || arrival) {
			ret = STEP_DONE;
			rounds++;
		}
		if (ret == STEP_DONE && !(ret = task_regs(l->t)))
			ret = l->t->regs.u.rip == l->p->regs.u.rip ? STEP_DONE : STEP_STOPPED;
	}
	return ret < 0 ? ret : ret == STEP_DONE;
}

/* Let the instruction do `rounds`, and go back to its beginning. */
static int do_rounds(struct landing *l, const struct insn *insn, uint64_t rounds)
{
	struct task *t = l->t;
	const uint64_t left = t->regs.u.rcx - rounds;
	const raddr_t start = l->p->regs.u.rip;
	int ret = 0;

	task_regs_modify(t)->u.rcx = rounds;
	while (!ret && t->regs.u.rip == start) {
		struct insn same;

		ret = task_step(t, 0, false, &same);
		if (ret == STEP_STOPPED &&
		    (t->stop.kind != STOP_SIGNAL || landing_is_own_signal(t)))
			return 0;
		if (ret == STEP_STOPPED)
			l->stats.others++;
		if (ret >= 0)
			ret = task_regs(t);
	}
	if (ret)
		return ret;
	if (t->regs.u.rip != start + insn->length)
		return 0;
	task_regs_modify(t)->u.rcx = left;
	t->regs.u.rip = start;
	return 1;
}

/* 1: the rounds up to the point are done; 0: there are none, or it cannot be; or -errno. */
static int finish_rounds(struct landing *l)
{
	uint64_t rounds = rounds_ahead(l);
	struct insn insn;
	int ret;

	if (!rounds)
		return 0;
	if ((ret = task_insn(l->t, &insn)) || insn.class != INSN_REPEAT)
		return ret;
	return rounds_are_independent(&insn) ? do_rounds(l, &insn, rounds) : step_rounds(l, rounds);
}

/* --- from hit to hit --- */

int landing_is_there(struct landing *l)
{
	ticks_t now;
	int ret;

	if (l->c) {
		ret = ticks_read(l->c, &now);
		if (ret || now != l->p->ticks)
			return ret;
	}
	ret = landing_matches(l->p, l->t);
	if (ret)
		return ret;
	ret = finish_rounds(l);
	return ret == 1 ? landing_matches(l->p, l->t) : ret;
}

/* The interrupt that tells that the point was missed. */
static int program_end(struct landing *l)
{
	ticks_t now, after;
	int ret = ticks_read(l->c, &now);

	if (ret)
		return ret;
	if (now > l->p->ticks)
		return LANDING_PASSED;
	after = l->p->ticks - now + 1;
	return ticks_program(l->c, max_u64(after, l->c->source->min_period));
}

/* Hits after which it is worth it. */
#define COMPARE_AFTER 8

static bool may_compare(const struct landing *l)
{
	return !l->c && !l->no_compare && l->stats.hits >= COMPARE_AFTER &&
	       l->t->regs.u.rip == l->p->regs.u.rip;
}

static bool is_limit(const struct landing *l)
{
	return l->way->limit && l->way->passes >= l->way->limit;
}

/* To the next hit. One at which the task is already was counted. */
static int next_hit(struct landing *l)
{
	int ret;

	if (l->way->counts && l->t->regs.u.rip == l->p->regs.u.rip &&
	    task_set_resume_flag(l->t, true))
		return -ESRCH;
	ret = landing_go(l);
	if (ret != ARRIVED_BREAKPOINT)
		return ret;
	l->stats.hits++;
	l->way->passes++;
	return ret;
}

static int hit_by_hit(struct landing *l)
{
	const unsigned int slot = l->way->slot;
	int ret = l->c ? program_end(l) : 0;

	if (!ret)
		ret = task_debug_set(l->t, slot, DEBUG_EXECUTE, l->p->regs.u.rip, 1);
	while (!ret) {
		ret = landing_is_there(l);
		if (ret)
			return ret < 0 ? ret : LANDED;
		if (is_limit(l))
			return LANDING_LIMIT;
		if (l->t->regs.u.rip == l->p->regs.u.rip)
			compare_note(l);
		if (may_compare(l)) {
			task_debug_clear(l->t, slot);
			ret = compare_run(l);
			if (ret != ARRIVED_BREAKPOINT)
				return ret;
			ret = task_debug_set(l->t, slot, DEBUG_EXECUTE, l->p->regs.u.rip, 1);
			continue;
		}
		ret = next_hit(l);
		if (ret < 0)
			return ret;
		if (ret == ARRIVED_OTHER)
			return LANDING_STOPPED;
		/* An interrupt that was asked for earlier may still come. */
		ret = l->c && ret == ARRIVED_INTERRUPT ? program_end(l) : 0;
	}
	return ret;
}

/* --- coming near --- */

/* Up to where the interrupt cannot be too late: 0, or how the landing ended, or -errno. */
static int approach(struct landing *l)
{
	const struct ticks_source *s = l->c->source;

	for (;;) {
		ticks_t now, left;
		int ret = ticks_read(l->c, &now);

		if (ret)
			return ret;
		if (now > l->p->ticks)
			return LANDING_PASSED;
		left = l->p->ticks - now;
		if (left < s->skid + s->min_period)
			return 0;
		ret = ticks_program(l->c, left - s->skid);
		if (!ret)
			ret = landing_go(l);
		if (ret < 0)
			return ret;
		if (ret != ARRIVED_INTERRUPT)
			return LANDING_STOPPED;
		l->stats.interrupts++;
	}
}

/* A replayed thread was made with all signals blocked; its mask is of no other use. */
static int accept_interrupts(struct task *t)
{
	uint64_t mask;
	int ret = task_sigmask(t, &mask);

	if (ret || !(mask & PMU_SIGNAL_BIT))
		return ret;
	return task_set_sigmask(t, mask & ~PMU_SIGNAL_BIT);
}

static int run(struct landing *l, struct landing_stats *stats)
{
	const struct landing_point *p = l->p;
	struct task *t = l->t;
	int ret = accept_interrupts(t);

	if (!ret && l->c)
		ret = approach(l);
	if (!ret)
		ret = hit_by_hit(l);
	log_debug("task %d: landing %d at 0x%llx: %llu hits, %llu interrupts, %llu signals", t->tid,
		  ret, (unsigned long long)p->regs.u.rip, (unsigned long long)l->stats.hits,
		  (unsigned long long)l->stats.interrupts, (unsigned long long)l->stats.others);
	if (stats)
		*stats = l->stats;
	if (ret < 0 || t->stop.kind == STOP_EXITED)
		return ret;
	task_debug_clear(t, l->way->slot);
	if (l->c)
		ticks_program(l->c, TICKS_NO_INTERRUPT);
	/* RF is of the breakpoint; set in the recording too, if that stopped for one. */
	if (ret == LANDED && task_set_resume_flag(t, p->regs.u.eflags & FLAG_RESUME))
		return -ESRCH;
	if (ret == LANDING_LIMIT && task_set_resume_flag(t, false))
		return -ESRCH;
	return ret;
}

#define ALL_GPRS ((1u << N_GPRS) - 1)

int landing_run(struct task *t, struct ticks_counter *c, const struct landing_point *p,
		struct landing_stats *stats)
{
	struct landing_way way = {0};
	struct landing l = {.t = t, .c = c, .p = p, .differ = ALL_GPRS, .way = &way};

	return run(&l, stats);
}

int landing_run_way(struct task *t, const struct landing_point *p, struct landing_way *way)
{
	struct landing l = {.t = t, .p = p, .differ = ALL_GPRS, .way = way};
	int ret;

	way->watched = 0;
	if (way->hot)
		l.stats.hits = COMPARE_AFTER;
	ret = run(&l, NULL);
	way->hot = l.stats.hits >= COMPARE_AFTER;
	return ret;
}

int landing_way_end(struct task *t, struct landing_way *way)
{
	int64_t result;
	raddr_t map = way->map;

	way->map = 0;
	if (!map || t->stop.kind != STOP_SIGNAL)
		return 0;
	return task_remote_syscall(t, &result, __NR_munmap, REMOTE_ARGS(map, COMPARE_MAP_SIZE));
}
