/*
 * ptrace and waitpid, wrapped: errors as -errno, registers cached.
 */
#include "task/task.h"

#include "abi/signal.h"
#include "base/log.h"

#include <asm/prctl.h>
#include <elf.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

void task_tracer_init(struct sigaction *old)
{
	const struct sigaction sa = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP};

	sigaction(SIGCHLD, &sa, old);
}

void task_tracer_restore(const struct sigaction *old)
{
	sigaction(SIGCHLD, old, NULL);
}

bool task_have_cpuid_faulting(void)
{
	/* The setting is per thread, and the attempt is undone at once. */
	if (syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0) < 0)
		return false;
	syscall(SYS_arch_prctl, ARCH_SET_CPUID, 1);
	return true;
}

struct stop stop_decode(int status)
{
	struct stop s = {.status = status};

	if (!WIFSTOPPED(status)) {
		s.kind = STOP_EXITED;
		return s;
	}
	s.signo = WSTOPSIG(status);
	s.event = status >> 16;
	if (s.signo == (SIGTRAP | 0x80))
		s.kind = STOP_SYSCALL;
	else if (s.event == PTRACE_EVENT_STOP)
		s.kind = s.signo == SIGTRAP ? STOP_TRAP : STOP_GROUP;
	else
		s.kind = s.event ? STOP_EVENT : STOP_SIGNAL;
	return s;
}

const char *stop_describe(const struct stop *s)
{
	static char text[80];

	switch (s->kind) {
	case STOP_NONE:
		return "running";
	case STOP_SYSCALL:
		return "a system call";
	case STOP_SIGNAL:
		snprintf(text, sizeof(text), "signal %s", signal_name(s->signo));
		return text;
	case STOP_GROUP:
		snprintf(text, sizeof(text), "stopped by %s", signal_name(s->signo));
		return text;
	case STOP_TRAP:
		return "a ptrace trap";
	case STOP_EVENT:
		snprintf(text, sizeof(text), "ptrace event %d", s->event);
		return text;
	case STOP_EXITED:
		if (WIFSIGNALED(s->status))
			snprintf(text, sizeof(text), "killed by %s",
				 signal_name(WTERMSIG(s->status)));
		else
			snprintf(text, sizeof(text), "exited with %d", WEXITSTATUS(s->status));
		return text;
	}
	return "?";
}

static int flush_regs(struct task *t)
{
	if (t->regs_dirty) {
		if (ptrace(PTRACE_SETREGS, t->tid, 0, &t->regs.u) < 0)
			return -errno;
	} else if (t->result_dirty) {
		if (ptrace(PTRACE_POKEUSER, t->tid, offsetof(struct user, regs.rax),
			   t->regs.u.rax) < 0)
			return -errno;
	}
	t->regs_dirty = t->result_dirty = false;
	t->regs_valid = false;
	return 0;
}

int task_resume(struct task *t, int how, int signo)
{
	int ret = 0;

	if (t->call_stop == CALL_FILTERED && !(ret = task_regs(t)))
		task_regs_modify(t)->u.orig_rax = -1;
	if (!ret)
		ret = flush_regs(t);
	if (ret)
		return ret;
	t->stop.kind = STOP_NONE;
	t->call_stop = CALL_NONE;
	if (ptrace(how, t->tid, 0, (long)signo) < 0)
		return -errno;
	return 0;
}

bool task_met_sigstop(struct task *t)
{
	const bool met = t->stop.kind == STOP_SIGNAL && t->stop.signo == SIGSTOP;

	t->stop_due |= met;
	return met;
}

void task_send_sigstop(struct task *t)
{
	if (t->stop_due)
		task_kill(t, SIGSTOP);
	t->stop_due = false;
}

int task_interrupt(struct task *t)
{
	return ptrace(PTRACE_INTERRUPT, t->tid, 0, 0) < 0 ? -errno : 0;
}

void task_stopped(struct task *t, const struct stop *stop)
{
	t->stop = *stop;
	t->n_stops++;
	t->regs_valid = false;
	t->regs_dirty = t->result_dirty = false;
	log_debug("task %d: %s", t->tid, stop_describe(stop));
}

static int wait_for(struct task *t, int options)
{
	int status;
	pid_t pid = waitpid(t->tid, &status, __WALL | options);
	struct stop s;

	if (pid < 0)
		return -errno;
	if (!pid)
		return 0;
	s = stop_decode(status);
	task_stopped(t, &s);
	return 1;
}

int task_wait(struct task *t)
{
	int ret = wait_for(t, 0);

	return ret < 0 ? ret : 0;
}

int task_wait_through(struct task *t)
{
	int ret;

	do {
		ret = task_wait(t);
	} while (ret == -EINTR);
	return ret;
}

