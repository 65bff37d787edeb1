/*
 * The SIGSEGV of a trapped rdtsc or cpuid is not the program's, but the kernel forces it like any
 * fault's: where it is blocked or ignored, it is unblocked and its handler becomes SIG_DFL
 * (kernel/signal.c, force_sig_info_to_task). So the handler and the mask's bit are kept here, as
 * the program's calls set them, and put back when the instruction has been emulated.
 */
#include "record/session.h"

#include "base/log.h"

#include <asm/unistd_64.h>
#include <linux/sched.h>

#define SEGV_BIT (1ULL << (SIGSEGV - 1))
#define ACTION_SIZE \
	32 /* struct sigaction of asm/signal.h; the handler is its first word, then the flags */

struct sighand {
	int refs; /* tasks that share it (CLONE_SIGHAND) */
	struct segv_action action;
};

static void put(struct sighand *h)
{
	if (h && !--h->refs)
		free(h);
}

static void set_new(struct rtask *t, const struct segv_action *action)
{
	put(t->sighand);
	t->sighand = xcalloc(1, sizeof(*t->sighand));
	t->sighand->refs = 1;
	t->sighand->action = *action;
}

static bool is_handler(raddr_t handler)
{
	return handler != (uintptr_t)SIG_DFL && handler != (uintptr_t)SIG_IGN;
}

void segv_release(struct rtask *t)
{
	put(t->sighand);
}

void segv_exec(struct rtask *t)
{
	struct segv_action action = {0};
	struct signal_state s;

	signal_state(t, &s);
	if (s.ignored & SEGV_BIT)
		action.handler = (uintptr_t)SIG_IGN;
	set_new(t, &action);
	t->segv_blocked = s.blocked & SEGV_BIT;
}

void segv_clone(struct rtask *t, struct rtask *child, uint64_t flags)
{
	struct segv_action action = t->sighand->action;

	child->segv_blocked = t->segv_blocked;
	if (flags & CLONE_SIGHAND) {
		child->sighand = t->sighand;
		child->sighand->refs++;
		return;
	}
	if ((flags & CLONE_CLEAR_SIGHAND) && is_handler(action.handler))
		action = (struct segv_action){0};
	set_new(child, &action);
}

void segv_note_entry(struct rtask *t)
{
	/* At the exit the old action may lie over it. */
	if (t->call.nr == __NR_rt_sigaction && t->call.arg[0] == SIGSEGV && t->call.arg[1])
		mm_read(t->t.mm, t->call.arg[1], &t->new_segv, sizeof(t->new_segv));
}

void segv_note_mask(struct rtask *t)
{
	uint64_t mask;

	if (!task_sigmask(&t->t, &mask))
		t->segv_blocked = mask & SEGV_BIT;
}

void segv_note_exit(struct rtask *t)
{
	switch (t->call.nr) {
	case __NR_rt_sigaction:
		if (!t->call.ret && t->call.arg[0] == SIGSEGV && t->call.arg[1])
			t->sighand->action = t->new_segv;
		break;
	case __NR_rt_sigprocmask:
	case __NR_rt_sigreturn:
		segv_note_mask(t);
		break;
	}
}

void segv_note_handler(struct rtask *t, int signo)
{
	if (signo == SIGSEGV && (t->sighand->action.flags & SA_RESETHAND))
		t->sighand->action.handler = (uintptr_t)SIG_DFL;
	segv_note_mask(t);
}

/* The kernel changed the handler only: read the whole action, and set it with that. */
static void restore_handler(struct rtask *t)
{
	/* Its own page of the stack: writable, and nobody looks before it is as it was. */
	const raddr_t at = page_floor(t->t.regs.u.rsp);
	uint8_t saved[ACTION_SIZE];
	int64_t result = -EFAULT;

	if (!filter_allows_remote(t) || mm_read(t->t.mm, at, saved, sizeof(saved)))
		return;
	if (!task_remote_syscall(&t->t, &result, __NR_rt_sigaction,
				 REMOTE_ARGS(SIGSEGV, 0, at, sizeof(uint64_t))) &&
	    !result && !mm_write(t->t.mm, at, &t->sighand->action.handler, sizeof(raddr_t)))
		task_remote_syscall(&t->t, &result, __NR_rt_sigaction,
				    REMOTE_ARGS(SIGSEGV, at, 0, sizeof(uint64_t)));
	mm_write(t->t.mm, at, saved, sizeof(saved));
	if (result)
		warn("task %d: its SIGSEGV handler is lost: %s", t->t.tid, strerror(-result));
}

void segv_restore(struct rtask *t)
{
	const raddr_t handler = t->sighand->action.handler;
	uint64_t mask;

	if (handler == (uintptr_t)SIG_IGN || (t->segv_blocked && is_handler(handler)))
		restore_handler(t);
	if (t->segv_blocked && !task_sigmask(&t->t, &mask))
		task_set_sigmask(&t->t, mask | SEGV_BIT);
}
