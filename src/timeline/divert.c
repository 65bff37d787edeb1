/*
 * Diversions: a copy of the session in which a debugger may do as it likes. One task runs, freely;
 * nothing that it does is compared with the recording, and all of it is thrown away.
 *
 * Its system calls are skipped by the kernel, and answered here. Those about its memory are made
 * for it, as those are that ask and change nothing; writes to the standard output and error are
 * shown; whatever would reach further fails with ENOSYS. The agent is passed by.
 */
#include "abi/signal.h"
#include "base/io.h"
#include "base/log.h"
#include "task/debug.h"
#include "timeline/internal.h"

#include <asm/unistd_64.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct divert {
	struct snapshot *origin;
	pid_t tid;
	bool over; /* the process has ended */
};

/* --- beginning and end --- */

struct snapshot *divert_origin(const struct timeline *tl)
{
	return tl->divert->origin;
}

int timeline_divert(struct timeline *tl, pid_t tid)
{
	struct snapshot *copy;
	struct ptask *p;

	if (tl->divert)
		return -EBUSY;
	if (tl->failed)
		return -EIO;
	p = ptask_find(&tl->now->s, tid);
	if (!p || p->dead)
		return -ESRCH;
	if (snapshot_take(tl, &copy))
		return -EIO;
	tl->divert = xcalloc(1, sizeof(*tl->divert));
	tl->divert->origin = tl->now;
	tl->divert->tid = tid;
	snapshot_activate(tl, copy);
	return 0;
}

void timeline_divert_end(struct timeline *tl)
{
	struct snapshot *copy = tl->now;

	if (!tl->divert)
		return;
	snapshot_activate(tl, tl->divert->origin);
	snapshot_free(copy);
	free(tl->divert);
	tl->divert = NULL;
}

bool timeline_diverted(const struct timeline *tl)
{
	return tl->divert;
}

/* --- changing --- */

static int find_diverted(struct timeline *tl, pid_t tid, struct ptask **p)
{
	if (!tl->divert)
		return -EPERM;
	*p = ptask_find(&tl->now->s, tid);
	return *p && !(*p)->dead && !tl->divert->over ? 0 : -ESRCH;
}

int timeline_set_regs(struct timeline *tl, pid_t tid, const struct regs *r)
{
	struct ptask *p;
	struct regs new = *r;
	raddr_t ip;
	int ret = find_diverted(tl, tid, &p);

	if (!ret)
		ret = task_regs(&p->t);
	if (ret)
		return ret;
	/* Who did not change the address goes on where that is executed. */
	ip = p->t.regs.u.rip;
	new.u.rip = code_original(tl, p, ip) == r->u.rip
			    ? ip
			    : image_space_entry(code_space(tl, p), r->u.rip);
	new.u.orig_rax = -1;
	task_set_regs(&p->t, &new);
	return 0;
}

int timeline_set_fpregs(struct timeline *tl, pid_t tid, const void *data, size_t n)
{
	struct ptask *p;
	int ret = find_diverted(tl, tid, &p);

	return ret ? ret : task_set_fpregs(&p->t, data, n);
}

int timeline_write(struct timeline *tl, pid_t tid, raddr_t addr, const void *buf, size_t n)
{
	struct ptask *p;
	int ret = find_diverted(tl, tid, &p);

	if (ret)
		return ret;
	breaks_remove(tl);
	return mm_write(p->t.mm, addr, buf, n);
}

/* --- system calls --- */

enum answer {
	ANSWERED, /* *result */
	ENDS,	  /* the run stops, as *stop says */
};

static int64_t make(struct ptask *p, const struct abi_call *call)
{
	int64_t result;

	return task_remote_syscall(&p->t, &result, call->nr, call->arg) ? -ENOSYS : result;
}

static bool touches_ours(const struct abi_call *call)
{
	return overlaps_ours(call->arg[0], call->arg[0] + call->arg[1]);
}

