/*
 * A recording on disk: writing it, reading it. Pure: no ptrace. DESIGN 7 says what is in the
 * directory; trace.proto is the public schema of the records.
 *
 * A trace is a sequence of events, numbered from 1. An event says which task it happened to, in
 * which state (registers) the task must be when replay gets there, and what the outside world did
 * to it then: registers afterwards, memory written, mappings made, a task born or dead.
 *
 * Streams (events, data, mmaps, tasks) are sequences of independent checksummed zstd blocks,
 * compressed and written by a thread, never by the caller. All streams are flushed together, events
 * last, so that an event on disk never refers to something that is not.
 */
#ifndef TRACE_TRACE_H
#define TRACE_TRACE_H

#include "base/buf.h"
#include "base/types.h"

#include <sys/stat.h>

#define TRACE_FORMAT 5 /* raised whenever a reader of the old one would be wrong */

enum trace_event_type {
	/* execve succeeded. maps[]: the whole address space; writes[]: what the files do not have
	 */
	EV_EXEC = 1,
	EV_SYSCALL,	  /* a system call, entry to exit, no other task's event in between */
	EV_SYSCALL_ENTRY, /* entered a call that may wait, or makes other events meanwhile */
	EV_SYSCALL_EXIT,  /* ... and left it */
	EV_CLONE,	  /* the call that the task is in made a new task (child_tid) */
	EV_SIGNAL,	  /* a signal was delivered */
	EV_INSN,	  /* an instruction trapped to the recorder: rdtsc, rdtscp, cpuid */
	EV_EXIT,	  /* the task is gone */
	EV_SCHED,	  /* stopped in running code, for others or for a signal */
	EV_BUFFER,	  /* calls that the agent made: writes[0] is its buffer (agent/agent.h) */
	N_EVENT_TYPES,
};

struct trace_bytes {
	const void *data;
	size_t len;
};

/* Memory of a task that the world wrote. */
struct trace_write {
	pid_t tid; /* whose memory; 0: the event's own task */
	raddr_t addr;
	struct trace_bytes bytes;
};

enum trace_map_source {
	MAP_FROM_NOTHING, /* nothing is mapped there any more */
	MAP_FROM_ZERO,	  /* anonymous, zero-filled */
	MAP_FROM_FILE,	  /* private mapping of the saved file `file` */
	MAP_FROM_SHARED, /* mapping of the file `file` as it is at each moment; all tasks map one */
};

/* A mapping that the event made. */
struct trace_mapping {
	pid_t tid; /* in whose address space; 0: the event's own task */
	raddr_t start, end;
	int prot;  /* PROT_* */
	int flags; /* MAP_PRIVATE or MAP_SHARED, and MAP_GROWSDOWN, MAP_NORESERVE */
	enum trace_map_source source;
	uint32_t file;	    /* number of the saved file, from 1 (source FILE, SHARED) */
	uint64_t offset;    /* in the file, bytes */
	uint64_t file_size; /* of the original when it was mapped */
	uint64_t dev, ino;  /* of the original */
	const char *name;   /* the original's path or "[stack]"; "" if anonymous */
};

/* A change to the content of a shared file (source SHARED) that a system call made. */
struct trace_file_write {
	uint32_t file;
	uint64_t offset;
	uint64_t size;		  /* the file's size afterwards */
	struct trace_bytes bytes; /* may be empty: then only the size changed */
};

enum trace_signal_action {
	SIGNAL_HANDLER = 1, /* a handler runs: regs_after, fpregs and writes[] are the frame */
	SIGNAL_FATAL,	    /* the task dies of it: EV_EXIT follows */
	SIGNAL_IGNORED,	    /* no effect but for interrupting the instruction (a fault ignored) */
};

struct trace_event {
	event_t number; /* given by the writer */
	enum trace_event_type type;
	pid_t tid;	  /* the recorder's name for the task */
	uint64_t time_ns; /* CLOCK_MONOTONIC while recording */
	ticks_t ticks;
	struct trace_bytes regs;       /* struct regs at the point; empty: not to be verified */
	struct trace_bytes regs_after; /* when it goes on; empty: as `regs` with rax = result */
	struct trace_bytes fpregs;     /* XSAVE area when it goes on; empty: unchanged */
	int32_t arch;		       /* enum abi_arch; of EV_SYSCALL*, EV_EXEC */
	int32_t syscall;	       /* number; of EV_SYSCALL*, EV_CLONE, EV_EXEC */
	int64_t result;		       /* of EV_SYSCALL, EV_SYSCALL_EXIT */
	bool more;		       /* EV_BUFFER: it was full: the calls go on in another one */
	bool piecewise;		       /* a munmap that spared what is the recorder's: maps[] */
	uint64_t stops;		       /* EV_EXEC, EV_EXIT: of the task for the recorder, so far */
	int32_t echo_fd;	       /* 1 or 2: it wrote `result` bytes to rr's stdout, stderr */
	bool synchronous;	       /* EV_SIGNAL: raised by the instruction at `regs` */
	int32_t signo;
	enum trace_signal_action action;
	struct trace_bytes siginfo; /* siginfo_t */
	struct trace_bytes stack;   /* EV_SCHED at no safepoint: memory at the stack pointer */
	struct trace_bytes words;   /* likewise: pairs of an address and the word there */
	uint64_t delay_ns;	    /* EV_SIGNAL: how long after it came; 0: at once */
	pid_t child_tid;	    /* EV_CLONE */
	uint64_t clone_flags;	    /* EV_CLONE: CLONE_* */
	pid_t former_tid;	    /* EV_EXEC by another thread than the leader: its tid before */
	int32_t exit_status;	    /* EV_EXIT: as from waitpid() */
	uint64_t memory_checksum;   /* 0: none (-C) */
	const struct trace_write *writes;
	size_t n_writes;
	const struct trace_mapping *maps;
	size_t n_maps;
	const struct trace_file_write *file_writes;
	size_t n_file_writes;
};

