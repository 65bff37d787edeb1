/*
 * The recorder's own state, shared by the files of this folder only.
 *
 * A stop of a task is handled by one function (stops.c), which says what the task does next. Events
 * are written when their effect is complete: a system call as one EV_SYSCALL if nothing happened in
 * between, else as EV_SYSCALL_ENTRY (written late, by log_entry()) and EV_SYSCALL_EXIT.
 */
#ifndef RECORD_SESSION_H
#define RECORD_SESSION_H

#include "abi/syscall.h"
#include "agentctl/agentctl.h"
#include "base/map.h"
#include "image/cache.h"
#include "record/record.h"
#include "sched/sched.h"
#include "task/task.h"
#include "ticks/soft.h"
#include "ticks/ticks.h"
#include "trace/trace.h"

/* What a task does after its stop was handled. */
enum next {
	NEXT_USER,   /* run the program's code; replay can find where it is */
	NEXT_MIDDLE, /* the same from where replay cannot: nobody else may run first */
	NEXT_KERNEL, /* go on in the system call it is in */
	NEXT_STAY,   /* not now: it was put somewhere else (job control stop), or is gone */
	NEXT_YIELD,  /* stopped at a point that was written down: others run now */
	NEXT_AGAIN,  /* the handler waited by itself: look at the new stop */
	NEXT_DYING,  /* it was killed under our hands: wait for what is left of it */
};

enum run_state {
	RUN_READY,   /* stopped, queued or current */
	RUN_BLOCKED, /* let go in a system call, others run meanwhile */
	RUN_STOPPED, /* job control (PTRACE_LISTEN) */
	RUN_EXITING, /* said good-bye (EV_EXIT); the kernel is still at it */
};

struct process {
	pid_t tgid;
	int live;	       /* tasks without EV_EXIT */
	int refs;	       /* rtasks that exist */
	struct rtask *execing; /* its thread that is in execve, while there are others; or NULL */
	int n_attached;	       /* tasks to which tasks of it have attached */
	bool no_new_privs;     /* as the program set it (PR_SET_NO_NEW_PRIVS) */
	bool undumpable;       /* as the program set it (PR_SET_DUMPABLE), which is not done */
};

/* Signals in the order in which they came. */
struct siglist {
	struct kept_signal {
		siginfo_t si;
		uint64_t arrived_ns;
	} * v;
	size_t n, cap;
};

struct scratch {
	raddr_t addr; /* the tracee's; 0: none yet */
	uint64_t size;
	struct {
		int arg;
		raddr_t user; /* what the program passed */
		raddr_t scratch;
		uint64_t len;
	} redirect[6];
	int n_redirects; /* 0: the call in progress is not redirected */
};

/* What a process does about a signal that we force (forced.c). */
#define N_FORCED 2
struct forced_action {
	raddr_t handler;
	uint64_t flags;
};

struct rtask {
	struct task t;
	struct sched_entity se;
	enum run_state state;
	bool stop_pending; /* t.stop was not handled yet */
	bool held;	   /* not queued until a sibling's execve has failed */
	bool exit_logged;
	pid_t former_tid; /* the tid that it had before its execve made it the leader */
	int resume_signo; /* to be delivered when it is resumed next */
	struct process *process;
	struct code *code; /* instrumented code in its address space (code.c) */
	event_t last_event;

	/* Progress in running code. */
	struct task_ticks ticks;
	struct ticks_counter *counter; /* NULL: the code counts by itself */
	int64_t slice_left;	       /* ticks until it has had its slice */
	unsigned int resumed_beat;     /* rec->beats when it was last let run */
	enum interrupt {
		INTERRUPT_NONE,
		INTERRUPT_HURRY, /* it was stopped to make it stop at its next safepoint */
	} interrupt;
	unsigned int waits_for; /* grant_ticks(): since resumed_beat; 0: for nothing */
	raddr_t no_safepoints;	/* page of code in which one was waited for in vain; 0: none */
	raddr_t safepoint;	/* where signals that were kept are delivered; 0: at no safepoint */
	bool buffered;		/* its calls come through the agent */
	bool tsc_traps;		/* rdtsc does, by its setting in the kernel */
	bool in_middle;		/* it ran since it was at a point that is written down */
	bool interrupt_sent;	/* the stop is still to come */

