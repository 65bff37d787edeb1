/*
 * A recording as a line of points, between which a debugger moves in both directions.
 *
 * The timeline stands at one point: all tasks are stopped there, and can be looked at. What is
 * shown is the recorded program: addresses, registers and code as if nothing had been patched.
 * Nothing that is done to a timeline changes what happens in it; changes are made in diversions.
 *
 * Tasks are named by their tid in the recording. Functions that return int return 0 or -errno
 * (-ESRCH: no such task, at this point) unless they say something else.
 */
#ifndef TIMELINE_TIMELINE_H
#define TIMELINE_TIMELINE_H

#include "abi/regs.h"
#include "base/buf.h"
#include "replay/replay.h"

struct timeline;

/* --- points --- */

/*
 * Where in the recording: after event number `event` was completed, its next task made `ticks`
 * ticks of progress in all, came to the address of the landing (ticks/landing.h) that ends the
 * interval `passes` times if there is one, and then executed `step` more instructions of the
 * program (a repeated string instruction is one; so is a system call, with what it did). In the
 * order of time if compared field by field.
 */
struct timeline_point {
	event_t event;
	ticks_t ticks;
	uint64_t passes; /* since the last tick; the landing itself: UINT64_MAX */
	uint64_t step;
};

/*
 * The last point before event `event` + 1: a system call is entered and has done nothing yet, an
 * instruction has faulted and no handler runs yet. It comes after all others with these ticks.
 */
#define TIMELINE_STEP_END UINT64_MAX

static inline int timeline_point_compare(const struct timeline_point *a,
					 const struct timeline_point *b)
{
	if (a->event != b->event)
		return a->event < b->event ? -1 : 1;
	if (a->ticks != b->ticks)
		return a->ticks < b->ticks ? -1 : 1;
	if (a->passes != b->passes)
		return a->passes < b->passes ? -1 : 1;
	return a->step < b->step ? -1 : a->step > b->step;
}

/* --- opening --- */

struct timeline_options {
	struct replay_options replay; /* the fields that are about -a are ignored */
	/* Asked about every 20 ms while anything runs: true stops it (^C). NULL: never. */
	bool (*interrupted)(void *ctx);
	void *ctx;
	unsigned int max_checkpoints; /* made automatically; 0: as many as is sensible */
};

/*
 * Open the trace `replay.dir`. The timeline stands behind the first event: at the first instruction
 * of the first program. What goes wrong is said on stderr, here and later; the result is one of
 * the exit statuses of replay.h, or 1, then.
 */
int timeline_open(struct timeline **out, const struct timeline_options *opt);
/* Kills all processes of its. NULL is allowed. */
void timeline_close(struct timeline *tl);

/* --- where it is --- */

/* The exact point. It may have to be found out by replaying a stretch again: not for every stop. */
int timeline_point(struct timeline *tl, struct timeline_point *p);
/* Number of the last completed event that did something (loading a buffer of calls does not), and
 * of the last one of the recording. */
event_t timeline_event(const struct timeline *tl);
event_t timeline_last_event(const struct timeline *tl);
/* Progress of a task; in a diversion, where that began. */
int timeline_ticks(struct timeline *tl, pid_t tid, ticks_t *ticks);
/* Seconds since the recording began, and CLOCK_REALTIME, as of the last completed event. */
double timeline_elapsed(const struct timeline *tl);
double timeline_absolute(const struct timeline *tl);
const char *timeline_dir(const struct timeline *tl);
const struct trace_info *timeline_info(const struct timeline *tl);
bool timeline_at_start(const struct timeline *tl);
bool timeline_at_end(const struct timeline *tl);

/* --- tasks --- */

struct timeline_task {
	pid_t tid, tgid;
	const char *name; /* as in /proc/TID/comm; valid until the timeline moves */
	const char *exe;  /* path of the program, as recorded; valid until it is closed */
};

