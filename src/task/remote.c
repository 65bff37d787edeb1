/*
 * Running a system call inside a tracee: point it at a `syscall` instruction with the registers
 * of the call, let it go in and come out again, restore it. All signals are blocked meanwhile but
 * SIGSTOP, which is put off: the only stops are the call's own.
 */
#include "base/log.h"
#include "task/task.h"

#include <asm/unistd_64.h>
#include <sys/wait.h>
#include <unistd.h>

/* Resume with PTRACE_SYSCALL up to the next stop that is not a signal's. */
static int run_to_stop(struct task *t)
{
	int ret;

	do {
		ret = task_run(t, PTRACE_SYSCALL, 0);
		if (ret)
			return ret;
	} while (stop_is_early(&t->stop) || task_met_sigstop(t) || stop_is_seccomp(&t->stop));
	if (t->stop.kind == STOP_EXITED)
		return -ESRCH;
	if (t->stop.kind == STOP_EVENT && t->stop.event == PTRACE_EVENT_EXIT)
		return -ESRCH;
	return 0;
}

int task_remote_prepare(struct task *t, int nr, const uint64_t args[6])
{
	struct regs *r;
	int ret = task_regs(t);

	if (ret)
		return ret;
	r = task_regs_modify(t);
	if (t->call_stop == CALL_ENTRY || t->call_stop == CALL_FILTERED) {
		r->u.orig_rax = nr;
		t->call_stop = CALL_ENTRY;
	} else {
		BUG_ON(!t->mm->syscall_insn);
		r->u.rip = t->mm->syscall_insn;
		r->u.rax = nr;
		r->u.orig_rax = -1;
		r->u.eflags &= ~0x100ULL; /* TF */
	}
	for (int i = 0; i < 6; i++)
		regs_set_arg(r, i, args[i]);
	return 0;
}

int task_remote_begin(struct task *t, int nr, const uint64_t args[6], struct regs *saved,
		      uint64_t *saved_mask)
{
	bool at_entry;
	int ret = task_regs(t);

	if (ret || (ret = task_sigmask(t, saved_mask)))
		return ret;
	*saved = t->regs;
	/* A skipped call has an exit stop too, if it is left by PTRACE_SYSCALL. */
	if (t->call_stop == CALL_SYSEMU && (ret = run_to_stop(t)))
		return ret;
	if (*saved_mask != ALL_SIGNALS && (ret = task_set_sigmask(t, ALL_SIGNALS)))
		return ret;
	at_entry = t->call_stop == CALL_ENTRY || t->call_stop == CALL_FILTERED;
	ret = task_remote_prepare(t, nr, args);
	if (!ret && !at_entry) {
		ret = run_to_stop(t);
		if (!ret && t->stop.kind != STOP_SYSCALL)
			BUG("remote system call %d met %s", nr, stop_describe(&t->stop));
	}
	return ret ? ret : run_to_stop(t);
}

int task_remote_end(struct task *t, const struct regs *saved, uint64_t saved_mask, int64_t *result)
{
	int ret = 0;

	while (!ret && t->stop.kind == STOP_EVENT)
		ret = run_to_stop(t);
	if (ret || (ret = task_regs(t)))
		return ret;
	*result = t->regs.u.rax;
	task_set_regs(t, saved);
	if (saved_mask != ALL_SIGNALS)
		ret = task_set_sigmask(t, saved_mask);
	task_send_sigstop(t);
	return ret;
}

int task_remote_syscall(struct task *t, int64_t *result, int nr, const uint64_t args[6])
{
	struct stop before = t->stop;
	struct regs saved;
	uint64_t mask;
	int ret = task_remote_begin(t, nr, args, &saved, &mask);

	if (!ret)
		ret = task_remote_end(t, &saved, mask, result);
	if (!ret)
		t->stop = before;
	return ret;
}

void task_remote_path(char path[REMOTE_PATH_SIZE], int fd)
{
	snprintf(path, REMOTE_PATH_SIZE, "/proc/%d/fd/%d", getpid(), fd);
}

int task_remote_open(struct task *t, int64_t *result, raddr_t buf, int fd, int flags)
{
	char path[REMOTE_PATH_SIZE];

	task_remote_path(path, fd);
	if (mm_write(t->mm, buf, path, strlen(path) + 1))
		return -EFAULT;
	return task_remote_syscall(t, result, __NR_open, REMOTE_ARGS(buf, flags));
}