	/* The system call that it is in. */
	bool in_syscall;
	bool interrupted; /* ended with -ERESTART*: the kernel will restart it or run a handler */
	uint64_t partial; /* bytes that the agent has written already */
	bool remade;	  /* interrupted with -EINTR by an ignored signal: we restart it */
	int n_remade;
	uint64_t entered_ns; /* when, for a call that may block */
	struct {
		raddr_t at; /* where a sleep leaves what remains; 0: nowhere */
		uint64_t before[2], written[2];
	} rem;
	bool entry_logged;
	const struct syscall_row *row;
	struct abi_call call;
	struct regs entry_regs;
	bool unmap_around; /* a munmap that must spare what is ours: it is done piecewise */
	bool force_result; /* do not make the call (or overrule it): result is `forced` */
	int64_t forced;
	int echo_fd;
	struct {
		uint64_t dev, ino;
		bool regular;
		pid_t victim; /* it is the memory of this tracee; 0: it is not */
		raddr_t addr; /* where in it the call writes */
	} target;	      /* the file that a call of SYSF_OUTPUT or SYSF_SPLICES writes to */
	bool may_block;
	struct scratch scratch;

	/* Another recorded task has attached to it (attach.c). */
	struct attached {
		pid_t tracer; /* tid; 0: none has */
		bool seized;
		bool frozen; /* it does not run */
		int report;  /* wait status that its tracer did not see yet; 0: none */
		uint64_t options;
	} attached;

	/* Signals. */
	struct siglist stash;  /* arrived in running code, kept until the next safepoint or call */
	struct siglist raised; /* sent again by us at a system call, not delivered yet */
	struct siglist
		joined;	     /* a SIGTRAP that went with one of ours, blocked until a system call */
	uint64_t arrived_ns; /* when the one that is delivered now was kept; 0: it was not */
	bool frame_failed;   /* the kernel could not build a handler's frame ... */
	bool frame_of_fault; /* ... for a synchronous signal */
	uint64_t boundary;   /* signals that the kernel must deliver before any instruction runs */
	struct regs boundary_regs;

	struct sighand *sighand;	 /* forced.c */
	struct forced_action new_action; /* of the rt_sigaction in progress */
	uint64_t forced_blocked;

	/* Seccomp. */
	bool strict;	     /* a remote call might kill it */
	raddr_t filter_vdso; /* the vDSO whose calls its filters were made to allow; 0: it has none
			      */

	/* What the kernel does when it exits. */
	raddr_t clear_tid;
	raddr_t robust_list;
};

/*
 * A file that is or was mapped. Either replay maps one shared file (`file`) for all of its
 * mappings, or copies of its content, which may be only for private mappings while the file does
 * not change.
 */
struct mapped_file {
	struct mapped_file *next; /* of this inode number, on another device */
	uint64_t dev, ino;
	char *name;
	uint32_t file;	     /* number of the shared file in the trace; 0: none */
	uint32_t kept;	     /* number of the last copy for a private mapping */
	bool private_copies; /* replay may have copies mapped */
};

struct recorder {
	const struct record_options *opt;
	struct trace_writer *trace;
	struct sched sched;
	struct soft_ticks ticks;
	struct agent agent;
	unsigned int flushed_beat; /* `beats` when the buffer of calls was emptied last */
	struct rtask *in_code;	   /* that ran code last: what is in the agent's buffer is its */
	const struct ticks_source *source; /* that counts instead; NULL: none */
	struct image_cache *images;
	double ticks_per_ns;	     /* measured */
	uint64_t slice_start;	     /* ns: when the running task's slice began */
	uint64_t slice_used;	     /* ticks in it */
	volatile unsigned int beats; /* of our timer */
	struct map tasks;	     /* tid -> struct rtask */
	struct map orphans;  /* tid -> wait status of a task whose clone event is still to come */
	struct map files;    /* inode number -> struct mapped_file */
	struct map procfs;   /* device -> whether a procfs is on it */
	uint64_t proc_dev;   /* of our own /proc */
	struct map segments; /* shmid -> number of a shared file in the trace */
	struct rtask *current;
	int n_live; /* rtasks that were not reaped */
	pid_t root_tgid;
	bool root_gone;
	int root_status;
	int error; /* sticky: recording has to end; said already */
	bool cpuid_faulting;
	bool all_executable; /* some program may execute all that it can read (personality(2)) */
	uint64_t vvar_size;  /* of the vDSO's data, if the agent has a copy of its code; else 0 */
	uint64_t stdio_dev[3], stdio_ino[3]; /* of our own fds 1 and 2 */
	uint32_t stdio_mode[3];
	uint64_t now;		/* time of the last event, ns */
	uint64_t term_deadline; /* ns: SIGKILL all then; 0: no SIGTERM came */
	struct buf data;	/* bytes of the event being built */
	struct buf fpregs;
};

