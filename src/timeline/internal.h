/*
 * The timeline's own: what its files share.
 *
 * A *snapshot* is a session with the place where it stands. One is `now`; the others are frozen,
 * and are copied before they run. Inside of the interval between two events only the task of the
 * second one runs; `run.c` runs it, as the driver of the session, and pauses it where a walk asks
 * for it.
 *
 * A *boundary* is where an instruction of the program is executed next. Between boundaries lies
 * code of ours (jumps to stubs, counts), which is passed by; a task is shown at boundaries only.
 */
#ifndef TIMELINE_INTERNAL_H
#define TIMELINE_INTERNAL_H

#include "image/space.h"
#include "replay/session.h"
#include "timeline/timeline.h"

/*
 * A place is an exact point, and perhaps a way from there: where the program stopped while it ran
 * at full speed nobody counted its instructions. Following the way by single steps makes it exact.
 */
enum way_kind {
	WAY_STEPS,    /* so many instructions */
	WAY_ARRIVALS, /* until the task comes to `addr` for the nth time */
	WAY_HITS,     /* until the nth instruction that hits the watchpoint */
};

struct way {
	enum way_kind kind;
	bool fresh; /* an arrival at the point itself counts */
	enum timeline_break_kind watch;
	raddr_t addr;
	uint64_t len;
	uint64_t n;
};

#define MAX_WAYS 6

struct place {
	event_t event;
	ticks_t ticks;
	uint64_t passes;
	uint64_t step;
	bool started; /* the running task was brought to a boundary after the event */
	bool looked;  /* what is to be met here was looked for */
	bool end;     /* where the next event happens: its system call entered, or the like */
	unsigned int n_ways;
	struct way ways[MAX_WAYS];
};

struct snapshot {
	struct session s;
	struct place place;
	uint64_t time_ns; /* of the last event, as recorded */
	uint64_t vtime;	  /* ns that replaying from the start to here took, about */
	bool loaded;	  /* s.ev is the next event */
	bool ended;	  /* there is none */
};

/* --- what to stop at (breaks.c) --- */

#define MAX_SOFT_WATCH (1U << 20)

struct breakpoint {
	int id;
	struct timeline_break b;
	bool soft;	/* a watchpoint that debug registers cannot hold */
	uint8_t *value; /* of watched memory, when it was last looked at */
	pid_t value_of; /* in this process; 0: not known */
};

/* An int3 of ours in a tracee. */
struct inserted {
	raddr_t addr, logical;
	uint8_t old;
};

struct breaks {
	struct breakpoint *list;
	size_t n;
	int last_id;
	unsigned int generation; /* changes with the list */
	size_t n_execute, n_watch, n_soft;
	size_t n_slots; /* debug registers that watchpoints need */
	struct inserted *inserted;
	size_t n_inserted;
	struct mm *inserted_in; /* NULL: nowhere */
	unsigned int inserted_generation;
	bool inserted_calls; /* at all hooks of system calls too */
	struct ptask *armed; /* has the debug registers set; NULL: nobody */
	unsigned int armed_generation;
	raddr_t armed_mark; /* of calls (catch.c) */
	int slot_id[4];	    /* whose they are; 0: free */
	int met[4];	    /* ids of watchpoints that the last instructions met */
	size_t n_met;
	bool keep_values; /* the session is exchanged for another one at the same place */
};

/* Arrivals and hits at full speed, counted from one place. */
struct track {
	bool valid, fresh;
	unsigned int generation;
	ticks_t ticks;
	uint64_t passes;
	unsigned int n_ways; /* that lead to it */
	struct map arrivals; /* address, or WATCH_KEY of a watchpoint -> times */
};

/* Where the agent goes back to the program. */
struct agent_exits {
	raddr_t at[3];
	unsigned int n;
};

#define WATCH_KEY(id) (1ULL << 63 | (uint64_t)(id))

/* --- walking --- */

enum pause {
	PAUSE_NONE,
	PAUSE_START,	 /* at the first boundary of the interval */
	PAUSE_LIMIT,	 /* the ticks asked for are reached */
	PAUSE_STEPS,	 /* the steps are done */
	PAUSE_BREAK,	 /* at an address to stop at: w->hit */
	PAUSE_WATCH,	 /* behind an instruction that hit a watchpoint: w->hit */
	PAUSE_RETURN,	 /* behind a system call that the agent made: w->hit */
	PAUSE_REPEATED,	 /* a watchpoint was met, in the middle of an instruction perhaps: the place
			  * says where it is to go on, not the task */
	PAUSE_END,	 /* w->stop_at_end */
	PAUSE_SLICE,	 /* the machine was busy for a while: for checkpoints and interrupts */
	PAUSE_INTERRUPT, /* the client has asked for it where no point has a name: as above */
};

