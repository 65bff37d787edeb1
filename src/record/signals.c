/*
 * Signals. A synchronous one (a fault) comes at an instruction that replay will execute too: it is
 * delivered at once. Any other is delivered only where replay can find the place: at the end of a
 * system call, before another instruction has run. One that arrives in running code is kept (the
 * stash) and sent again at the next system call, which it then interrupts as it would have.
 *
 * How we know that no instruction has run: the signal was pending, and not blocked, when the task
 * was let go, so the kernel delivers it on the way (the `boundary` set), and the registers are as
 * they were.
 */
#include "record/session.h"

#include "abi/signal.h"
#include "base/clock.h"
#include "base/log.h"

#include <sys/syscall.h>
#include <unistd.h>

#define SIGRTMIN_KERNEL	 32 /* asm/signal.h; libc's SIGRTMIN is higher */
#define BIT(signo)	 (1ULL << ((signo)-1))
#define SYS_SECCOMP_CODE 1 /* asm-generic/siginfo.h, SYS_SECCOMP */

static struct kept_signal *siglist_find(struct siglist *l, int signo)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].si.si_signo == signo)
			return &l->v[i];
	return NULL;
}

/* The kernel queues a standard signal once; so do we. */
static void siglist_add(struct siglist *l, const struct kept_signal *k)
{
	if (k->si.si_signo < SIGRTMIN_KERNEL && siglist_find(l, k->si.si_signo))
		return;
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 4;
		l->v = xrealloc(l->v, l->cap * sizeof(*l->v));
	}
	l->v[l->n++] = *k;
}

static void siglist_remove(struct siglist *l, struct kept_signal *at)
{
	size_t i = at - l->v;

	memmove(at, at + 1, (l->n - i - 1) * sizeof(*at));
	l->n--;
}

/* Signals that stop, and SIGCONT, cancel each other when they are sent (kernel/signal.c,
 * prepare_signal()). */
static void cancel_opposites(struct siglist *l, int signo)
{
	const enum signal_default is = signal_default_action(signo);

	for (size_t i = l->n; i-- > 0;) {
		const enum signal_default kept = signal_default_action(l->v[i].si.si_signo);

		if ((is == SIG_DEFAULT_CONT && kept == SIG_DEFAULT_STOP) ||
		    (is == SIG_DEFAULT_STOP && kept == SIG_DEFAULT_CONT))
			siglist_remove(l, &l->v[i]);
	}
}

void signals_stash(struct rtask *t, const siginfo_t *si)
{
	const struct kept_signal k = {*si, clock_now_ns()};

	siglist_add(&t->stash, &k);
}

void signals_release(struct rtask *t)
{
	free(t->stash.v);
	free(t->raised.v);
	free(t->joined.v);
}

static bool raise_all(struct rtask *t, struct siglist *l)
{
	bool any = false;

	while (l->n) {
		struct kept_signal *k = l->v;

		/* RLIMIT_SIGPENDING may be reached: the rest is sent at the next call. */
		if (task_kill(&t->t, k->si.si_signo))
			break;
		any = true;
		siglist_add(&t->raised, k);
		siglist_remove(l, k);
	}
	return any;
}

bool signals_raise_stash(struct rtask *t)
{
	return raise_all(t, &t->stash);
}

void signals_raise_joined(struct rtask *t)
{
	raise_all(t, &t->joined);
}

/* A signal that we sent again gets back what it said when it came first. */
static void restore_raised(struct rtask *t, siginfo_t *si)
{
	struct kept_signal *kept = siglist_find(&t->raised, si->si_signo);

	t->arrived_ns = 0;

	/* In another PID namespace the sender, us, is seen as 0. */
	if (!kept || si->si_code != SI_TKILL || (si->si_pid != getpid() && si->si_pid))
		return;
	*si = kept->si;
	t->arrived_ns = kept->arrived_ns;
	siglist_remove(&t->raised, kept);
	task_set_siginfo(&t->t, si);
}

void signals_note_boundary(struct rtask *t)
{
	struct signal_state s;
	uint64_t pending;

	t->boundary = 0;
	if (task_pending_signals(&t->t, &pending) || !pending || signal_state(t, &s) ||
	    task_regs(&t->t))
		return;
	t->boundary = pending & ~s.blocked;
	t->boundary_regs = t->t.regs;
}

/* At the end of its last system call, or before that, to make it again; also of one that the agent
 * has made, behind which is a safepoint. */
static bool at_call(const struct rtask *t)
{
	const raddr_t end = t->entry_regs.u.rip;

	if (t->safepoint == t->t.regs.u.rip)
		return true;
	return t->t.regs.u.rip == end || t->t.regs.u.rip == end - SYSCALL_INSN_SIZE;
}