/* --- tasks.c --- */
struct rtask *rtask_new(struct recorder *rec, pid_t tid, struct process *p, struct mm *mm);
void rtask_free(struct recorder *rec, struct rtask *t);
struct rtask *rtask_find(struct recorder *rec, pid_t tid);
struct process *process_new(pid_t tgid);
/* The execve of `t` is over: if it failed, its siblings go on. */
void rtask_exec_over(struct recorder *rec, struct rtask *t);
/* It may run: queue it, unless it is frozen. */
void rtask_ready(struct recorder *rec, struct rtask *t);
/* The task has a stop that must be handled: queue it. */
void rtask_note_stop(struct recorder *rec, struct rtask *t, const struct stop *stop);

/* --- record.c --- */
/* Take in the stops that tasks have come to, without waiting. */
void collect_stops(struct recorder *rec);
/* Whether a wait ended with a signal to us (which is seen to). */
bool interrupted_wait(struct recorder *rec, int ret);

/* --- stops.c --- */
/* Handle t.stop. */
enum next handle_stop(struct recorder *rec, struct rtask *t);

/* --- events.c: building events --- */
struct event_builder {
	struct recorder *rec;
	struct trace_event ev;
	struct trace_write *writes;
	size_t n_writes, cap_writes;
	const void
		*lent; /* the bytes of the only write, if they are not in the recorder's `data` */
	struct trace_mapping *maps;
	size_t n_maps;
	struct buf why;
};

void event_begin(struct event_builder *b, struct recorder *rec, struct rtask *t,
		 enum trace_event_type type);
/* Memory of `t` as it is now, as far as it can be read. */
void event_add_memory(struct event_builder *b, struct rtask *t, raddr_t addr, uint64_t len);
/* Given bytes that stay as they are until event_end(): the event's only write. */
void event_lend_bytes(struct event_builder *b, pid_t tid, raddr_t addr, const void *p, size_t n);
/* Given bytes, copied. */
void event_add_bytes(struct event_builder *b, pid_t tid, raddr_t addr, const void *p, size_t n);
/* A mapping; what it points to must live until the end. */
void event_add_mapping(struct event_builder *b, const struct trace_mapping *m);
/* Write the event to the trace; an error of it ends the recording. */
void event_end(struct event_builder *b, struct rtask *t);
/* abi_emit_fn whose context is a struct emit_ctx. */
struct emit_ctx {
	struct event_builder *b;
	struct rtask *t;
};
void event_emit(void *ctx, raddr_t addr, uint64_t len);

/* --- syscalls.c --- */
enum next on_syscall_entry(struct recorder *rec, struct rtask *t);
enum next on_syscall_exit(struct recorder *rec, struct rtask *t);
/* Write EV_SYSCALL_ENTRY for the call that t is in, unless that was done. */
void log_entry(struct recorder *rec, struct rtask *t);
/* Write the end of t's call with all that it wrote. */
void log_exit(struct recorder *rec, struct rtask *t, int64_t result);
/* Write that t's call will be made anew, by the instruction at which the task stands. */
void log_restart(struct recorder *rec, struct rtask *t);
/* Begin EV_SYSCALL or EV_SYSCALL_EXIT, whichever it is. */
void begin_syscall_event(struct event_builder *b, struct recorder *rec, struct rtask *t,
			 int64_t result);

