/*
 * A replay in progress, shared by the files of this folder, and driven by replay_all() or by the
 * timeline.
 *
 * Events are replayed in order, each by one function: run the task to the point that the event
 * names, require that it is in the recorded state, do to it what the world did. Functions return 0,
 * or a negative number after saying what went wrong; the replay is over then.
 *
 * A session can be copied, processes and all (session_fork()): one of both stays behind as a
 * checkpoint. Of all sessions one runs at a time, so they share the tick page.
 */
#ifndef REPLAY_SESSION_H
#define REPLAY_SESSION_H

#include "abi/syscall.h"
#include "agentctl/agentctl.h"
#include "base/map.h"
#include "mem/layout.h"
#include "replay/replay.h"
#include "task/task.h"
#include "ticks/soft.h"
#include "ticks/ticks.h"
#include "trace/trace.h"

/* How a replay can end early. */
enum replay_error {
	REPLAY_DIVERGED = -1,
	REPLAY_BAD_TRACE = -2,
	REPLAY_FAILED = -3, /* this machine cannot do it */
};

/* The driver paused the task on its way to the event, which has not happened yet. */
#define REPLAY_PAUSED 1
/* Not the event was met, but the end of a buffer of calls (buffer.c). */
#define RUN_BUFFER_END 2

struct session;
struct ptask;
struct landing_point;

/*
 * Who runs the tasks' own code, if not step.c itself: it may pause anywhere on the way to what the
 * next event needs. The event is replayed again, from where the task is then. Both return 0,
 * REPLAY_PAUSED, or enum replay_error.
 */
struct replay_driver {
	/* Run to the next system call's entry (call_stop is CALL_SYSEMU then), an instruction's own
	 * signal, or the trap of the safepoint that is `ticks` ahead. */
	int (*run)(struct session *s, struct ptask *p, int64_t ticks);
	/* Run to a point that is no stop by itself. */
	int (*land)(struct session *s, struct ptask *p, const struct landing_point *point);
};

/* What a session and its copies share. */
struct session_common {
	int users;
	struct map files;	/* saved file -> fd, read-only */
	struct map images;	/* saved file -> struct image of those that were looked at */
	struct map names;	/* saved file -> path (char *) under which the program had it */
	struct ptask *in_agent; /* whose calls are in the agent's buffer; NULL: nobody's */
};

struct pgroup {
	pid_t rec_tgid;
	int live;	/* tasks without EV_EXIT */
	int refs;	/* ptasks that exist */
	struct map fds; /* saved file -> descriptor that the tracee has of it, kept for the next
			   mapping */
};

struct ptask {
	struct task t;
	pid_t rec_tid; /* its name in the trace */
	struct pgroup *group;
	bool dead; /* EV_EXIT was replayed; a leader stays as a body until its threads are gone */
	char name[16];		/* set by prctl(); "": that of the program */
	bool at_entry;		/* EV_SYSCALL_ENTRY was replayed, its exit was not */
	struct regs entry_regs; /* of the call that it is in */
	event_t last_event;	/* that matched */
	struct task_ticks ticks;
	struct ticks_counter *counter;	/* NULL: the code counts by itself */
	struct buf calls;		/* the last EV_BUFFER's (buffer.c) */
	uint32_t calls_pos;		/* what of it was taken */
	struct agent_record calls_like; /* its last record, where the next may be like it */
	bool calls_more;
	bool calls_last; /* it is on its way to their end, to die there */
};

struct session {
	const struct replay_options *opt;
	struct trace_reader *trace;
	const struct trace_info *info;
	struct trace_event ev; /* being replayed */
	struct map tasks;      /* recorded tid -> struct ptask */
	struct session_common *common;
	struct map shared; /* saved file -> fd of the memfd that stands for a shared file */
	int stub_fd;
	bool soft;			   /* progress was counted in software */
	const struct ticks_source *source; /* that counted from outside; NULL: none */
	struct soft_ticks ticks;
	struct agent agent;
	bool finished;	   /* the point asked for was reached */
	bool maps_shared;  /* a mapping of some task is shared */
	bool forks_differ; /* some memory would not be inherited by a fork (MADV_DONTFORK, ...) */
	const struct replay_driver *driver; /* NULL: none */
	void *driver_ctx;
	event_t n_events;
	uint64_t start_ns, progress_ns;
};