static bool at_boundary(struct rtask *t, const siginfo_t *si)
{
	struct regs *now = &t->t.regs;

	/* A handler may go on from there by a jump of its own (Go's does), which we would not see.
	 * Not from a system call, which must be interrupted where it is. */
	if (inside_window(t) && !at_call(t))
		return false;

	/* A seccomp filter's SIGSYS comes instead of a system call; replay never asks the filter.
	 */
	if (t->interrupted || (si->si_signo == SIGSYS && si->si_code == SYS_SECCOMP_CODE))
		return true;
	return (t->boundary & BIT(si->si_signo)) && regs_equal(&t->boundary_regs, now, false, NULL);
}

enum disposition {
	DISP_DEFAULT,
	DISP_IGNORED,
	DISP_HANDLER,
};

static enum disposition disposition(const struct rtask *t, int signo)
{
	struct signal_state s;

	signal_state(t, &s);
	if (s.caught & BIT(signo))
		return DISP_HANDLER;
	return s.ignored & BIT(signo) ? DISP_IGNORED : DISP_DEFAULT;
}

static void begin_signal_event(struct event_builder *b, struct recorder *rec, struct rtask *t,
			       const siginfo_t *si, const struct regs *before, bool sync)
{
	event_begin(b, rec, t, EV_SIGNAL);
	b->ev.signo = si->si_signo;
	b->ev.siginfo = (struct trace_bytes){si, sizeof(*si)};
	b->ev.synchronous = sync;
	if (t->arrived_ns)
		b->ev.delay_ns = b->ev.time_ns - t->arrived_ns;
	if (before)
		b->ev.regs = (struct trace_bytes){before, sizeof(*before)};
}

/* The end of the call that the signal interrupted. */
static void finish_interrupted(struct recorder *rec, struct rtask *t)
{
	if (!t->interrupted)
		return;
	t->interrupted = false;
	remake_abandon(t);
	/* The signal that interrupted it went to another thread, and the kernel has made ready to
	 * restart the call; this one came then. */
	if (t->t.regs.u.rip == t->entry_regs.u.rip - SYSCALL_INSN_SIZE) {
		log_restart(rec, t);
		return;
	}
	remaining_show(t);
	log_exit(rec, t, t->t.regs.u.rax);
}

/*
 * The frame that the kernel pushed: from the new stack pointer to the end of the floating-point
 * state, which lies above it (arch/x86/kernel/signal.c; the layout of struct ucontext is ABI).
 */
#define FRAME_SIZE	  440 /* return address, ucontext, siginfo */
#define FRAME_FPSTATE_PTR (8 + 40 + 184)
#define FPSTATE_EXT_SIZE  468 /* _fpx_sw_bytes.extended_size */
#define FPSTATE_FXSAVE	  512

static raddr_t frame_end(struct rtask *t, raddr_t sp)
{
	raddr_t fpstate = 0;
	uint32_t size = 0;

	mm_read(t->t.mm, sp + FRAME_FPSTATE_PTR, &fpstate, sizeof(fpstate));
	if (!fpstate)
		return sp + FRAME_SIZE;
	mm_read(t->t.mm, fpstate + FPSTATE_EXT_SIZE, &size, sizeof(size));
	return fpstate + (size > FPSTATE_FXSAVE && size < 65536 ? size : FPSTATE_FXSAVE);
}

/* Let the kernel build the handler's frame; the step ends before the handler's first instruction.
 */
static enum next run_handler(struct recorder *rec, struct rtask *t, siginfo_t *si, bool sync)
{
	struct event_builder b;
	struct regs before;
	int ret;

	finish_interrupted(rec, t);
	before = t->t.regs;
	show_original(t, si);
	ret = task_run(&t->t, PTRACE_SINGLESTEP, si->si_signo);
	if (ret)
		return NEXT_DYING;
	if (t->t.stop.kind != STOP_SIGNAL || t->t.stop.signo != SIGTRAP) {
		/* No room for the frame: the kernel raised SIGSEGV instead. */
		t->frame_failed = true;
		t->frame_of_fault = sync;
		task_set_regs(&t->t, &before);
		return NEXT_AGAIN;
	}
	if (task_regs(&t->t))
		return NEXT_DYING;
	begin_signal_event(&b, rec, t, si, &before, sync);
	b.ev.action = SIGNAL_HANDLER;
	b.ev.regs_after = (struct trace_bytes){&t->t.regs, sizeof(t->t.regs)};
	if (!task_fpregs(&t->t, &rec->fpregs))
		b.ev.fpregs = (struct trace_bytes){rec->fpregs.data, rec->fpregs.len};
	event_add_memory(&b, t, t->t.regs.u.rsp, frame_end(t, t->t.regs.u.rsp) - t->t.regs.u.rsp);
	event_end(&b, t);
	forced_note_handler(t, si->si_signo);
	signals_note_boundary(t);
	return NEXT_USER;
}