/* --- scratch.c: outputs of calls that wait --- */
void scratch_redirect(struct recorder *rec, struct rtask *t);
void scratch_restore_args(struct rtask *t);
/* All scratch memory in an address space, into `out` if it is not NULL: how many ranges. */
size_t scratch_ranges(struct recorder *rec, const struct mm *mm, struct mm_range *out);
/* Of a copy of `n` bytes of memory at `addr`: replay has none there, which reads as zeros. */
void scratch_hide(struct recorder *rec, const struct mm *mm, raddr_t addr, uint8_t *copy, size_t n);
/* Something else is mapped there now. */
void scratch_forget(struct recorder *rec, struct mm *mm, raddr_t start, raddr_t end);
/* A forked address space has copies of all of its parent's: they are spare there. */
void scratch_inherit(struct recorder *rec, const struct mm *parent, struct mm *child);
/* The task is gone: somebody else may have its scratch memory. */
void scratch_release(struct rtask *t);
void scratch_copy_back(struct rtask *t, int64_t result);

/* At least so much scratch memory, at an entry stop; 0: there is none. It is redirected calls' too.
 */
raddr_t scratch_reserve(struct rtask *t, uint64_t size);
/* A few bytes (SCRATCH_TAIL) of it that calls' outputs do not use. */
raddr_t scratch_tail(struct rtask *t);
#define SCRATCH_TAIL 64

/* --- remake.c: calls that an ignored signal interrupted --- */
#define SYSCALL_INSN_SIZE 2
/* At an exit with -EINTR: whether the call has to be made again; the registers are set for it then.
 */
bool remake_interrupted(struct recorder *rec, struct rtask *t);
/* The instruction has been run again. */
void remake_entered(struct rtask *t);
/* A handler runs first: the call ends with -EINTR after all. */
void remake_abandon(struct rtask *t);

/*
 * A sleep that is restarted has left no remaining time, natively: note what is there at the entry,
 * put it back when the call is interrupted, and write the time when it ends by that.
 */
void remaining_keep(struct rtask *t);
void remaining_hide(struct rtask *t);
void remaining_show(struct rtask *t);

/* --- filter.c: seccomp --- */
/* At an entry stop: let the kernel skip the call. It has an exit stop all the same. */
void call_skip(struct rtask *t);
/* Whether the task's filters let our remote calls pass. */
bool filter_allows_remote(const struct rtask *t);
/* At the entry and exit of prctl and seccomp. */
void filter_prepare(struct rtask *t);
/* Whether the call, if it succeeds, restricts what calls can be made. */
bool filter_is_set_by(const struct abi_call *c);
void filter_note_exit(struct recorder *rec, struct rtask *t);

/* --- entry.c: decisions before a call is made --- */
/* Whether the file is a 32-bit ELF program. */
bool is_i386_file(const char *path);
void syscall_prepare(struct recorder *rec, struct rtask *t);

/* --- attach.c: ptrace among tracees --- */
/* At the entry of ptrace: its result. */
int64_t attach_request(struct recorder *rec, struct rtask *t);
/* At its exit: what it wrote into another task. */
void attach_add_writes(struct event_builder *b, struct rtask *t, int64_t result);
/* At the entry of wait4 or waitid: whether the stop of an attached task is its answer. */
bool attach_wait(struct recorder *rec, struct rtask *t, int64_t *result);
/* A frozen task that dies has to. */
void attach_note_stop(struct rtask *t, const struct stop *stop);
/* Its execve gave the task the leader's tid. */
void attach_note_renamed(struct recorder *rec, const struct rtask *t);
/* The task is gone: who had attached to it or was attached to by it. */
void attach_forget(struct recorder *rec, struct rtask *t);

/* --- output.c --- */
void output_init(struct recorder *rec);
/* 1 or 2 if the task's `fd` is our stdout or stderr, else 0; what it is goes to t->target. */
int output_stream(struct recorder *rec, struct rtask *t, int fd);

/* --- mappings.c --- */
/*
 * Keep the file at `path` (in /proc) for the mapping *m of task `t`, which gets source, file and
 * identity. 0 or -errno.
 */
int save_mapped_file(struct recorder *rec, struct rtask *t, const char *path, bool shared,
		     struct trace_mapping *m);
void on_mmap_exit(struct recorder *rec, struct rtask *t, int64_t result);
void on_shmat_exit(struct recorder *rec, struct rtask *t, int64_t result);

/* --- files.c --- */
/* The file with this identity, or NULL; or a new one. */
struct mapped_file *mapped_file_find(struct recorder *rec, uint64_t dev, uint64_t ino);
struct mapped_file *mapped_file_add(struct recorder *rec, uint64_t dev, uint64_t ino,
				    const char *name);
