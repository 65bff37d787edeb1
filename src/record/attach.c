/*
 * Recorded programs that look at each other: a task attaches to another one (ptrace(2)), waits for
 * its stop, reads and writes its memory, reads its registers, and lets it go, as leak checkers,
 * crash reporters and stack printers do. None of that reaches the kernel, where a task has one
 * tracer, us: the other task is not scheduled until it is let go.
 *
 * A task that runs is at a point that is written down whenever it is not the running one; one that
 * waits in a call goes on waiting, and what it would show if the call had been interrupted is made
 * up. What would let it run under control (PTRACE_TRACEME, _CONT, _SYSCALL, _SINGLESTEP), or change
 * its registers, is refused.
 */
#include "record/session.h"

#include "base/log.h"
#include "mem/layout.h"

#include <asm/unistd_64.h>
#include <elf.h>
#include <linux/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define KERNEL_ERESTARTSYS 512 /* linux/errno.h */
#define STOP_STATUS(sig)   ((sig) << 8 | 0x7f)
#define FXSAVE_SIZE	   sizeof(struct user_fpregs_struct)

static void freeze(struct rtask *t, int report)
{
	t->attached.frozen = true;
	t->attached.report = report;
	sched_remove(&t->se);
}

static void let_go(struct recorder *rec, struct rtask *t)
{
	struct rtask *tracer = rtask_find(rec, t->attached.tracer);

	if (tracer)
		tracer->process->n_attached--;
	t->attached = (struct attached){0};
	if (t->stop_pending || t->state == RUN_READY)
		rtask_ready(rec, t);
}

void attach_forget(struct recorder *rec, struct rtask *t)
{
	if (t->attached.tracer)
		let_go(rec, t);
	if (!t->process->n_attached)
		return;
	map_for_each (&rec->tasks, s) {
		struct rtask *other = (struct rtask *)(uintptr_t)s->value;

		if (other->attached.tracer != t->t.tid)
			continue;
		if (other->attached.options & PTRACE_O_EXITKILL)
			kill(other->t.tgid, SIGKILL);
		let_go(rec, other);
	}
}

void attach_note_renamed(struct recorder *rec, const struct rtask *t)
{
	if (!t->process->n_attached)
		return;
	map_for_each (&rec->tasks, s) {
		struct rtask *other = (struct rtask *)(uintptr_t)s->value;

		if (other->attached.tracer == t->former_tid)
			other->attached.tracer = t->t.tid;
	}
}

void attach_note_stop(struct rtask *t, const struct stop *stop)
{
	if (stop->kind == STOP_EXITED ||
	    (stop->kind == STOP_EVENT && stop->event == PTRACE_EVENT_EXIT))
		t->attached.frozen = false;
}

/* --- what its tracer sees --- */

/* Its registers, as if its call had been interrupted and with original addresses. */
static int registers(struct rtask *t, struct user_regs_struct *out)
{
	if (t->in_syscall) {
		*out = t->entry_regs.u;
		out->orig_rax = (uint64_t)t->call.nr;
		out->rax = (uint64_t)-KERNEL_ERESTARTSYS;
		return 0;
	}
	if (task_regs(&t->t))
		return -ESRCH;
	*out = t->t.regs.u;
	code_show(t, out);
	return 0;
}

/* The register set `type` (elf.h), to be freed. */
static int register_set(struct rtask *t, uint64_t type, struct buf *out)
{
	struct user_regs_struct u;
	int ret;

	switch (type) {
	case NT_PRSTATUS:
		ret = registers(t, &u);
		if (!ret)
			buf_add(out, &u, sizeof(u));
		return ret;
	case NT_PRFPREG:
	case NT_X86_XSTATE:
		if (task_fpregs(&t->t, out))
			return -EIO; /* the kernel has them: it waits in a call */
		if (type == NT_PRFPREG)
			out->len = min_u64(out->len, FXSAVE_SIZE);
		return 0;
	default:
		return -EINVAL;
	}
}

static int64_t give(struct rtask *t, raddr_t to, const void *data, size_t n)
{
	return mm_write(t->t.mm, to, data, n) ? -EFAULT : 0;
}

static int64_t get_set(struct rtask *t, struct rtask *other, uint64_t type, raddr_t to)
{
	struct buf set = BUF_INIT;
	int64_t ret = register_set(other, type, &set);

	if (!ret)
		ret = give(t, to, set.data, set.len);
	buf_release(&set);
	return ret;
}

