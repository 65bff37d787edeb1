/*
 * A tracee's thread under ptrace: resuming it, waiting for it, its registers. The only folder that
 * calls ptrace(2) or waitpid(2).
 *
 * A task is either running or in a stop; most functions need it stopped. Registers are cached while
 * it is stopped and written back when it is resumed, so that reading them often costs one ptrace
 * call. -ESRCH means that the task died (SIGKILL can end any stop): ordinary, to be handled by
 * waiting for it.
 */
#ifndef TASK_TASK_H
#define TASK_TASK_H

#include "abi/regs.h"
#include "mem/mm.h"

#include <signal.h>
#include <sys/ptrace.h>

enum stop_kind {
	STOP_NONE,    /* running, or nothing known */
	STOP_SYSCALL, /* entry or exit of a system call */
	STOP_SIGNAL,  /* about to have `signo` delivered */
	STOP_GROUP,   /* job control stopped the process (SIGSTOP, SIGTSTP, ...); `signo` says which
		       */
	STOP_TRAP,    /* PTRACE_EVENT_STOP that is no group stop: first stop of a new task, end of a
		       * group stop, PTRACE_INTERRUPT */
	STOP_EVENT,   /* `event` is PTRACE_EVENT_FORK, _VFORK, _CLONE, _EXEC, _EXIT, _VFORK_DONE,
			 _SECCOMP */
	STOP_EXITED,  /* gone, and reaped; `status` as from waitpid() */
};

struct stop {
	enum stop_kind kind;
	int status; /* raw, as from waitpid() */
	int signo;
	int event;
};

/* Where in a system call a stopped task is, if it is in one and a call of ours is to be made. */
enum call_stop {
	CALL_NONE,     /* outside */
	CALL_ENTRY,    /* at an entry stop after PTRACE_SYSCALL: the call will be made, and can be
			  replaced */
	CALL_SYSEMU,   /* at an entry stop after PTRACE_SYSEMU: the call will be skipped */
	CALL_FILTERED, /* at a seccomp filter's stop: it will be skipped, if it is not replaced */
};

struct task {
	pid_t tid; /* as this tracer sees it */
	pid_t tgid;
	struct mm *mm;
	struct stop stop;
	enum call_stop call_stop; /* set by whoever waited; cleared when it is resumed */
	struct regs regs;	  /* meaningful if regs_valid */
	bool regs_valid;
	bool regs_dirty;   /* to be written before the task runs */
	bool result_dirty; /* only rax is */
	uint64_t n_stops;  /* so far */
	bool stop_due;	   /* a SIGSTOP came while a call was made for us: see task_met_sigstop() */
};

/*
 * Prepare this process for being a tracer: SIGCHLD must not be ignored (waitpid() would lose the
 * dead) nor be sent at every stop. `*old` is what it was, for task_tracer_restore() in the child
 * that is to be traced.
 */
void task_tracer_init(struct sigaction *old);
void task_tracer_restore(const struct sigaction *old);

/* Whether cpuid can be made to trap here (arch_prctl(2), ARCH_SET_CPUID). */
bool task_have_cpuid_faulting(void);

/* What a wait status says. */
struct stop stop_decode(int status);
/* Whether a filter has sent the task to us at the entry of a system call. */
static inline bool stop_is_seccomp(const struct stop *s)
{
	return s->kind == STOP_EVENT && s->event == PTRACE_EVENT_SECCOMP;
}
/*
 * Whether it comes from job control (PTRACE_INTERRUPT, SIGCONT, a group stop): in the middle of
 * what is done for us it can be gone on from, since the kernel reports it again.
 */
static inline bool stop_is_early(const struct stop *s)
{
	return s->kind == STOP_TRAP || s->kind == STOP_GROUP;
}
/*
 * Whether the stop is for a SIGSTOP, which cannot be blocked: in the middle of what is done for us
 * it is put off, until task_send_sigstop().
 */
bool task_met_sigstop(struct task *t);
void task_send_sigstop(struct task *t);
/* A few words for messages: "signal SIGSEGV", "exited with 1". In a static buffer. */
const char *stop_describe(const struct stop *s);

/*
 * Let a stopped task run: `how` is PTRACE_CONT, _SYSCALL, _SYSEMU, _SINGLESTEP or _LISTEN, `signo`
 * a signal to deliver (0: none). 0 or -ESRCH.
 */
int task_resume(struct task *t, int how, int signo);

/* Ask a running task to stop, where it is: STOP_TRAP, unless it stops for something else first. */
int task_interrupt(struct task *t);

/* Bind the calling thread, and what it will start, to a core; < 0: to none. 0 or -errno. */
int task_pin(int cpu);

/* Wait for this task's next stop. 0, -EINTR (a signal to the tracer), -ECHILD. Sets t->stop. */
int task_wait(struct task *t);
/* The same whatever signals come to the tracer: 0 or -ECHILD. */
int task_wait_through(struct task *t);
/* task_resume(), and wait for the next stop: 0, -ESRCH or -ECHILD. */
int task_run(struct task *t, int how, int signo);
/* The same with PTRACE_SYSCALL, past the stops of filters. */
int task_run_call(struct task *t);
/* From a filter's stop, whose call is skipped, to the exit of that. 1: it was killed, and has come
 * to another stop; or -errno. */