/* The core to be bound to; -1: none. */
static inline int session_cpu(const struct session *s)
{
	return s->opt->unbound ? -1 : s->info->bound_cpu;
}

/* --- replay.c --- */
/* Prepare to replay the trace `opt->dir`; nothing runs yet. 0, REPLAY_BAD_TRACE or REPLAY_FAILED,
 * which was said, and nothing is left then. */
int session_open(struct session *s, const struct replay_options *opt);
/* Read the next event: 1, 0 at the end of the trace, or REPLAY_BAD_TRACE. */
int session_next(struct session *s);
/* Replay it. 0; with a driver REPLAY_PAUSED: call again; enum replay_error. */
int session_replay_event(struct session *s);
/* The task that the event is about; NULL: it is not there. */
struct ptask *session_task(struct session *s);
/* How the first process ended, as from waitpid(): negative if the trace does not say. */
int session_exit_status(struct session *s);
/* Kill the processes of this session, and free it; `opt` and the rest of the caller's stay. */
void session_close(struct session *s);

/* --- fork.c --- */
/*
 * Make `copy` a session in the same state, of processes of its own. All tasks are stopped, and
 * breakpoints are the caller's matter. 0 or REPLAY_FAILED (said; then there is no copy).
 */
int session_fork(struct session *s, struct session *copy);

/* --- tasks.c --- */
struct ptask *ptask_new(struct session *s, pid_t rec_tid, pid_t tid, struct pgroup *g,
			struct mm *mm);
void ptask_free(struct session *s, struct ptask *p);
struct ptask *ptask_find(struct session *s, pid_t rec_tid);
struct pgroup *pgroup_new(pid_t rec_tgid);