static int64_t answer_brk(struct ptask *p, const struct abi_call *call)
{
	raddr_t old = page_ceil(p->t.mm->brk), new = page_ceil(call->arg[0]);
	struct abi_call map = {.nr = __NR_mmap};

	if (!p->t.mm->brk || !call->arg[0] || new < old)
		return p->t.mm->brk;
	memcpy(map.arg,
	       REMOTE_ARGS(old, new - old, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
	       sizeof(map.arg));
	if (new > old && make(p, &map) != (int64_t)old)
		return p->t.mm->brk;
	p->t.mm->brk = call->arg[0];
	return p->t.mm->brk;
}

static int64_t show(struct ptask *p, int fd, raddr_t addr, uint64_t n)
{
	struct buf text = BUF_INIT;
	size_t got;

	n = min_u64(n, 1 << 20);
	got = mm_read_some(p->t.mm, addr, buf_reserve(&text, n), n);
	write_full(fd, text.data, got);
	buf_release(&text);
	return got || !n ? (int64_t)got : -EFAULT;
}

static bool is_output(const struct abi_call *call)
{
	return call->arg[0] == STDOUT_FILENO || call->arg[0] == STDERR_FILENO;
}

static int64_t answer_writev(struct ptask *p, const struct abi_call *call)
{
	int64_t sum = 0;

	for (uint64_t i = 0; i < min_u64(call->arg[2], 1024); i++) {
		uint64_t v[2]; /* struct iovec */
		int64_t n;

		if (mm_read(p->t.mm, call->arg[1] + i * sizeof(v), v, sizeof(v)))
			return -EFAULT;
		n = show(p, (int)call->arg[0], v[0], v[1]);
		if (n < 0)
			return n;
		sum += n;
	}
	return sum;
}

static int64_t clear_old_mask(struct ptask *p, const struct abi_call *call)
{
	static const uint64_t none;

	if (call->arg[2])
		mm_write(p->t.mm, call->arg[2], &none, sizeof(none));
	return 0;
}

static int64_t answer_call(struct ptask *p, const struct abi_call *call)
{
	switch (call->nr) {
	case __NR_write:
		return is_output(call) ? show(p, (int)call->arg[0], call->arg[1], call->arg[2])
				       : -ENOSYS;
	case __NR_writev:
		return is_output(call) ? answer_writev(p, call) : -ENOSYS;
	case __NR_brk:
		return answer_brk(p, call);
	case __NR_mmap:
		return call->arg[3] & MAP_ANONYMOUS && !touches_ours(call) ? make(p, call)
									   : -ENOSYS;
	case __NR_munmap:
	case __NR_mprotect:
	case __NR_mremap:
	case __NR_madvise:
		return touches_ours(call) ? -EINVAL : make(p, call);
	case __NR_clock_gettime:
	case __NR_clock_getres:
	case __NR_gettimeofday:
	case __NR_time:
	case __NR_times:
	case __NR_getrandom:
	case __NR_getrusage:
	case __NR_sysinfo:
	case __NR_uname:
	case __NR_getuid:
	case __NR_geteuid:
	case __NR_getgid:
	case __NR_getegid:
		return make(p, call);
	case __NR_fstat: /* stdio asks what it writes to */
	case __NR_newfstatat:
		return call->arg[0] <= STDERR_FILENO ? make(p, call) : -ENOSYS;
	case __NR_getpid:
		return p->group->rec_tgid;
	case __NR_gettid:
		return p->rec_tid;
	case __NR_futex: /* those who would wake it do not run */
		return (call->arg[1] & FUTEX_CMD_MASK) == FUTEX_WAKE ? 0 : -EAGAIN;
	case __NR_rt_sigprocmask:
		return clear_old_mask(p, call);
	case __NR_rt_sigaction:
	case __NR_sched_yield:
	case __NR_nanosleep:
	case __NR_clock_nanosleep:
	case __NR_set_robust_list:
		return 0;
	case __NR_fork:
	case __NR_vfork:
	case __NR_clone:
	case __NR_clone3:
		return -EAGAIN;
	default:
		return -ENOSYS;
	}
}

static enum answer answer(struct timeline *tl, struct ptask *p, struct timeline_stop *stop)
{
	struct abi_call call;
	int64_t result;

	p->t.call_stop = CALL_SYSEMU;
	if (task_regs(&p->t))
		return ENDS;
	regs_to_call(&p->t.regs, &call);
	if (call.nr == __NR_exit || call.nr == __NR_exit_group) {
		*stop = (struct timeline_stop){.reason = TIMELINE_STOP_EXIT,
					       .tid = p->rec_tid,
					       .status = (int)(call.arg[0] & 0xff) << 8};
		tl->divert->over = true;
		return ENDS;
	}
	if (call.nr == __NR_kill || call.nr == __NR_tkill || call.nr == __NR_tgkill) {
		*stop = (struct timeline_stop){
			.reason = TIMELINE_STOP_SIGNAL,
			.tid = p->rec_tid,
			.signo = (int)call.arg[call.nr == __NR_tgkill ? 2 : 1]};
		result = 0;
	} else {
		stop->reason = TIMELINE_STOP_STEP;
		result = answer_call(p, &call);
	}
	leave_call(tl, p);
	if (!task_regs(&p->t)) {
		task_regs_modify(&p->t)->u.rax = result;
		p->t.regs.u.orig_rax = -1;
	}
	return stop->reason == TIMELINE_STOP_SIGNAL ? ENDS : ANSWERED;
}

/* --- running --- */

static bool is_own_signal(struct ptask *p, siginfo_t *si)
{
	return p->t.stop.kind == STOP_SIGNAL && !task_siginfo(&p->t, si) &&
	       signal_is_synchronous(si);
}

static bool ended(struct timeline *tl, struct ptask *p, struct timeline_stop *stop)
{
	if (p->t.stop.kind != STOP_EXITED && p->t.stop.kind != STOP_EVENT)
		return false;
	tl->divert->over = true;
	*stop = (struct timeline_stop){
		.reason = TIMELINE_STOP_EXIT, .tid = p->rec_tid, .status = p->t.stop.status};
	return true;
}

static bool signal_stop(struct timeline *tl, struct ptask *p, const siginfo_t *si,
			struct timeline_stop *stop)
{
	*stop = (struct timeline_stop){
		.reason = TIMELINE_STOP_SIGNAL, .tid = p->rec_tid, .signo = si->si_signo};
	buf_clear(&tl->siginfo);
	buf_add(&tl->siginfo, si, sizeof(*si));
	return true;
}

/* A SIGTRAP: whether it is to be stopped for. */
static bool meet_trap(struct timeline *tl, struct ptask *p, const siginfo_t *si,
		      struct timeline_stop *stop)
{
	const struct inserted *in;
	raddr_t go_on;

	if (task_debug_trap(&p->t) != DEBUG_NO_TRAP)
		return false;
	if (task_regs(&p->t))
		return true;
	in = breaks_at(tl, p, p->t.regs.u.rip - 1);
	if (in) {
		task_regs_modify(&p->t)->u.rip--;
		return breaks_execute(tl, p, in->logical, stop);
	}
	if (!code_trap(tl, p, p->t.regs.u.rip - 1, &go_on))
		return signal_stop(tl, p, si, stop);
	task_regs_modify(&p->t)->u.rip = go_on;
	return false;
}

/* After a stop of the task: whether the run ends. */
static bool meet(struct timeline *tl, struct ptask *p, struct timeline_stop *stop)
{
	siginfo_t si;

	if (ended(tl, p, stop))
		return true;
	if (p->t.stop.kind == STOP_SYSCALL)
		return answer(tl, p, stop) == ENDS;
	if (!is_own_signal(p, &si))
		return false;
	return si.si_signo == SIGTRAP ? meet_trap(tl, p, &si, stop) : signal_stop(tl, p, &si, stop);
}

static bool resume(struct timeline *tl, struct ptask *p, int how, struct timeline_stop *stop)
{
	struct session *s = &tl->now->s;

	agent_enable(&s->agent, false, false);
	soft_ticks_grant(&s->ticks, &p->ticks, tl->slice_ticks);
	if (task_run(&p->t, how, 0)) {
		*stop = (struct timeline_stop){.reason = TIMELINE_STOP_EXIT, .tid = p->rec_tid};
		tl->divert->over = true;
		return true;
	}
	soft_ticks_settle(&s->ticks, &p->ticks);
	return meet(tl, p, stop);
}

/* One instruction, and what of ours lies behind it. */
static bool step(struct timeline *tl, struct ptask *p, struct timeline_stop *stop)
{
	bool done;

	breaks_remove(tl);
	do {
		struct insn insn;
		int how = PTRACE_SINGLESTEP;

		if (task_insn(&p->t, &insn))
			return ended(tl, p, stop);
		/* From the entry of a call that is skipped a step would be to its exit. */
		if (insn.class == INSN_SYSCALL)
			how = PTRACE_SYSEMU;
		done = resume(tl, p, how, stop);
	} while (!done && !task_regs(&p->t) && code_is_ours(tl, p, p->t.regs.u.rip));
	return done;
}

static void run_on(struct timeline *tl, struct ptask *p, struct timeline_stop *stop)
{
	bool done = step(tl, p, stop);

	while (!done) {
		raddr_t pc = task_regs(&p->t) ? 0 : p->t.regs.u.rip;

		/* A condition was false: over the breakpoint. */
		if (breaks_at(tl, p, pc)) {
			done = step(tl, p, stop);
			continue;
		}
		breaks_insert(tl, p);
		done = resume(tl, p, PTRACE_SYSEMU, stop);
		if (!done && interrupted(tl)) {
			*stop = (struct timeline_stop){.reason = TIMELINE_STOP_INTERRUPTED,
						       .tid = p->rec_tid};
			return;
		}
	}
}

int divert_run(struct timeline *tl, const struct timeline_run *run, struct timeline_stop *stop)
{
	struct ptask *p;
	int ret = find_diverted(tl, tl->divert->tid, &p);

	if (ret || run->backward)
		return ret ? ret : -EINVAL;
	if (run->mode == TIMELINE_CONTINUE) {
		run_on(tl, p, stop);
		return 0;
	}
	do {
		struct regs r;

		if (step(tl, p, stop))
			return 0;
		*stop = (struct timeline_stop){.reason = TIMELINE_STOP_STEP, .tid = p->rec_tid};
		if (run->mode != TIMELINE_RANGE || timeline_regs(tl, p->rec_tid, &r) ||
		    r.u.rip < run->start || r.u.rip >= run->end)
			return 0;
	} while (!interrupted(tl));
	stop->reason = TIMELINE_STOP_INTERRUPTED;
	return 0;
}