/* All that exist, in the order of their tids: their number, and up to `max` of them. */
size_t timeline_tasks(struct timeline *tl, struct timeline_task *out, size_t max);
int timeline_task(struct timeline *tl, pid_t tid, struct timeline_task *out);
/* The one that runs next; or that the last stop was about, if that is another. 0: none is left. */
pid_t timeline_current(const struct timeline *tl);

/* --- looking --- */

/* orig_rax is -1 unless the task is inside of a system call. */
int timeline_regs(struct timeline *tl, pid_t tid, struct regs *out);
/* The XSAVE area (not compacted), appended. */
int timeline_fpregs(struct timeline *tl, pid_t tid, struct buf *out);
/* Bytes read; fewer than `n` if what follows is not mapped, or is rr's. */
size_t timeline_read(struct timeline *tl, pid_t tid, raddr_t addr, void *buf, size_t n);
/* As /proc/TID/maps was, without what is rr's; appended. */
int timeline_maps(struct timeline *tl, pid_t tid, struct buf *out);
/* As /proc/TID/cmdline was after execve; appended. */
int timeline_cmdline(struct timeline *tl, pid_t tid, struct buf *out);
/* The auxiliary vector that the program was started with; appended. */
int timeline_auxv(struct timeline *tl, pid_t tid, struct buf *out);
/* siginfo_t of the signal that the last stop was for; -ENODATA if it was not for one. */
int timeline_siginfo(struct timeline *tl, struct buf *out);

/* An open file of the trace with the content of the file that the recorded program had mapped as
 * `path`, or of the same name if there is none: a descriptor of the caller's; -ENOENT. */
int timeline_open_file(struct timeline *tl, const char *path);

/* --- what to stop at --- */

enum timeline_break_kind {
	BREAK_EXECUTE, /* before the instruction at `addr` */
	BREAK_WRITE,   /* when any of `len` bytes has changed */
	BREAK_READ,    /* when any was read */
	BREAK_ACCESS,  /* either, or written without change */
};

struct timeline_break {
	enum timeline_break_kind kind;
	raddr_t addr;
	uint64_t len; /* of the watched memory: up to 4 aligned words by hardware, else slowly */
	pid_t tgid;   /* in this process only; 0: in all */
	/* Whether to stop, asked at each hit; may look, and not move. NULL: always. */
	bool (*condition)(void *ctx, struct timeline *tl, pid_t tid);
	void *ctx;
};

/* Returns an id (> 0), or -errno. The same may be added several times. */
int timeline_break_add(struct timeline *tl, const struct timeline_break *b);
void timeline_break_remove(struct timeline *tl, int id);

enum timeline_catch {
	CATCH_FORK = 1 << 0,
	CATCH_VFORK = 1 << 1,
	CATCH_CLONE = 1 << 2, /* new threads */
	CATCH_EXEC = 1 << 3,
	CATCH_EXIT = 1 << 4, /* of processes */
	CATCH_THREAD_EXIT = 1 << 5,
};
void timeline_catch_events(struct timeline *tl, unsigned int catches);
/* Bit N-1: stop when signal N is about to be delivered. At first: none. */
void timeline_catch_signals(struct timeline *tl, uint64_t signals);
/* Stop at entry and return of these system calls (x86-64 numbers); all: `n` 0; none: nrs NULL. */
void timeline_catch_syscalls(struct timeline *tl, const int *nrs, size_t n);

/* --- moving --- */