static int64_t get_set_by_iovec(struct rtask *t, struct rtask *other, uint64_t type, raddr_t to)
{
	struct buf set = BUF_INIT;
	uint64_t v[2];
	int64_t ret = mm_read(t->t.mm, to, v, sizeof(v)) ? -EFAULT : 0;

	if (!ret)
		ret = register_set(other, type, &set);
	if (!ret) {
		v[1] = min_u64(v[1], set.len);
		ret = give(t, v[0], set.data, v[1]);
	}
	if (!ret)
		ret = give(t, to, v, sizeof(v));
	buf_release(&set);
	return ret;
}

static int64_t peek_user(struct rtask *t, struct rtask *other, uint64_t at, raddr_t to)
{
	struct user_regs_struct u;
	uint64_t word = 0;

	if (at % sizeof(word) || at >= sizeof(struct user))
		return -EIO;
	if (at < sizeof(u)) {
		if (registers(other, &u))
			return -ESRCH;
		memcpy(&word, (const uint8_t *)&u + at, sizeof(word));
	}
	return give(t, to, &word, sizeof(word));
}

static int64_t peek(struct rtask *t, struct rtask *other, raddr_t from, raddr_t to)
{
	uint64_t word;

	if (mm_read(other->t.mm, from, &word, sizeof(word)))
		return -EIO;
	code_hide(other, from, &word, sizeof(word));
	return give(t, to, &word, sizeof(word));
}

/* Not where patches are: what lies below them could not be told from what was there. */
static int64_t poke(struct rtask *other, raddr_t to, uint64_t word)
{
	if (code_overlaps(other, to, to + sizeof(word)) || overlaps_ours(to, to + sizeof(word)) ||
	    mm_write(other->t.mm, to, &word, sizeof(word)))
		return -EIO;
	return 0;
}

static int64_t get_siginfo(struct rtask *t, const struct rtask *other, raddr_t to)
{
	siginfo_t si = {.si_signo = SIGSTOP};

	if (other->attached.seized) {
		si.si_signo = SIGTRAP;
		si.si_code = SIGTRAP | PTRACE_EVENT_STOP << 8;
	}
	return give(t, to, &si, sizeof(si));
}

/* --- requests --- */

/* The numbers of tasks are taken for those of our PID namespace. */
static bool shares_pid_namespace(const struct rtask *t)
{
	char path[64], ours[64] = "", its[64] = "";

	snprintf(path, sizeof(path), "/proc/%d/ns/pid", t->t.tid);
	return readlink("/proc/self/ns/pid", ours, sizeof(ours) - 1) > 0 &&
	       readlink(path, its, sizeof(its) - 1) > 0 && !strcmp(ours, its);
}

static bool same_user(const struct rtask *t, const struct rtask *other)
{
	struct stat mine, its;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d", t->t.tid);
	if (stat(path, &mine))
		return false;
	snprintf(path, sizeof(path), "/proc/%d", other->t.tid);
	return !stat(path, &its) && (!mine.st_uid || mine.st_uid == its.st_uid);
}

static int64_t attach(struct rtask *t, struct rtask *other, uint64_t options, bool seize)
{
	if (!other)
		return -ESRCH;
	if (other->process == t->process || other->attached.tracer || other->exit_logged ||
	    other->process->undumpable || !same_user(t, other))
		return -EPERM;
	other->attached.tracer = t->t.tid;
	other->attached.seized = seize;
	other->attached.options = options;
	t->process->n_attached++;
	if (!seize)
		freeze(other, STOP_STATUS(SIGSTOP));
	return 0;
}

static int64_t interrupt(struct rtask *other)
{
	if (!other->attached.seized)
		return -EIO;
	if (!other->attached.frozen)
		freeze(other, STOP_STATUS(SIGTRAP | PTRACE_EVENT_STOP << 8));
	return 0;
}

static int64_t detach(struct recorder *rec, struct rtask *t, struct rtask *other, int signo)
{
	siginfo_t si = {.si_signo = signo, .si_code = SI_USER};

	if (signo < 0 || signo > 64)
		return -EIO;
	if (signo) {
		si.si_pid = t->t.tgid;
		signals_stash(other, &si);
		signals_raise_stash(other);
	}
	let_go(rec, other);
	return 0;
}