/* A line of the tree of tasks, for ps and for finding a process without reading all events. */
enum trace_task_kind {
	TASK_START = 1, /* the first task */
	TASK_CLONE,
	TASK_EXEC,
	TASK_EXIT,
};

struct trace_task {
	enum trace_task_kind kind;
	event_t event;
	pid_t tid, tgid;
	pid_t parent_tid; /* TASK_CLONE: who made it */
	uint64_t clone_flags;
	int32_t exit_status;
	const char *exe;	 /* TASK_EXEC */
	const char *const *argv; /* TASK_EXEC, NULL-terminated */
};

struct trace_cpuid {
	uint32_t leaf, subleaf;
	uint32_t eax, ebx, ecx, edx;
};

/* What is known of a recording as a whole: the files `version` and `args_env`. */
struct trace_info {
	uint32_t format;
	const char *build;  /* of the rr that wrote it */
	int32_t arch;	    /* enum abi_arch of the first program */
	const char *ticks;  /* ticks source: "none", "soft", "pmu", "simulated" */
	const char *kernel; /* uname release */
	const char *uuid;   /* 32 hex digits, or --trace-id */
	int32_t bound_cpu;  /* core the tracees ran on; -1: any */
	bool cpuid_faulting;
	const struct trace_cpuid *cpuid;
	size_t n_cpuid;
	uint32_t xsave_size; /* bytes of an XSAVE area on that machine */
	uint64_t xcr0;
	uint64_t stack_limit; /* RLIMIT_STACK of the first program, bytes; RLIM_INFINITY if none */
	uint64_t start_time_ns;	     /* CLOCK_REALTIME when it began */
	uint64_t start_monotonic_ns; /* CLOCK_MONOTONIC at the same moment */
	const char *exe;
	const char *cwd;
	const char *const *argv; /* NULL-terminated */
	const char *const *envp; /* NULL-terminated */
};

/* --- writing --- */

struct trace_writer;

struct trace_writer_options {
	const char *dir; /* the trace directory; made (0700) here, must not exist or be empty */
	bool no_file_cloning;
};

/* Make the directory and the marker `incomplete`. 0 or -errno, said on stderr. */
int trace_writer_open(struct trace_writer **out, const struct trace_writer_options *opt,
		      const struct trace_info *info);

/*
 * Add an event; its number is returned through `number` (may be NULL). What it points to is copied.
 * 0, or the first error that the writing thread met (-ENOSPC, -EIO): the trace then ends before
 * this event, and stays readable.
 */
int trace_writer_event(struct trace_writer *w, const struct trace_event *ev, event_t *number);
int trace_writer_task(struct trace_writer *w, const struct trace_task *task);

/*
 * Keep the content of the open file `fd` in the trace, once per (dev, ino, size, mtime, ctime)
 * unless `fresh`; `*file` is its number. Cloned or linked from the store of kept files beside the
 * traces where that is safe, else copied. 0 or -errno.
 */
int trace_writer_save_file(struct trace_writer *w, int fd, const struct stat *st, bool fresh,
			   uint32_t *file);
/*
 * Keep the content of `fd` by sharing its blocks, or not at all: `*st` is the stamp that the file
 * had all the while, and any later change to the file changes that. -EAGAIN: it changed too lately
 * for that; -EXDEV, -EOPNOTSUPP or -ENOTTY: there can be no clones of files of its device; or
 * another -errno.
 */
int trace_writer_clone_file(struct trace_writer *w, int fd, struct stat *st, uint32_t *file);
/* Whether the trace lies in a file system for which that holds. */
bool trace_writer_may_clone(const struct trace_writer *w);
/* A saved file whose content is `bytes`. */
int trace_writer_save_bytes(struct trace_writer *w, const void *bytes, size_t len, uint32_t *file);

/* Number of the last event written. */
event_t trace_writer_last_event(const struct trace_writer *w);
const char *trace_writer_dir(const struct trace_writer *w);

/* Push all that was given so far towards the disk (asynchronously). */
void trace_writer_flush(struct trace_writer *w);

/* Finish: wait for the thread, remove `incomplete` (if all went well), free `w`. 0 or the first
 * error. */
int trace_writer_close(struct trace_writer *w);

/* --- reading --- */

struct trace_reader;

/* 0 or -errno; errors are said on stderr in one line that names the file and the remedy. */
int trace_reader_open(struct trace_reader **out, const char *dir);
void trace_reader_close(struct trace_reader *r);

const struct trace_info *trace_reader_info(const struct trace_reader *r);
const char *trace_reader_dir(const struct trace_reader *r);
/* Whether the recording ended without its end being written (crash, full disk, still running). */
bool trace_reader_incomplete(const struct trace_reader *r);
/* Events that can be read: the number of the last one. */
event_t trace_reader_last_event(const struct trace_reader *r);

/*
 * The next event: 1, 0 at the end, or -errno (said on stderr; -EBADMSG: the trace is damaged
 * there). What `ev` points to is valid until the next call.
 */
int trace_reader_next(struct trace_reader *r, struct trace_event *ev);
/* Make `number` the next event; -ERANGE if there is none. */
int trace_reader_seek(struct trace_reader *r, event_t number);

/* The task records, in order, from the first: 1, 0 at the end, -errno. Independent of events. */
int trace_reader_next_task(struct trace_reader *r, struct trace_task *task);
void trace_reader_rewind_tasks(struct trace_reader *r);

/* Open saved file `file` read-only: an fd, or -errno. Never leaves the trace directory. */
int trace_reader_open_file(struct trace_reader *r, uint32_t file);

#endif