enum timeline_stop_reason {
	TIMELINE_STOP_STEP,   /* the step, or the range, is done */
	TIMELINE_STOP_BREAK,  /* at a BREAK_EXECUTE: `id`, `addr` */
	TIMELINE_STOP_WATCH,  /* `id`, `addr`, `len` of what was watched, `kind` of the access.
			       * Forwards behind the instruction, backwards before it. */
	TIMELINE_STOP_SIGNAL, /* `signo` is about to be delivered to `tid` */
	TIMELINE_STOP_SYSCALL_ENTRY,
	TIMELINE_STOP_SYSCALL_RETURN, /* `syscall` */
	TIMELINE_STOP_FORK,	      /* `child` was made: _VFORK and _CLONE alike */
	TIMELINE_STOP_VFORK,
	TIMELINE_STOP_CLONE,
	TIMELINE_STOP_EXEC, /* at the new program's first instruction; `child` is the
			     * task's former tid */
	TIMELINE_STOP_EXIT, /* the process of `tid` ended with `status`; it is gone, or at the
			     * end of the recording still there */
	TIMELINE_STOP_THREAD_EXIT, /* `tid` is gone */
	TIMELINE_STOP_START,	   /* nothing lies before */
	TIMELINE_STOP_END,	   /* nothing lies behind; `status`: of the first process */
	TIMELINE_STOP_INTERRUPTED,
	TIMELINE_STOP_FAILED, /* diverged or damaged, which was said: only closing is left */
};

struct timeline_stop {
	enum timeline_stop_reason reason;
	pid_t tid; /* whom it is about; 0: nobody */
	int id;
	enum timeline_break_kind kind;
	raddr_t addr;
	uint64_t len;
	int signo;
	int syscall;
	pid_t child;
	int status; /* as from waitpid() */
};

enum timeline_run_mode {
	TIMELINE_CONTINUE,
	TIMELINE_STEP,	/* one instruction of task `tid` */
	TIMELINE_RANGE, /* steps of `tid` while its instruction pointer is in [start, end) */
};

struct timeline_run {
	enum timeline_run_mode mode;
	bool backward;
	pid_t tid;
	raddr_t start, end;
};

/*
 * Move, and say where it stopped and why: 0, or a negative number if the request makes no sense.
 * Other tasks run as they did. A stop of any of them ends a step as well. A breakpoint at the very
 * instruction where a move begins is not met by it.
 */
int timeline_run(struct timeline *tl, const struct timeline_run *run, struct timeline_stop *stop);

/*
 * Go there, stopping for nothing on the way but an interrupt. To a point where no instruction
 * begins: to the next one that there is. `stop` (may be NULL): TIMELINE_STOP_STEP when it is there,
 * else why not.
 */
int timeline_seek(struct timeline *tl, const struct timeline_point *p, struct timeline_stop *stop);
/* Behind the completed event `event`. */
int timeline_seek_event(struct timeline *tl, event_t event, struct timeline_stop *stop);
/* To where the current task has made `ticks` ticks: -ERANGE if it never does. */
int timeline_seek_ticks(struct timeline *tl, ticks_t ticks, struct timeline_stop *stop);
int timeline_seek_start(struct timeline *tl, struct timeline_stop *stop);
/* Before the exit of the last process that is left. */
int timeline_seek_end(struct timeline *tl, struct timeline_stop *stop);

/* --- checkpoints of the user --- */

/* Keep this point, so that going there takes no time: an id (> 0) or -errno. */
int timeline_checkpoint(struct timeline *tl);
int timeline_checkpoint_restart(struct timeline *tl, int id, struct timeline_stop *stop);
int timeline_checkpoint_delete(struct timeline *tl, int id);

/* --- diversions --- */

/*
 * Between begin and end the timeline is a copy of itself at this point, in which the functions
 * below work, and what is looked at is the copy's. Forward runs of it execute the program freely:
 * writes to standard output and error are shown, calls that concern memory or time are made, those
 * that would reach anything outside fail with ENOSYS. Only task `tid` runs. Ends throw it away.
 */
int timeline_divert(struct timeline *tl, pid_t tid);
void timeline_divert_end(struct timeline *tl);
bool timeline_diverted(const struct timeline *tl);
/* -EPERM outside of a diversion. */
int timeline_set_regs(struct timeline *tl, pid_t tid, const struct regs *r);
int timeline_set_fpregs(struct timeline *tl, pid_t tid, const void *data, size_t n);
int timeline_write(struct timeline *tl, pid_t tid, raddr_t addr, const void *buf, size_t n);

#endif