void mapped_files_release(struct recorder *rec);
/* Whether a task maps it, but for what `t` maps between `start` and `end`. */
bool mapped_file_in_use(struct recorder *rec, const struct mapped_file *f, const struct rtask *t,
			raddr_t start, raddr_t end);
/* Let replay map the shared file f->file, `size` bytes long, where it has private copies. */
void mapped_file_follow(struct event_builder *b, struct mapped_file *f, uint64_t size);
/*
 * The call of `t` changed the file, open as `fd`: if replay has private copies, they become the
 * shared file as it is now. False if it is a shared file already, and the change has to be
 * recorded.
 */
bool mapped_file_changed(struct event_builder *b, struct mapped_file *f, const struct rtask *t,
			 int fd, const struct stat *st);

/* --- futex.c --- */
/* If it waits for a PI futex, wait until it sleeps; true if it stopped instead. */
bool futex_settle(struct rtask *t);
/* A task is gone: let those that get its PI futexes have them before anybody else runs. */
void futex_settle_waiters(struct recorder *rec);
/* What the kernel wrote when the call of `t` began to wait. */
void futex_add_entry(struct event_builder *b, struct rtask *t);

/* --- procmem.c --- */
/* A call of SYSF_OUTPUT, which may write to the memory of a tracee: 0, or -errno to refuse it. */
int proc_mem_prepare(struct recorder *rec, struct rtask *t);
void add_proc_mem_write(struct event_builder *b, struct rtask *t, int64_t result);

/* --- shared.c --- */
/* proc(5), fdinfo: where the descriptor's offset is now (-1: not known), and its O_ flags. */
void fd_info(pid_t tid, int fd, int64_t *pos, unsigned int *flags);
/* Add what the finished call did to a file that is mapped. `fw` has room for one. */
void add_file_changes(struct event_builder *b, struct rtask *t, int64_t result, struct buf *data,
		      struct trace_file_write *fw);

/* --- exec.c --- */
enum next on_exec_event(struct recorder *rec, struct rtask *t);
/* The exec of `t` is complete: make the address space ours and write EV_EXEC. */
void log_exec(struct recorder *rec, struct rtask *t);
/* Replace the functions of the vDSO at `mm` by system calls, `hooked`: that enter the agent. 0 or
 * -errno. */
int vdso_patch(struct mm *mm, raddr_t base, size_t size, bool hooked);
/* A program starts with its stack at `sp`: take the vDSO out of what that says. 0 or -errno. */
int vdso_hide(struct mm *mm, raddr_t sp);
/* Give the agent a copy of our vDSO's functions, if that can be done. */
void vdso_copy(struct recorder *rec);
/* What of an address space has to move for them to work; false: they cannot. */
struct maps;
bool vdso_find_data(const struct recorder *rec, const struct maps *maps, struct agent_vvar *out);

/* --- clone.c --- */
enum next on_clone_event(struct recorder *rec, struct rtask *t);
void log_task_start(struct recorder *rec, struct rtask *t);

/* --- exit.c --- */
enum next on_exit_event(struct recorder *rec, struct rtask *t);
void on_reaped(struct recorder *rec, struct rtask *t);
/* The kernel's letter for what a task does (proc(5), stat): 'Z' done exiting, 'X' gone. */
char task_state(pid_t tid);

/* --- signals.c --- */
enum next on_signal(struct recorder *rec, struct rtask *t);
/* Keep a signal for later. */
void signals_stash(struct rtask *t, const siginfo_t *si);
/* Forget all that is kept; frees. */
void signals_release(struct rtask *t);
/* Send the stashed signals again, at a system-call entry; whether there was one that could be sent.
 */
bool signals_raise_stash(struct rtask *t);
/* At every system-call entry. */
void signals_raise_joined(struct rtask *t);
/* Find out which signals will be delivered before the task runs an instruction. */
void signals_note_boundary(struct rtask *t);

/* --- tsc.c: whose rdtsc traps --- */
/* The setting of a task that is about to run, if its code needs another one, and ours. */
void tsc_settle(struct recorder *rec, struct rtask *t);
/* Whether its rdtsc must trap before its call is made, which takes from us the means to see to it.
 */
bool tsc_is_last_chance(const struct rtask *t);

/* --- code.c: instrumented code in tracees --- */
/* Whether nothing can be executed in the address space that reads the time-stamp counter by itself:
 * all of it is left to the agent. */