/* Of a task that is stopped for `t`. */
static int64_t request(struct recorder *rec, struct rtask *t, struct rtask *other)
{
	const uint64_t addr = t->call.arg[2], data = t->call.arg[3], nothing = 0;

	switch (t->call.arg[0]) {
	case PTRACE_PEEKTEXT:
	case PTRACE_PEEKDATA:
		return peek(t, other, addr, data);
	case PTRACE_PEEKUSR:
		return peek_user(t, other, addr, data);
	case PTRACE_POKETEXT:
	case PTRACE_POKEDATA:
		return poke(other, addr, data);
	case PTRACE_GETREGS:
		return get_set(t, other, NT_PRSTATUS, data);
	case PTRACE_GETFPREGS:
		return get_set(t, other, NT_PRFPREG, data);
	case PTRACE_GETREGSET:
		return get_set_by_iovec(t, other, addr, data);
	case PTRACE_GETSIGINFO:
		return get_siginfo(t, other, data);
	case PTRACE_GETEVENTMSG:
		return give(t, data, &nothing, sizeof(nothing));
	case PTRACE_SETOPTIONS:
		other->attached.options = data;
		return 0;
	case PTRACE_DETACH:
		return detach(rec, t, other, (int)data);
	default:
		return -EIO;
	}
}

int64_t attach_request(struct recorder *rec, struct rtask *t)
{
	const uint64_t *arg = t->call.arg;
	struct rtask *other = rtask_find(rec, (pid_t)arg[1]);

	if (arg[0] == PTRACE_TRACEME || !shares_pid_namespace(t))
		return -EPERM;
	if (arg[0] == PTRACE_ATTACH)
		return attach(t, other, 0, false);
	if (arg[0] == PTRACE_SEIZE)
		return arg[2] ? -EIO : attach(t, other, arg[3], true);
	if (!other || other->attached.tracer != t->t.tid)
		return -ESRCH;
	if (arg[0] == PTRACE_INTERRUPT)
		return interrupt(other);
	if (arg[0] == PTRACE_KILL)
		return kill(other->t.tgid, SIGKILL) ? -errno : 0;
	return other->attached.frozen ? request(rec, t, other) : -ESRCH;
}

void attach_add_writes(struct event_builder *b, struct rtask *t, int64_t result)
{
	struct rtask *other;

	if (!t->row || t->row->class != SYS_PTRACE || result ||
	    (t->call.arg[0] != PTRACE_POKETEXT && t->call.arg[0] != PTRACE_POKEDATA))
		return;
	other = rtask_find(b->rec, (pid_t)t->call.arg[1]);
	if (other)
		event_add_memory(b, other, t->call.arg[2], sizeof(uint64_t));
}

/* --- wait4 and waitid --- */

static bool is_waited_for(struct recorder *rec, const struct rtask *t, const struct rtask *other)
{
	const struct rtask *tracer = rtask_find(rec, other->attached.tracer);
	const int64_t id = (int32_t)t->call.arg[t->call.nr == __NR_waitid];

	if (!tracer || tracer->process != t->process || !other->attached.report)
		return false;
	if (t->call.nr == __NR_waitid)
		return t->call.arg[0] == P_ALL || (t->call.arg[0] == P_PID && id == other->t.tid);
	return id == -1 || id == other->t.tid;
}

static int64_t report_wait4(struct rtask *t, const struct rtask *other)
{
	const uint8_t no_usage[sizeof(struct rusage)] = {0};

	if ((t->call.arg[1] && give(t, t->call.arg[1], &other->attached.report, sizeof(int))) ||
	    (t->call.arg[3] && give(t, t->call.arg[3], no_usage, sizeof(no_usage))))
		return -EFAULT;
	return other->t.tid;
}

static int64_t report_waitid(struct rtask *t, const struct rtask *other)
{
	const uint8_t no_usage[sizeof(struct rusage)] = {0};
	siginfo_t si = {.si_signo = SIGCHLD, .si_code = CLD_TRAPPED};

	si.si_pid = other->t.tid;
	si.si_status = other->attached.report >> 8;
	if ((t->call.arg[2] && give(t, t->call.arg[2], &si, sizeof(si))) ||
	    (t->call.arg[4] && give(t, t->call.arg[4], no_usage, sizeof(no_usage))))
		return -EFAULT;
	return 0;
}

bool attach_wait(struct recorder *rec, struct rtask *t, int64_t *result)
{
	if (!t->process->n_attached)
		return false;
	map_for_each (&rec->tasks, s) {
		struct rtask *other = (struct rtask *)(uintptr_t)s->value;

		if (!is_waited_for(rec, t, other))
			continue;
		*result = t->call.nr == __NR_waitid ? report_waitid(t, other)
						    : report_wait4(t, other);
		if (t->call.nr != __NR_waitid || !(t->call.arg[3] & WNOWAIT))
			other->attached.report = 0;
		return true;
	}
	return false;
}