int task_leave_call(struct task *t);
/* Let a running task run until it is gone. */
void task_reap(struct task *t);
/* Without waiting: 1 if it stopped, 0 if it runs still, -errno. */
int task_poll(struct task *t);
/*
 * Wait for any tracee: its tid and *stop, 0 if `block` is false and none has stopped, or -errno
 * (-ECHILD: there is none left; -EINTR).
 */
pid_t task_wait_any(bool block, struct stop *stop);
/* Record what task_wait_any() returned for this task. */
void task_stopped(struct task *t, const struct stop *stop);

/* The registers now, cached; 0 or -ESRCH. Change them in place after task_regs_modify(). */
int task_regs(struct task *t);
struct regs *task_regs_modify(struct task *t);
void task_set_regs(struct task *t, const struct regs *r);
/* Change rax alone: much cheaper than all. The registers must be cached. */
void task_set_result(struct task *t, int64_t result);

/* The XSAVE area (NT_X86_XSTATE), appended to `out` / set; 0 or -errno. */
int task_fpregs(struct task *t, struct buf *out);
int task_set_fpregs(struct task *t, const void *data, size_t n);

/* Of the signal that it is about to be given; the new task, status or tid of a STOP_EVENT
 * (ptrace(2), PTRACE_GETEVENTMSG). 0 or -ESRCH (-EINVAL: it has stopped for something else). */
int task_siginfo(struct task *t, siginfo_t *si);
int task_set_siginfo(struct task *t, const siginfo_t *si);
int task_event_message(struct task *t, unsigned long *msg);
/* The blocked signals as the kernel has them: bit N-1 is signal N. */
int task_sigmask(struct task *t, uint64_t *mask);
int task_set_sigmask(struct task *t, uint64_t mask);
/* The signals queued for the task or its process, blocked or not (ptrace(2), PTRACE_PEEKSIGINFO).
 */
int task_pending_signals(struct task *t, uint64_t *set);

/* Send a signal to just this task. */
int task_kill(const struct task *t, int signo);

/*
 * Run a system call in the tracee (remote.c). At an entry stop (call_stop) it replaces the call
 * that the task was making; elsewhere it is made from the mm's `syscall_insn`. Registers are
 * restored, but the task is outside of its system call afterwards. No signal is delivered
 * meanwhile. Returns 0 with *result (or -errno of the call in it), or -ESRCH.
 */
int task_remote_syscall(struct task *t, int64_t *result, int nr, const uint64_t args[6]);
#define REMOTE_ARGS(...) ((const uint64_t[6]){__VA_ARGS__})

/*
 * Begin a remote call that makes a new task or a new image: returns at the stop that the call led
 * to (PTRACE_EVENT_CLONE, _EXEC, ...), with the registers not yet restored. remote_end() runs it to
 * its end and restores `saved`.
 */
int task_remote_begin(struct task *t, int nr, const uint64_t args[6], struct regs *saved,
		      uint64_t *saved_mask);
int task_remote_end(struct task *t, const struct regs *saved, uint64_t saved_mask, int64_t *result);

/*
 * Open in the tracee what our descriptor `fd` is open on, with `flags`: a descriptor of its in
 * *result, or -errno (no /proc there, no permission, too many files). The name is written to `buf`,
 * REMOTE_PATH_SIZE bytes of its memory.
 */
#define REMOTE_PATH_SIZE 64
void task_remote_path(char path[REMOTE_PATH_SIZE], int fd);
int task_remote_open(struct task *t, int64_t *result, raddr_t buf, int fd, int flags);

/* SIGKILL and SIGSTOP cannot be blocked, and do not show in masks. */
#define ALL_SIGNALS (~(1ULL << (SIGKILL - 1) | 1ULL << (SIGSTOP - 1)))

/* Set the registers for such a call, without running it. */
int task_remote_prepare(struct task *t, int nr, const uint64_t args[6]);

/* --- starting (spawn.c) --- */

struct spawn {
	/* Runs in the child before it is traced, to prepare it: 0, or -errno to give up. */
	int (*prepare)(void *ctx);
	void *ctx;
	int exec_fd;	  /* execute this open file, or -1: */
	const char *path; /* this one */
	char *const *argv;
	char *const *envp;
};

/*
 * Fork a child, trace it (PTRACE_SEIZE with all the options of ours) and let it execute the
 * program: on success *t is stopped at PTRACE_EVENT_EXEC and belongs to the caller; t->mm is not
 * opened yet. On failure the child is gone and the result is -errno of what failed: of execve, or
 * -EPERM with `*not_traced` set where tracing is forbidden.
 */
int task_spawn(struct task *t, const struct spawn *s, bool *not_traced);

#endif