bool code_leaves_tsc(const struct rtask *t);
/* Whether no stubs of images are in [start, end). */
bool code_has_no_stubs(const struct rtask *t, raddr_t start, raddr_t end);
/* If the registers are of a place in a stub: make them those of the original instruction, true. */
bool code_show(const struct rtask *t, struct user_regs_struct *u);
/* Put the original bytes into buf[0..n), which was read from `addr`. */
void code_hide(const struct rtask *t, raddr_t addr, void *buf, size_t n);
/* Something may, from now on. */
void code_note_foreign(struct rtask *t);
/* Whether the agent can ask the vDSO for the time there. */
bool code_has_clocks(const struct rtask *t);
/* A new address space: map the tick page, and images over what `maps` says is mapped; it says what
 * is mapped then. 0 or -ESRCH; what cannot be instrumented is left as it is. */
struct maps;
int task_code_exec(struct recorder *rec, struct rtask *t, struct maps *maps);
/* A new task has the code of its parent's address space. */
void task_code_clone(const struct rtask *parent, struct rtask *child, bool same_memory);
void task_code_release(struct rtask *t);
/* If text or stubs of an image begin at `start`: their mapping. */
bool code_describe(const struct rtask *t, raddr_t start, struct trace_mapping *m);
/* What the program may see of a mapping that begins at `start`. */
enum code_visible {
	VIEW_HIDDEN, /* it is ours */
	VIEW_SHOWN,
};
struct code_view { /* what is mapped there originally, if `name` is not NULL */
	uint64_t offset, dev, ino;
	const char *name;
};
enum code_visible code_view(const struct rtask *t, raddr_t start, struct code_view *v);
/* What a call did to the task's address space, and we do for it, goes to the event of the call. */
void code_mapped(struct event_builder *b, struct rtask *t, const struct trace_mapping *m);
void code_unmapped(struct event_builder *b, struct rtask *t, raddr_t start, raddr_t end);
void code_protected(struct event_builder *b, struct rtask *t, raddr_t start, raddr_t end, int prot);
/* The ranges of instrumented text and its stubs, at most `max`; how many there are. */
size_t code_ranges(const struct rtask *t, struct agent_range *out, size_t max);
/* Whether the program must not unmap all of [start, end), for some of it is ours; and unmap the
 * rest, which goes to the event. */
bool code_must_stay(struct recorder *rec, const struct rtask *t, raddr_t start, raddr_t end);
void code_unmap_around(struct event_builder *b, struct rtask *t, raddr_t start, raddr_t end);
/* Whether [start, end) has instrumented text. */
bool code_overlaps(const struct rtask *t, raddr_t start, raddr_t end);
/* Whether the task stands at an instruction that is patched over, but not at a window's beginning.
 */
bool inside_window(const struct rtask *t);
/* If the task is to go on inside of a window, let it go on at the displaced instruction. */
void enter_displaced(struct rtask *t);
/* What stands at an address of the task's: of a stub or not. */
struct image_point code_point(const struct rtask *t, raddr_t addr);
/*
 * If the task stands in a stub, let it stand at the original instruction instead: before it sees
 * its own registers. So does the siginfo of a fault.
 */
void show_original(struct rtask *t, siginfo_t *si);

/* --- procmaps.c --- */
/* The task has opened `fd`: if it shows mappings, let it not show ours. */
void hide_code_in_maps(struct recorder *rec, struct rtask *t, int fd);

/* --- buffer.c: calls that the agent makes --- */
/* How running code is resumed (ptrace), and the agent made ready for the task. */
int buffer_resume(struct recorder *rec, struct rtask *t, enum next next);
/* The task has stopped: what the agent has noted of it. */
void buffer_settle(struct recorder *rec, struct rtask *t);
/* Write what is in the buffer to the trace. */
void buffer_flush(struct recorder *rec, bool more);
/* A while has passed: what is in the buffer should not be lost if we are killed. */
void buffer_grow_old(struct recorder *rec);
/* The agent stopped by itself. */
enum next on_agent_report(struct recorder *rec, struct rtask *t);
/* If it is the agent whose copying of the program's memory has failed: let it know, true. */
bool buffer_copy_failed(struct recorder *rec, struct rtask *t);
/* At the entry of a call that the agent has done a part of: let the program do the rest. */
void buffer_continue_partial(struct recorder *rec, struct rtask *t);
/* And at its exit: the result that it has natively. */
int64_t buffer_partial_result(struct rtask *t, int64_t result);
/* The trace has the file, and replay may map a copy of it; that is so no more. */
void buffer_note_kept(struct recorder *rec, const struct stat *st, uint32_t file);
void buffer_note_changed(struct recorder *rec, uint64_t dev, uint64_t ino);
/* A file is mapped: writing to it is not for the agent. */
void buffer_note_mapped(struct recorder *rec, uint64_t dev, uint64_t ino);