/* What the driver does in the interval, and why it paused. */
struct walk {
	bool at_start;	  /* pause at the first boundary */
	bool armed;	  /* stop at breakpoints and watchpoints */
	bool asks;	  /* stop when the client wants it, in code without ticks too */
	bool stop_at_end; /* pause before the event takes effect */
	bool stepping;	  /* by single steps, */
	pid_t step_tid;	  /* if this task runs; 0: any */
	uint64_t steps;	  /* stepping: how many */
	bool limited;	  /* pause at the first boundary with at least `ticks` and `passes` */
	ticks_t ticks;
	uint64_t passes;
	bool skip_arrival;     /* the breakpoint at the place where it begins was met already */
	const struct way *way; /* stepping: pause when it is done */
	uint64_t way_left;
	bool way_begun;

	uint64_t done;	 /* instructions executed, or begun, by single steps */
	enum pause late; /* a pause that is due at the next boundary, or behind the event */

	enum pause pause;
	struct timeline_stop hit;
};

#define INTERVALS_CACHED 1024

/* What of an event is needed to find a way back (peek.c). */
struct event_brief {
	enum trace_event_type type;
	pid_t tid, child_tid;
	ticks_t ticks;
	uint64_t time_ns;
	bool runs_code; /* its task, before it */
	bool handler;	/* an asynchronous signal, and a handler runs */
	bool more;	/* EV_BUFFER: it was full */
};

struct code_cache;
struct image_index;
struct task_table;

struct checkpoint {
	int id;
	struct snapshot *snap;
};

struct timeline {
	struct timeline_options opt;
	struct replay_options replay;
	struct replay_driver driver;
	struct snapshot *now;
	struct snapshot *root;	 /* behind the first event */
	struct snapshot **snaps; /* in order; includes root */
	size_t n_snaps;
	struct checkpoint *checkpoints;
	size_t n_checkpoints;
	int last_checkpoint;
	event_t n_events, end_event;
	bool runs_at_end; /* history ends where the interval behind it does */
	int exit_status;  /* of the first process, as from waitpid() */
	bool quiet;	  /* the client wants no output */
	int failed;	  /* enum replay_error; nothing works any more */

	struct breaks breaks;
	unsigned int catches;
	uint64_t catch_signals;
	bool catch_all_calls;
	int *catch_calls;
	size_t n_catch_calls;
	struct {
		event_t exec; /* of the program whose vDSO it is; 0: none */
		raddr_t start, end;
	} vdso;
	struct {
		event_t event; /* of the interval; 0: it is not known */
		pid_t tid;
		unsigned int generation;
		/* In the task's buffer: from where it was looked for, the next call that is caught
		 * (SIZE_MAX: there is none), and the record before it. */
		size_t from, next, near;
	} caught;

	struct code_cache *code;
	struct image_index *images;
	struct task_table *table;
	struct trace_reader *peek;
	struct event_brief *briefs;
	event_t briefs_from;
	size_t n_briefs;

	struct walk *walk;
	const struct landing_point *landing; /* that the interval ends at */
	uint64_t passes;		     /* of the running task on its way there */
	uint64_t end_passes;		     /* when it was there last, at full speed */
	ticks_t target; /* of the safepoint that the replay waits for; 0: none */
	bool between;	/* the replay has taken the task from that on: it may be in code of ours */
	struct track track;
	uint64_t slice_ticks, clock_ns;
	uint64_t fork_ns; /* what making a snapshot takes */
	uint64_t faults;  /* of the running process, when the last one was made */

	bool backwards; /* steps backwards are made */
	struct timeline_stop last_stop;
	event_t signal_shown; /* the stop for the signal of this event was reported */
	struct buf siginfo;   /* of it */

	struct divert *divert;
};

/* --- timeline.c --- */
int tl_fail(struct timeline *tl, int ret);

