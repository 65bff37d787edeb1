/*
 * The kernel drops an ignored signal at once, but not one to a traced task: that interrupts a call
 * first. Most calls are restarted by the kernel and nobody knows. Those that return a plain -EINTR
 * (signal(7)) would not have returned natively: they are made again here, unseen by the program,
 * with the time that is left.
 */
#include "record/session.h"

#include "abi/signal.h"
#include "base/clock.h"
#include "base/log.h"

#include <asm/unistd_64.h>
#include <time.h>

#define NSEC 1000000000ULL

enum timeout_kind {
	TIMEOUT_NONE,
	TIMEOUT_MS,
	TIMEOUT_TIMESPEC,
	TIMEOUT_SOCKET, /* SO_RCVTIMEO or SO_SNDTIMEO: begins anew, so the call is remade once only
			 */
};

/* Only calls that have done nothing when they return -EINTR. */
static const struct remakable {
	int nr;
	enum timeout_kind kind;
	int arg;
} remakable[] = {
	{__NR_epoll_wait, TIMEOUT_MS, 3},	  {__NR_epoll_pwait, TIMEOUT_MS, 3},
	{__NR_epoll_pwait2, TIMEOUT_TIMESPEC, 3}, {__NR_semop, TIMEOUT_NONE, 0},
	{__NR_semtimedop, TIMEOUT_TIMESPEC, 3},	  {__NR_msgsnd, TIMEOUT_NONE, 0},
	{__NR_msgrcv, TIMEOUT_NONE, 0},		  {__NR_rt_sigtimedwait, TIMEOUT_TIMESPEC, 2},
	{__NR_io_getevents, TIMEOUT_TIMESPEC, 4}, {__NR_io_pgetevents, TIMEOUT_TIMESPEC, 4},
	{__NR_read, TIMEOUT_SOCKET, 0},		  {__NR_readv, TIMEOUT_SOCKET, 0},
	{__NR_write, TIMEOUT_SOCKET, 0},	  {__NR_writev, TIMEOUT_SOCKET, 0},
	{__NR_accept, TIMEOUT_SOCKET, 0},	  {__NR_accept4, TIMEOUT_SOCKET, 0},
	{__NR_recvfrom, TIMEOUT_SOCKET, 0},	  {__NR_recvmsg, TIMEOUT_SOCKET, 0},
	{__NR_sendto, TIMEOUT_SOCKET, 0},	  {__NR_sendmsg, TIMEOUT_SOCKET, 0},
};

static const struct remakable *find(int nr)
{
	for (size_t i = 0; i < ARRAY_SIZE(remakable); i++)
		if (remakable[i].nr == nr)
			return &remakable[i];
	return NULL;
}

/* Signals interrupted the call, and natively none of them would have. */
static bool only_ignored(struct recorder *rec, struct rtask *t)
{
	struct signal_state s;
	uint64_t due;

	if (signal_state(t, &s))
		return false;
	due = s.pending & ~s.blocked;
	for (int signo = 1; signo <= 64; signo++) {
		uint64_t bit = 1ULL << (signo - 1);
		enum signal_default d = signal_default_action(signo);

		if (!(due & bit) || (s.ignored & bit) || signo == rec->opt->ignore_signal)
			continue;
		if ((s.caught & bit) || (d != SIG_DEFAULT_IGNORE && d != SIG_DEFAULT_CONT))
			return false;
	}
	return due != 0;
}

bool remake_interrupted(struct recorder *rec, struct rtask *t)
{
	const struct remakable *m = find(t->call.nr);
	struct regs *r;

	if (!m || (m->kind == TIMEOUT_SOCKET && t->n_remade) || !only_ignored(rec, t))
		return false;
	log_debug("task %d: %s again", t->t.tid, syscall_name(t->call.arch, t->call.nr));
	t->n_remade++;
	t->interrupted = t->remade = true;
	r = task_regs_modify(&t->t);
	r->u.rip -= SYSCALL_INSN_SIZE;
	r->u.rax = t->call.nr;
	r->u.orig_rax = -1;
	return true;
}

void remake_abandon(struct rtask *t)
{
	struct regs *r;

	if (!t->remade)
		return;
	t->remade = false;
	r = task_regs_modify(&t->t);
	r->u.rip += SYSCALL_INSN_SIZE;
	r->u.rax = -EINTR;
}

static uint64_t left_of(uint64_t total, uint64_t elapsed)
{
	return total > elapsed ? total - elapsed : 0;
}

/* The time that is left of *ts goes to scratch memory: the program's own struct stays as it is. */
static void shorten_timespec(struct rtask *t, int arg, uint64_t elapsed)
{
	struct timespec ts;
	uint64_t left;
	raddr_t at;

	if (!t->call.arg[arg] || mm_read(t->t.mm, t->call.arg[arg], &ts, sizeof(ts)) ||
	    (uint64_t)ts.tv_sec > INT32_MAX)
		return;
	left = left_of(ts.tv_sec * NSEC + ts.tv_nsec, elapsed);
	ts = (struct timespec){left / NSEC, left % NSEC};
	at = scratch_tail(t);
	if (at && !mm_write(t->t.mm, at, &ts, sizeof(ts)))
		regs_set_arg(task_regs_modify(&t->t), arg, at);
}

void remake_entered(struct rtask *t)
{
	const struct remakable *m = find(t->call.nr);
	uint64_t elapsed = clock_now_ns() - t->entered_ns;

	t->remade = false;
	if (m->kind == TIMEOUT_TIMESPEC) {
		shorten_timespec(t, m->arg, elapsed);
	} else if (m->kind == TIMEOUT_MS && (int32_t)t->call.arg[m->arg] > 0) {
		uint64_t ms = left_of(t->call.arg[m->arg] & INT32_MAX, elapsed / 1000000);

		regs_set_arg(task_regs_modify(&t->t), m->arg, ms);
	}
}

void remaining_keep(struct rtask *t)
{
	t->rem.at = t->call.nr == __NR_nanosleep	 ? t->call.arg[1]
		    : t->call.nr == __NR_clock_nanosleep ? t->call.arg[3]
							 : 0;
	if (t->rem.at && mm_read(t->t.mm, t->rem.at, t->rem.before, sizeof(t->rem.before)))
		t->rem.at = 0;
}

void remaining_hide(struct rtask *t)
{
	if (!t->rem.at)
		return;
	mm_read(t->t.mm, t->rem.at, t->rem.written, sizeof(t->rem.written));
	mm_write(t->t.mm, t->rem.at, t->rem.before, sizeof(t->rem.before));
}

void remaining_show(struct rtask *t)
{
	if (t->rem.at)
		mm_write(t->t.mm, t->rem.at, t->rem.written, sizeof(t->rem.written));
}