/* --- report.c --- */
/* "system call", "exec", ... */
const char *event_name(enum trace_event_type type);
/* Say that the replay is not the recording, with both states where `p` has one; REPLAY_DIVERGED. */
int diverged(struct session *s, struct ptask *p, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The trace says something impossible; REPLAY_BAD_TRACE. */
int bad_trace(struct session *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The machine refused something; REPLAY_FAILED. */
int failed(struct session *s, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* --- step.c --- */
/* Run to the next system call's entry and require the state of the event there. */
int run_to_entry(struct session *s, struct ptask *p);
/* Run to the next fault and require that it is `signo` (or ANY_FAULT), in the state of the event.
 */
#define ANY_FAULT 0
int run_to_fault(struct session *s, struct ptask *p, int signo);
/* Count what the task does from now on, beginning with the event's ticks, if something counts from
 * outside. */
int count_ptask(struct session *s, struct ptask *p, ticks_t base);
/* The task has stopped: how far it came. */
void settle_ptask(struct session *s, struct ptask *p);
/* The event's task runs code of its own before the event. */
bool event_runs_code(const struct session *s, const struct ptask *p);
/* Run to the trap of the safepoint at the event's ticks. */
int run_to_safepoint(struct session *s, struct ptask *p);
/* Run until the agent needs its next buffer. */
int run_to_buffer_end(struct session *s, struct ptask *p);
/* Require the state of the event here and now. */
int verify_regs(struct session *s, struct ptask *p, bool at_entry);
/* Require the memory checksum of the event, which has been replayed. */
int verify_memory(struct session *s, struct ptask *p);
/* A system call in the tracee, on its behalf; a dead tracee is a failure. */
int remote(struct session *s, struct ptask *p, int64_t *result, int nr, const uint64_t args[6]);

/* --- apply.c --- */
/* Write the memory that the event lists. */
int apply_writes(struct session *s, struct ptask *p);
/* The registers with which the task goes on: regs_after, else its own with `result`; and fpregs. */
int apply_regs(struct session *s, struct ptask *p, const struct regs *base, int64_t result);
/* The event's bytes as registers; -1 if it has none or not that many. */
int event_regs(const struct trace_bytes *b, struct regs *out);

/* --- events, one function each --- */
int replay_syscall(struct session *s, struct ptask *p);	      /* syscalls.c */
int replay_syscall_entry(struct session *s, struct ptask *p); /* syscalls.c */
int replay_syscall_exit(struct session *s, struct ptask *p);  /* syscalls.c */
int replay_exec(struct session *s, struct ptask *p);	      /* exec.c */
int replay_clone(struct session *s, struct ptask *p);	      /* clone.c */
int replay_signal(struct session *s, struct ptask *p);	      /* signals.c */
int replay_insn(struct session *s, struct ptask *p);	      /* signals.c */
int replay_exit(struct session *s, struct ptask *p);	      /* exit.c */
int replay_sched(struct session *s, struct ptask *p);	      /* preempt.c */
int replay_buffer(struct session *s, struct ptask *p);	      /* buffer.c */

/* --- buffer.c: calls that the agent repeats from the recording --- */
/* Before the task runs its code; and when it has stopped. */
void calls_load(struct session *s, struct ptask *p);
void calls_settle(struct session *s, struct ptask *p);
/* The running task has a descriptor of the saved file. */
void calls_note_file(struct session *s, uint32_t file, int fd);
/* Whether the agent has stopped by itself, at a system call's entry. */
bool calls_reports(struct session *s, struct ptask *p);
/* See to that, so that the task can go on: 0, or 1 if it needs its next buffer. */
int calls_on_report(struct session *s, struct ptask *p);
/* The task has come to an event: all of its calls must have been made. */
int calls_verify_empty(struct session *s, struct ptask *p);
/* Killed in running code, it goes on to the last call that it is known to have made: whether it
 * has to, or had to; and doing so. A driver takes it to behind that call. */
bool calls_left(const struct ptask *p);
int calls_finish(struct session *s, struct ptask *p);

/* --- exec.c --- */
int start_first_task(struct session *s, pid_t rec_tid);

/* --- exit.c --- */
/* Kill all tasks of the session, and wait until they are gone. */
void kill_tasks(struct session *s);

/* --- mappings.c --- */
/*
 * Calls that shape a task's memory, each with the result that it must have. With the filter they
 * are made together by batch_run(), or when there are too many; else at once. Files are opened at
 * once.
 */
struct batch {
	struct session *s;
	struct ptask *p;
	bool at_once;
	int64_t want[MAX_BATCH]; /* of those that wait */
};
void batch_begin(struct batch *b, struct session *s, struct ptask *p);
int batch_add(struct batch *b, int nr, const uint64_t args[6], int64_t want);
int batch_mapping(struct batch *b, const struct trace_mapping *m);
int batch_run(struct batch *b);

/* Also of a task that is in the agent, whose stack a batch would use. */
int map_recorded(struct session *s, struct ptask *p, const struct trace_mapping *m);
/* Make the mappings that the event lists. */
int replay_mappings(struct session *s, struct ptask *p);
/* Set the soft RLIMIT_STACK of a replayed process (0: ours). */
void limit_stack(pid_t pid, uint64_t bytes);
/* If the call set a stack limit, set it: it decides where a stack overflows. */
int replay_stack_limit(struct session *s, struct ptask *p, const struct abi_call *call);
/* If the call chose whether all that can be read can be executed, so does the replayed task. */
int replay_personality(struct session *s, struct ptask *p, const struct abi_call *call);
/* Calls of this class change the address space. */
bool shapes_memory(enum syscall_class c);
/* Such a call: do in the tracee what the recorded one did. */
int replay_memory_call(struct session *s, struct ptask *p, const struct syscall_row *row,
		       const struct abi_call *call);

/* --- files.c --- */
/* An fd of ours for a saved file, or for the shared file made from it; or an error. */
int file_fd(struct session *s, uint32_t file);
/* Let the agent in the task read the saved file, our `fd`, by itself from now on; not if it has too
 * many. */
int give_file(struct session *s, struct ptask *p, uint32_t file, int fd);
int shared_file_fd(struct session *s, uint32_t file, uint64_t size);
int apply_file_writes(struct session *s);

/* --- stub.c --- */
/* An executable memfd with the stub program (mem/layout.h), or -errno. */
int stub_create(void);

/* --- code.c --- */
/* From the trap of a safepoint to where the program goes on. */
int leave_safepoint(struct session *s, struct ptask *p);

/* --- echo.c --- */
int echo_output(struct session *s, struct ptask *p, const struct abi_call *call);

/* --- progress.c --- */
void progress_update(struct session *s);
void progress_end(struct session *s);

#endif
