/*
 * The SIGSEGV of a trapped rdtsc or cpuid and the SIGTRAP of a safepoint are not the program's, but
 * the kernel forces them like any fault's: where one is blocked or ignored, it is unblocked and its
 * handler becomes SIG_DFL (kernel/signal.c, force_sig_info_to_task). So the handlers and the mask's
 * bits are kept here, as the program's calls set them, and put back when the trap was dealt with.
 */
#include "record/session.h"

#include "abi/signal.h"
#include "base/log.h"

#include <asm/unistd_64.h>
#include <linux/sched.h>

#define BIT(signo) (1ULL << ((signo)-1))
#define FORCED	   (BIT(SIGSEGV) | BIT(SIGTRAP))
#define ACTION_SIZE \
	32 /* struct sigaction of asm/signal.h; the handler is its first word, then the flags */

struct sighand {
	int refs; /* tasks that share it (CLONE_SIGHAND) */
	struct forced_action action[N_FORCED];
};

/* The place of a signal in these arrays; -1: we do not force it. */
static int place_of(int signo)
{
	return signo == SIGSEGV ? 0 : signo == SIGTRAP ? 1 : -1;
}
static const int forced_signals[N_FORCED] = {SIGSEGV, SIGTRAP};

static void put(struct sighand *h)
{
	if (h && !--h->refs)
		free(h);
}

static void set_new(struct rtask *t, const struct forced_action action[])
{
	put(t->sighand);
	t->sighand = xcalloc(1, sizeof(*t->sighand));
	t->sighand->refs = 1;
	memcpy(t->sighand->action, action, sizeof(t->sighand->action));
}

static bool is_handler(raddr_t handler)
{
	return handler != (uintptr_t)SIG_DFL && handler != (uintptr_t)SIG_IGN;
}

void forced_release(struct rtask *t)
{
	put(t->sighand);
}

void forced_exec(struct rtask *t)
{
	struct forced_action action[N_FORCED] = {0};
	struct signal_state s;

	signal_state(t, &s);
	for (int i = 0; i < N_FORCED; i++)
		if (s.ignored & BIT(forced_signals[i]))
			action[i].handler = (uintptr_t)SIG_IGN;
	set_new(t, action);
	t->forced_blocked = s.blocked & FORCED;
}

void forced_clone(struct rtask *t, struct rtask *child, uint64_t flags)
{
	struct forced_action action[N_FORCED];

	child->forced_blocked = t->forced_blocked;
	if (flags & CLONE_SIGHAND) {
		child->sighand = t->sighand;
		child->sighand->refs++;
		return;
	}
	memcpy(action, t->sighand->action, sizeof(action));
	for (int i = 0; i < N_FORCED; i++)
		if ((flags & CLONE_CLEAR_SIGHAND) && is_handler(action[i].handler))
			action[i] = (struct forced_action){0};
	set_new(child, action);
}

void forced_note_entry(struct rtask *t)
{
	/* At the exit the old action may lie over it. */
	if (t->call.nr == __NR_rt_sigaction && place_of(t->call.arg[0]) >= 0 && t->call.arg[1])
		mm_read(t->t.mm, t->call.arg[1], &t->new_action, sizeof(t->new_action));
}

void forced_note_mask(struct rtask *t)
{
	uint64_t mask;

	if (!task_sigmask(&t->t, &mask))
		t->forced_blocked = mask & FORCED;
}

void forced_note_blocked(struct rtask *t, uint64_t blocked)
{
	t->forced_blocked = blocked & FORCED;
}

void forced_note_exit(struct rtask *t)
{
	switch (t->call.nr) {
	case __NR_rt_sigaction:
		if (!t->call.ret && place_of(t->call.arg[0]) >= 0 && t->call.arg[1])
			t->sighand->action[place_of(t->call.arg[0])] = t->new_action;
		break;
	case __NR_rt_sigprocmask:
	case __NR_rt_sigreturn:
		forced_note_mask(t);
		break;
	}
}

void forced_note_handler(struct rtask *t, int signo)
{
	int i = place_of(signo);

	if (i >= 0 && (t->sighand->action[i].flags & SA_RESETHAND))
		t->sighand->action[i].handler = (uintptr_t)SIG_DFL;
	forced_note_mask(t);
}

/* The kernel changed the handler only: read the whole action, and set it with that. */
static void restore_handler(struct rtask *t, int signo, raddr_t handler)
{
	/* Its own page of the stack: writable, and nobody looks before it is as it was. */
	const raddr_t at = page_floor(t->t.regs.u.rsp);
	uint8_t saved[ACTION_SIZE];
	int64_t result = -EFAULT;

	if (!filter_allows_remote(t) || mm_read(t->t.mm, at, saved, sizeof(saved)))
		return;
	if (!task_remote_syscall(&t->t, &result, __NR_rt_sigaction,
				 REMOTE_ARGS(signo, 0, at, sizeof(uint64_t))) &&
	    !result && !mm_write(t->t.mm, at, &handler, sizeof(handler)))
		task_remote_syscall(&t->t, &result, __NR_rt_sigaction,
				    REMOTE_ARGS(signo, at, 0, sizeof(uint64_t)));
	mm_write(t->t.mm, at, saved, sizeof(saved));
	if (result)
		warn("task %d: its %s handler is lost: %s", t->t.tid, signal_name(signo),
		     strerror(-result));
}

void forced_restore(struct rtask *t, int signo)
{
	const raddr_t handler = t->sighand->action[place_of(signo)].handler;
	const bool blocked = t->forced_blocked & BIT(signo);
	uint64_t mask;

	if (handler == (uintptr_t)SIG_IGN || (blocked && is_handler(handler)))
		restore_handler(t, signo, handler);
	if (blocked && !task_sigmask(&t->t, &mask))
		task_set_sigmask(&t->t, mask | BIT(signo));
}