/* --- reads.c: files of which much is read --- */
/* The trace is open: whether the agent asks for clones at all. */
void reads_begin(struct recorder *rec);
/* The agent asks for a clone of a file (REPORT_CLONE): it is told, in its table, what to do. */
void reads_clone(struct recorder *rec, struct rtask *t);

/* --- preempt.c: stops in running code --- */
void begin_slice(struct recorder *rec, struct rtask *t);
/* Before the task runs its code: how far it may go. */
void grant_ticks(struct recorder *rec, struct rtask *t);
/* It has stopped: how far it came. */
void settle_ticks(struct recorder *rec, struct rtask *t);
/* The task has a new program, or is new: count for it, if something counts from outside. */
void count_task(struct recorder *rec, struct rtask *t);
/* It has stopped in running code: make that a point of its own; then signals that wait are
 * delivered, or others run. */
enum next land(struct recorder *rec, struct rtask *t);
/* The same, some instructions further, where replay finds it soon. */
enum next search_and_land(struct recorder *rec, struct rtask *t);
/* Whether the task runs where a safepoint was waited for in vain. */
bool in_vain(const struct rtask *t);
/* The interrupt of such a counter. */
enum next on_ticks_interrupt(struct recorder *rec, struct rtask *t);
/* At a SIGTRAP: whether a safepoint's trap raised it. */
bool at_safepoint(struct recorder *rec, struct rtask *t);
enum next on_safepoint(struct recorder *rec, struct rtask *t);
/* If it is counting, let it finish: the count cannot be changed before. 0, -ESRCH, or 1 if it is at
 * a safepoint's trap now. */
int finish_counting(struct recorder *rec, struct rtask *t);
/* We waited in vain for a stop of the running task: see that it comes to one, if it is time. */
void hurry(struct recorder *rec, struct rtask *t);
/* A ptrace trap: the stop that hurry() asked for, or one of the kernel's (new task, SIGCONT). */
enum next on_interrupt(struct recorder *rec, struct rtask *t);
/* The process was stopped (job control), which may have been in the middle of running code. */
void note_group_stop(struct recorder *rec, struct rtask *t);

/* --- sigstate.c --- */
struct signal_state {
	uint64_t pending; /* for the task or its process; bit N-1 is signal N */
	uint64_t blocked, ignored, caught;
};
/* 0 or -errno. */
int signal_state(const struct rtask *t, struct signal_state *out);

/* --- forced.c: the program's own SIGSEGV and SIGTRAP, which traps of ours must not change --- */
void forced_release(struct rtask *t);
void forced_exec(struct rtask *t);
void forced_clone(struct rtask *t, struct rtask *child, uint64_t flags);
/* At a system call's entry and exit; a handler's frame was built; the mask may be another. */
void forced_note_entry(struct rtask *t);
void forced_note_exit(struct rtask *t);
void forced_note_handler(struct rtask *t, int signo);
void forced_note_mask(struct rtask *t);
/* The same; as the agent knows it. */
void forced_note_blocked(struct rtask *t, uint64_t blocked);
/* After a trap of ours, which raised `signo`. */
void forced_restore(struct rtask *t, int signo);

/* --- insn.c --- */
/* If the SIGSEGV is a trapped rdtsc, rdtscp or cpuid: do it, write EV_INSN, true. */
bool insn_emulate(struct recorder *rec, struct rtask *t, const siginfo_t *si);
/* Whether the leaf's subleaves differ. */
bool cpuid_has_subleaves(uint32_t leaf);
/* The agent answers as we would: these are the CPU's leaves. */
void insns_tell_agent(struct recorder *rec, const struct trace_cpuid *cpuid, size_t n);
/* The time-stamp counter of tracees, which tsc_clock_begin() has begun. */
void insns_calibrate(struct recorder *rec);

#endif