static void log_fatal(struct recorder *rec, struct rtask *t, const siginfo_t *si, bool sync,
		      bool exact)
{
	struct event_builder b;

	begin_signal_event(&b, rec, t, si, exact ? &t->t.regs : NULL, sync);
	b.ev.action = SIGNAL_FATAL;
	event_end(&b, t);
}

static bool is_fatal(int signo)
{
	enum signal_default d = signal_default_action(signo);

	return d == SIG_DEFAULT_TERM || d == SIG_DEFAULT_CORE;
}

static bool has_effect(enum disposition d, int signo)
{
	return d == DISP_HANDLER ||
	       (d == DISP_DEFAULT && signal_default_action(signo) != SIG_DEFAULT_IGNORE &&
		signal_default_action(signo) != SIG_DEFAULT_CONT);
}

/* In the middle of running code: it is delivered at the next point that replay can find. */
static enum next after_arrival(struct recorder *rec, struct rtask *t)
{
	int ret;

	if (t->counter)
		return land(rec, t);
	ret = finish_counting(rec, t);
	if (ret < 0)
		return NEXT_DYING;
	if (ret)
		return on_safepoint(rec, t);
	return in_vain(t) && t->stash.n ? search_and_land(rec, t) : NEXT_MIDDLE;
}

enum next on_signal(struct recorder *rec, struct rtask *t)
{
	enum disposition disp;
	siginfo_t si;
	bool sync, exact, frame_failed = t->frame_failed;

	t->frame_failed = false;
	if (t->counter && ticks_is_interrupt(t->counter))
		return on_ticks_interrupt(rec, t);
	if (task_siginfo(&t->t, &si) || task_regs(&t->t))
		return NEXT_DYING;
	if ((si.si_signo == SIGSEGV || si.si_signo == SIGBUS) && buffer_copy_failed(rec, t)) {
		forced_restore(t, si.si_signo);
		return NEXT_MIDDLE;
	}
	restore_raised(t, &si);
	cancel_opposites(&t->stash, si.si_signo);
	if (si.si_signo == SIGSEGV && !frame_failed && insn_emulate(rec, t, &si))
		return NEXT_USER;
	if (si.si_signo == SIGTRAP && at_safepoint(rec, t)) {
		/* The kernel joined ours with the program's own, which is blocked: it is sent again
		 * at a system call, before which nobody can tell. */
		if (si.si_code != SI_KERNEL)
			siglist_add(&t->joined, &(struct kept_signal){si, 0});
		return on_safepoint(rec, t);
	}
	exact = frame_failed || at_boundary(t, &si);
	/* One that was queued before the task ran is no fault, whatever it says of itself. */
	sync = frame_failed ? t->frame_of_fault : !exact && signal_is_synchronous(&si);
	exact |= sync;
	disp = si.si_signo == rec->opt->ignore_signal ? DISP_IGNORED : disposition(t, si.si_signo);
	log_debug("task %d: %s, %s%s", t->t.tid, signal_name(si.si_signo),
		  sync	  ? "synchronous"
		  : exact ? "at a boundary"
			  : "in running code",
		  disp == DISP_HANDLER ? ", handled" : "");
	if (si.si_signo == rec->opt->ignore_signal)
		return NEXT_MIDDLE;
	/* Going on after a fault would only meet it again. */
	if (si.si_signo == rec->opt->continue_through_signal && disp == DISP_DEFAULT && !sync)
		return NEXT_MIDDLE;
	if (!exact && has_effect(disp, si.si_signo)) {
		signals_stash(t, &si);
		return after_arrival(rec, t);
	}
	if (disp == DISP_HANDLER)
		return run_handler(rec, t, &si, sync);
	if (disp == DISP_DEFAULT && is_fatal(si.si_signo))
		/* Inside a call that was interrupted there is no user state to compare. */
		log_fatal(rec, t, &si, sync, exact && !t->interrupted);
	else if (sync)
		BUG("task %d: a fault that is ignored", t->t.tid);
	if (sync)
		show_original(t, &si);
	t->resume_signo = si.si_signo;
	/* One without effect can come anywhere: what is pending behind it must not be taken for
	 * exact.
	 */
	if (exact)
		signals_note_boundary(t);
	return exact ? NEXT_USER : NEXT_MIDDLE;
}