/* --- code.c --- */
const struct image_space *code_space(struct timeline *tl, struct ptask *p);
/* Mappings have changed, or the session is another one. */
void code_forget(struct timeline *tl);
void timeline_code_release(struct timeline *tl);
/* The task is in code of ours at `addr`: no boundary. */
bool code_is_ours(struct timeline *tl, struct ptask *p, raddr_t addr);
/* The address that the program knows. */
raddr_t code_original(struct timeline *tl, struct ptask *p, raddr_t addr);
/* All places where the instruction at the original `addr` is executed: how many, up to `max`. */
size_t code_copies(struct timeline *tl, struct ptask *p, raddr_t addr, raddr_t *out, size_t max);
/* Where a task goes on behind the trap at `trap`: false if there is none. */
bool code_trap(struct timeline *tl, struct ptask *p, raddr_t trap, raddr_t *resume);
/* In a stub of an image; and at the boundary of a system call there that the agent makes. */
bool code_is_hook(struct timeline *tl, struct ptask *p, raddr_t addr);
bool code_is_call(struct timeline *tl, struct ptask *p, raddr_t addr);
/* All of these: where each is, and its original address. */
typedef void (*code_place_fn)(struct timeline *tl, struct ptask *p, raddr_t addr, raddr_t original);
void code_each_call(struct timeline *tl, struct ptask *p, code_place_fn fn);
bool addr_is_rr(raddr_t addr);

/* --- catch.c --- */
/* The event is a system call that is caught, of `p`. */
bool catches_event(struct timeline *tl, const struct ptask *p, const struct trace_event *ev);
bool catches_signal(const struct timeline *tl, int signo);
/* The running task takes a call that is caught from its buffer, somewhere in this interval. */
bool calls_ahead(struct timeline *tl, struct ptask *p);
/* If it is not the next one: the record before it, which the agent is going to read; else 0. */
raddr_t calls_mark(struct timeline *tl, struct ptask *p);
/* The task stands before such a call (not one of the vDSO's): its number, else NO_CALL. */
#define NO_CALL (-1)
int call_here(struct timeline *tl, struct ptask *p);
/* It waits in the middle of one, for its next buffer. */
int call_begun(struct timeline *tl, struct ptask *p);
struct timeline_stop call_stop(const struct ptask *p, enum timeline_stop_reason why, int nr);

/* --- breaks.c --- */
void breaks_release(struct breaks *b);
void breaks_insert(struct timeline *tl, struct ptask *p);
void breaks_remove(struct timeline *tl);
/* The int3 of ours that the task has run into, or NULL. */
const struct inserted *breaks_at(struct timeline *tl, struct ptask *p, raddr_t addr);
/* Put back what int3s cover in buf. */
void breaks_hide(const struct timeline *tl, const struct ptask *p, raddr_t addr, void *buf,
		 size_t n);
/* A breakpoint is in memory that a landing compares. */
bool breaks_touch(const struct timeline *tl, const struct landing_point *point);
/* A breakpoint to stop at, at the original address: fills `hit`, and asks conditions. */
bool breaks_execute(struct timeline *tl, struct ptask *p, raddr_t logical,
		    struct timeline_stop *hit);
bool breaks_any_execute(struct timeline *tl, struct ptask *p, raddr_t logical);
int watches_arm(struct timeline *tl, struct ptask *p);
void watches_disarm(struct timeline *tl);
/* After a stop of the armed task: note which watchpoints were met (breaks.met), if any. */
bool watches_note(struct timeline *tl, struct ptask *p);
/* The same, if somebody else has looked which slots those are of. */
bool watches_note_slots(struct timeline *tl, unsigned int slots);
/* Of those that were noted, whether one is to be stopped for: values are compared, conditions
 * asked. Nothing is noted any more then. */
bool watches_hit(struct timeline *tl, struct ptask *p, struct timeline_stop *hit);
/* Any watched memory in the process of `p` that has changed. */
bool watches_changed(struct timeline *tl, struct ptask *p, bool soft_only,
		     struct timeline_stop *hit);
/* The same in all processes, after an event of `p`. */
bool watches_after_event(struct timeline *tl, struct ptask *p, struct timeline_stop *hit);
/* Take the values as they are now, if they are not known. */
void watches_refresh(struct timeline *tl, struct ptask *p);
void watches_forget(struct timeline *tl);
/* Arm for a way's watchpoint alone. */
int watch_way_arm(struct timeline *tl, struct ptask *p, const struct way *way);

/* --- run.c --- */
#define SLICE_NS 20000000ULL /* so long is a slice, about */
void driver_init(struct timeline *tl);
/* The next event is about to happen. */
void clear_the_way(struct timeline *tl);