int task_pin(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return 0;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) < 0 ? -errno : 0;
}

void task_reap(struct task *t)
{
	while (t->stop.kind != STOP_EXITED && !task_wait_through(t)) {
		if (t->stop.kind != STOP_EXITED)
			task_resume(t, PTRACE_CONT, 0);
	}
}

int task_run(struct task *t, int how, int signo)
{
	int ret = task_resume(t, how, signo);

	return ret ? ret : task_wait_through(t);
}

int task_run_call(struct task *t)
{
	int ret;

	do {
		ret = task_run(t, PTRACE_SYSCALL, 0);
	} while (!ret && stop_is_seccomp(&t->stop));
	return ret;
}

int task_leave_call(struct task *t)
{
	int ret;

	if (t->call_stop != CALL_FILTERED)
		return 0;
	ret = task_run_call(t);
	return ret ? ret : t->stop.kind != STOP_SYSCALL;
}

int task_poll(struct task *t)
{
	return wait_for(t, WNOHANG);
}

pid_t task_wait_any(bool block, struct stop *stop)
{
	int status;
	pid_t pid = waitpid(-1, &status, __WALL | (block ? 0 : WNOHANG));

	if (pid < 0)
		return -errno;
	if (pid)
		*stop = stop_decode(status);
	return pid;
}

int task_regs(struct task *t)
{
	if (t->regs_valid)
		return 0;
	if (ptrace(PTRACE_GETREGS, t->tid, 0, &t->regs.u) < 0)
		return -errno;
	t->regs_valid = true;
	return 0;
}

struct regs *task_regs_modify(struct task *t)
{
	BUG_ON(!t->regs_valid);
	t->regs_dirty = true;
	return &t->regs;
}

void task_set_regs(struct task *t, const struct regs *r)
{
	t->regs = *r;
	t->regs_valid = true;
	t->regs_dirty = true;
}

void task_set_result(struct task *t, int64_t result)
{
	BUG_ON(!t->regs_valid);
	t->regs.u.rax = result;
	t->result_dirty = true;
}

int task_fpregs(struct task *t, struct buf *out)
{
	struct iovec iov = {.iov_len = 16384};

	iov.iov_base = buf_reserve(out, iov.iov_len);
	if (ptrace(PTRACE_GETREGSET, t->tid, NT_X86_XSTATE, &iov) < 0)
		return -errno;
	buf_extend(out, iov.iov_len);
	return 0;
}

int task_set_fpregs(struct task *t, const void *data, size_t n)
{
	struct iovec iov = {.iov_base = (void *)data, .iov_len = n};

	return ptrace(PTRACE_SETREGSET, t->tid, NT_X86_XSTATE, &iov) < 0 ? -errno : 0;
}

int task_siginfo(struct task *t, siginfo_t *si)
{
	return ptrace(PTRACE_GETSIGINFO, t->tid, 0, si) < 0 ? -errno : 0;
}

int task_set_siginfo(struct task *t, const siginfo_t *si)
{
	return ptrace(PTRACE_SETSIGINFO, t->tid, 0, si) < 0 ? -errno : 0;
}

int task_event_message(struct task *t, unsigned long *msg)
{
	return ptrace(PTRACE_GETEVENTMSG, t->tid, 0, msg) < 0 ? -errno : 0;
}

int task_sigmask(struct task *t, uint64_t *mask)
{
	return ptrace(PTRACE_GETSIGMASK, t->tid, sizeof(*mask), mask) < 0 ? -errno : 0;
}

int task_set_sigmask(struct task *t, uint64_t mask)
{
	return ptrace(PTRACE_SETSIGMASK, t->tid, sizeof(mask), &mask) < 0 ? -errno : 0;
}

int task_pending_signals(struct task *t, uint64_t *set)
{
	static const uint32_t queues[] = {0, PTRACE_PEEKSIGINFO_SHARED};
	siginfo_t si[16];

	*set = 0;
	for (size_t i = 0; i < ARRAY_SIZE(queues); i++) {
		struct __ptrace_peeksiginfo_args args = {.flags = queues[i], .nr = ARRAY_SIZE(si)};
		long n;

		do {
			n = ptrace(PTRACE_PEEKSIGINFO, t->tid, &args, si);
			if (n < 0)
				return -errno;
			for (long k = 0; k < n; k++)
				*set |= 1ULL << (si[k].si_signo - 1);
			args.off += n;
		} while (n == ARRAY_SIZE(si));
	}
	return 0;
}

int task_kill(const struct task *t, int signo)
{
	return syscall(SYS_tgkill, t->tgid, t->tid, signo) < 0 ? -errno : 0;
}