/* --- execute.c --- */
/* A single step from the entry of a call that is skipped would be to its exit, and of no
 * instruction: go there. */
int leave_call(struct timeline *tl, struct ptask *p);

/* --- events.c --- */
/* Have the next event: 1, 0 at the end, <0. */
int next_event(struct timeline *tl);
/* Walk on: w->pause says why it stopped, PAUSE_NONE: the event has happened. 0 or <0. */
int walk_event(struct timeline *tl, struct walk *w);
/* Bring the running task to its boundary, so that the place can be shown. */
int settle_place(struct timeline *tl);
struct ptask *running_task(struct timeline *tl);

/* --- snapshots.c --- */
int snapshot_take(struct timeline *tl, struct snapshot **out);
/* Keep a copy of now among the automatic ones. */
int snapshot_keep(struct timeline *tl);
void snapshot_free(struct snapshot *s);
void snapshots_release(struct timeline *tl);
/* A copy of the snapshot becomes now. */
int snapshot_restore(struct timeline *tl, struct snapshot *s);
/* The last one that is at `p` or before. */
struct snapshot *snapshot_before(struct timeline *tl, const struct timeline_point *p);
/* Make `s` now, without a copy; what was now is the caller's. */
void snapshot_activate(struct timeline *tl, struct snapshot *s);
/* As time passes: make one if it is time for it. */
int snapshots_pass(struct timeline *tl);
/* Replaying time is counted from here on. */
void vtime_begin(struct timeline *tl);
void vtime_pass(struct timeline *tl);

/* --- seek.c --- */
#define INTERRUPTED 1 /* what all of these return when the client wants to stop */
bool interrupted(struct timeline *tl);
struct timeline_point place_point(const struct place *p);
/* Make the place of now exact. */
int place_resolve(struct timeline *tl);
/* Go to the point, or the first boundary behind it. */
int seek_point(struct timeline *tl, const struct timeline_point *to);
/* Go to where the way from an exact point leads. */
int seek_place(struct timeline *tl, const struct place *to);
/*
 * The last point of the interval behind event `e`, in which its task makes `ticks` ticks in all, at
 * which an instruction is executed or begun. 0; -ENOENT: there is none. Both leave now anywhere.
 */
int last_of_interval(struct timeline *tl, event_t e, ticks_t ticks, struct timeline_point *out);
/* The one before an exact point of the same interval. */
int before_in_interval(struct timeline *tl, const struct timeline_point *p,
		       struct timeline_point *out);

/* How often the task comes to the landing's address in the interval behind `e`, which ends at
 * `ticks`: 0 if it ends otherwise. Leaves now anywhere. 0 or <0 or INTERRUPTED. */
int passes_of_interval(struct timeline *tl, event_t e, ticks_t ticks, uint64_t *passes);

/* --- peek.c --- */
int peek_event(struct timeline *tl, event_t n, struct event_brief *out);

/* --- back.c --- */
int run_back(struct timeline *tl, const struct timeline_run *run, struct timeline_stop *stop);

/* --- move.c --- */
struct forward {
	struct timeline_run run;
	const struct timeline_point *limit; /* NULL: the end */
	bool visible;			    /* output is shown, snapshots are made */
	bool skip_arrival;		    /* what is at the first place itself was shown */
	struct timeline_point *met; /* NULL, or where the stop was met: behind an event nothing else
				     * has run yet, which it may have where it is shown */
};
/* Forward: 1: it stopped, *stop says why; 0: the limit is reached; <0. */
int forward(struct timeline *tl, const struct forward *f, struct timeline_stop *stop);
/* The stop that says that a seek is where it was to go. */
int arrived(struct timeline *tl, struct timeline_stop *stop);

/* --- divert.c --- */
/* What the diversion is a copy of. */
struct snapshot *divert_origin(const struct timeline *tl);
int divert_run(struct timeline *tl, const struct timeline_run *run, struct timeline_stop *stop);

/* --- table.c --- */
int table_read(struct timeline *tl);
void table_release(struct timeline *tl);
/* Path of the program of process `tgid` as of the event; "" if it is not known. */
const char *table_exe(const struct timeline *tl, pid_t tgid, event_t event);
/* Its arguments, each with the zero behind it; appended. 0 or -ENODATA. */
int table_cmdline(const struct timeline *tl, pid_t tgid, event_t event, struct buf *out);
/* The event that executed it; 0. */
event_t table_exec_event(const struct timeline *tl, pid_t tgid, event_t event);

#endif
