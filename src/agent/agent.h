/*
 * What the agent and the tracer share: the agent's state, and the records that it writes (DESIGN
 * 5).
 *
 * The agent is code of ours in every tracee. Hooks at system calls (src/image) enter it; it makes
 * the call itself, without a stop, and writes down what came of it in the buffer; or it sends the
 * task back to the hook, to make the call there, which stops for the tracer. In replay it takes
 * what is in the buffer instead of calling.
 *
 * All of this lies in memory that is shared by all tracees (mem/layout.h): at most one task is in
 * the agent at any time, and it leaves before another one runs.
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include "mem/layout.h"

/* Offsets that entry.S knows. */
#define STATE_RSP    0
#define STATE_RAW    8
#define STATE_NEXT   16
#define STATE_NR     24
#define STATE_TARGET 32

#define AGENT_MAGIC  0x31746e6567617272 /* "rragent1" */

/* For entry.S: of mem/insn_site.h. */
#define AGENT_SITE_SIZE	 4
#define AGENT_SITE_XSAVE 8

#ifndef __ASSEMBLER__
#include "base/clock.h"

#include <asm/unistd_64.h>
#include <stdint.h>
#include <sys/stat.h>

#define N_CODE_RANGES 64
#define N_OPEN_FILES  128
#define N_KEPT	      64
#define N_CLONES      64
#define N_UNCLONABLE  8
#define N_FD_CLASSES  256
#define MAPPED_FILES  65536 /* bits */
#define MAX_BATCH     48
#define MAX_REST      64
#define MAX_CPUID     256
#define N_XSTATES     20
#define NO_ECHO	      UINT32_MAX

/* A read of at least so many bytes, of a file of at least so many, may be of a clone. */
#define CLONE_READ_MIN	 4096
#define CLONE_FILE_MIN	 (128 << 10)
#define CLONE_AGAIN	 (1 << 20) /* bytes that are read before one that changed is cloned */

#define AGENT_HAS_RDRAND 1
#define AGENT_HAS_RDSEED 2
#define AGENT_HAS_XSAVE	 4
#define AGENT_HAS_CPUID	 8 /* cpuid does not trap */

enum agent_mode {
	AGENT_RECORDS,
	AGENT_REPLAYS,
};

/* Why the agent has stopped for the tracer (agent_report()). */
enum agent_report {
	REPORT_NONE,
	REPORT_FLUSH,  /* recording: the buffer is full; replay: it is used up, and there is more */
	REPORT_ECHO,   /* replay: there is output to be written */
	REPORT_REMAKE, /* replay: the call `nr` with `arg` has to be made again: it gave `result` */
	REPORT_BATCH,  /* the calls of `batch` are made */
	REPORT_CLONE,  /* recording: `clone_fd` is worth a clone; see `clones` */
	REPORT_PART,   /* replay: bytes of `file`, `part`, are to come into AGENT_ECHO: `result` */
	REPORT_WRONG,  /* replay: the call is another one than the recorded one */
	REPORT_BUG,    /* an assertion failed: `reason` */
};

/* Bytes of a file. */
struct agent_part {
	uint64_t offset, size;
};

/* Which content a file has: any change changes this. */
struct agent_stamp {
	uint64_t dev, ino, size;
	int64_t mtime_ns, ctime_ns;
};

/* A system call that the tracer wants made; an argument may be the result of another. */
struct agent_call {
	uint64_t nr;
	uint64_t arg[6];
	int64_t result;
	int8_t from[6]; /* 1 + index of the call whose result the argument is; 0: none */
	uint8_t pad[2];
};

/*
 * A record of the buffer: this, then pieces of memory that the call wrote; all is padded to 8
 * bytes. A call whose pieces did not fit into one buffer has several records, all but the last
 * RECORD_MORE.
 */
struct agent_record {
	uint32_t size; /* with its pieces */
	uint16_t nr;
	uint16_t flags;
	uint32_t check; /* of the arguments: agent_check() */
	uint32_t file;	/* RECORD_REMAKE of a mmap: the number of the file, 0: of memory;
			 * RECORD_CLONED: of the file; RECORD_TIME: nanoseconds, or microseconds */
	int64_t result; /* RECORD_TIME: seconds */
};

struct agent_state {
	uint64_t rsp;	 /* the program's */
	uint64_t raw;	 /* address of the hook's own syscall instruction */
	uint64_t next;	 /* original address of the instruction behind the call */
	uint64_t nr;	 /* the call */
	uint64_t target; /* where the agent leaves to */

	uint32_t mode;	      /* enum agent_mode */
	uint32_t report;      /* enum agent_report */
	uint32_t pos;	      /* bytes of the buffer that are written (record), taken (replay) */
	uint32_t end;	      /* replay: bytes of the buffer that there are */
	uint32_t more;	      /* replay: another buffer follows without an event between them */
	uint32_t echo;	      /* replay: bytes of AGENT_ECHO, or NO_ECHO */
	uint32_t n_calls;     /* calls recorded without a stop, in all */
	uint32_t dies;	      /* replay: the task is to stop when all of the buffer is taken */
	uint32_t flush;	      /* recording: report before the next record, full or not */
	uint32_t buffer_size; /* recording: bytes of the buffer to be used */
	uint32_t may_call;    /* replay: the agent makes again itself what it can */

	/* The last record, if the next one may be like it; recording: it ends there. */
	uint32_t last_end;
	struct agent_record last;

	/* Recording: what of a call that stops now has been done already; and, of one that writes
	 * vectors, what is left: its arguments while the program waits in it. */
	uint64_t partial;
	struct agent_iovec {
		uint64_t base, len;
	} rest[MAX_REST];
	uint64_t n_rest;
	struct agent_msghdr {
		uint64_t name, name_len, iov, n_iov, control, control_len, flags;
	} rest_msg;

	int64_t pid, tid;   /* of the running task, as it sees them; 0: not known */
	uint64_t blocked;   /* signals that the running task blocks, as far as `blocked_known` */
	uint64_t clear_tid; /* of the running task, for when it exits */
	uint64_t robust_list;
	uint64_t attaches; /* its process has attached to tasks: how it waits is the recorder's */
	uint64_t reason;

	/* Of REPORT_REMAKE and REPORT_PART. `file` is also what a record gets while recording. */
	uint64_t file;
	uint64_t arg[6];
	int64_t result;
	struct agent_part part; /* recording: of a RECORD_CLONED, from where it goes on */

	/* Replay: the program's break, 0 if it is not known; and descriptors in the task of files
	 * of the trace. */
	uint64_t brk;
	struct agent_file {
		uint32_t file; /* 0: none */
		int32_t fd;
	} open_files[N_OPEN_FILES];

	/* Instrumented code in the address space: what becomes of it is the tracer's business. */
	uint32_t n_code;
	uint32_t pad_code;
	struct agent_range {
		uint64_t start, end;
	} code[N_CODE_RANGES];

	/* Of time. The vDSO's functions read the counter: only while the running task's may. */
	uint32_t tsc_free;   /* its rdtsc does not trap */
	uint32_t has_clocks; /* ... and the vDSO's data are where they have to be (AGENT_VVAR) */
	struct agent_vdso {  /* functions of the copy of the vDSO; 0: it has none */
		uint64_t clock_gettime, gettimeofday, time;
	} vdso;

	/* Of instructions. */
	struct tsc_clock tsc;
	uint32_t tsc_aux;
	uint32_t features; /* AGENT_HAS_* */
	struct agent_xstate {
		uint32_t offset, size; /* in the area of xsave; 0: there is none */
		uint32_t aligned;      /* in that of xsavec: to 64 bytes */
	} xstate[N_XSTATES];
	uint32_t mxcsr_mask;
	uint32_t pad_mxcsr;
	uint32_t n_cpuid;
	uint32_t pad_cpuid;
	struct agent_cpuid {
		uint32_t leaf, subleaf;
		uint32_t any_subleaf; /* they are all the same */
		uint32_t eax, ebx, ecx, edx;
	} cpuid[MAX_CPUID];

	/* The recorder, and its stdout and stderr. */
	uint64_t recorder;
	struct {
		uint64_t dev, ino;
		uint32_t mode; /* 0: it is closed */
		uint32_t pad;
	} stdio[2];

	/* What the descriptors of the running task are, as far as their generation is the current
	 * one.
	 */
	uint32_t generation;
	uint32_t pad;
	struct agent_fd {
		uint32_t generation;
		uint32_t kind; /* enum fd_kind */
	} fd[N_FD_CLASSES];

	/* Files that some task has mapped, by a hash of their identity: writing to them is the
	 * tracer's business. */
	uint8_t mapped[MAPPED_FILES / 8];

	/* Files of which the trace has a copy: by their hash, if it is of this very content. */
	struct agent_kept {
		struct agent_stamp stamp;
		uint64_t file; /* its number; 0: none */
	} kept[N_KEPT];

	/* Files of which much is read, likewise; what the trace has of them is a clone. If there is
	 * none: how many bytes were read, and when to ask for one. And devices without clones. */
	struct agent_clone {
		struct agent_stamp stamp;
		uint64_t file;
		uint64_t n_read, ask_at;
	} clones[N_CLONES];
	uint32_t may_clone; /* the trace lies where there are any */
	uint32_t n_unclonable;
	uint64_t unclonable[N_UNCLONABLE];
	int32_t clone_fd; /* of REPORT_CLONE: a descriptor of the file, and its index */
	uint32_t clone_asked;

	uint32_t n_batch;
	uint32_t batch_done;
	struct agent_call batch[MAX_BATCH];
};

/* The `nr` of an instruction: this and an enum insn_site_kind. What it gave is in `result`, and in
 * `check` and `file`. */
#define AGENT_INSN     0x8000

#define RECORD_MORE    1
#define RECORD_ECHO    2   /* it wrote `result` bytes to the recorder's stdout */
#define RECORD_ECHO2   4   /* ... to its stderr */
#define RECORD_CAREFUL 8   /* write only what differs: the memory may be read-only */
#define RECORD_REMAKE  16  /* it changed the address space: replay makes it again */
#define RECORD_TIME    32  /* it told the time, without an error */
#define RECORD_LEFT    64  /* an instruction that was left to the CPU */
#define RECORD_CLONED  128 /* each piece is a struct agent_part: what was read is in `file` */

struct agent_piece {
	uint64_t addr;
	uint64_t size; /* its bytes follow, padded to 8 */
};

/*
 * A record like the one before it, which has no pieces and no flags but RECORD_TIME: the same call
 * with the same arguments, and a result that is near. (The first bit of an agent_record is 0.)
 */
struct agent_like {
	uint32_t what; /* 1 | nr << 1 */
	int32_t more;  /* than the result there; RECORD_TIME: in units of the fraction */
};

/* Output in AGENT_ECHO; its bytes follow, padded to 8. */
struct agent_echo {
	uint16_t fd;
	uint16_t goes_on; /* it is not the beginning of what a call wrote */
	uint32_t size;
};

/* The blob begins with this. */
struct agent_header {
	uint64_t magic;
	uint64_t enter_call; /* hooks jump here */
	uint64_t enter_insn;
	uint64_t pass_call; /* ... or here, if the agent is not to be used */
	uint64_t pass_insn;
	uint64_t boot;	    /* makes the shared memory writable, then goes on at `batch` */
	uint64_t batch;	    /* makes the calls of `batch`, then reports; needs no stack */
	uint64_t untraced;  /* behind the syscall instruction whose calls do not stop */
	uint64_t reporting; /* behind that by which the agent reports */
	uint64_t copy;	    /* the instruction that copies the program's memory; if it faults ... */
	uint64_t copy_end;  /* ... the task goes on here */
	uint64_t store;	    /* those that store a time, up to ... */
	uint64_t store_failed; /* ... where the task goes on */
	uint64_t code_end;
};

static inline uint32_t agent_check(const uint64_t arg[6])
{
	uint64_t h = arg[0] * 0x9e3779b97f4a7c15 + arg[1] * 0xbf58476d1ce4e5b9 +
		     arg[2] * 0x94d049bb133111eb + arg[3] * 0xc2b2ae3d27d4eb4f +
		     arg[4] * 0x165667b19e3779f9 + arg[5] * 0xd6e8feb86659fd93;

	return (uint32_t)(h >> 32);
}

static inline uint32_t agent_file_bit(uint64_t dev, uint64_t ino)
{
	return (uint32_t)(((ino ^ dev << 20) * 0x9e3779b97f4a7c15) >> 48) % MAPPED_FILES;
}

/* What the file is known by. */
static inline struct agent_stamp agent_stamp_of(const struct stat *st)
{
	return (struct agent_stamp){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.mtime_ns = st->st_mtim.tv_sec * 1000000000LL + st->st_mtim.tv_nsec,
		.ctime_ns = st->st_ctim.tv_sec * 1000000000LL + st->st_ctim.tv_nsec,
	};
}

static inline bool agent_is_like(const void *record)
{
	return *(const uint32_t *)record & 1;
}

/* Whether the next record may be like this one. */
static inline bool agent_has_like(const struct agent_record *r)
{
	return r->size == sizeof(*r) && !(r->flags & ~RECORD_TIME);
}

/* How many of the fraction are a second in a record of RECORD_TIME. */
static inline int64_t agent_second(const struct agent_record *r)
{
	return r->nr == __NR_gettimeofday ? 1000000 : 1000000000;
}

/* Make `r`, the record before `like`, what `like` stands for. */
static inline void agent_expand(struct agent_record *r, const struct agent_like *like)
{
	int64_t second = agent_second(r), fraction = (int64_t)r->file + like->more;
	int64_t add = like->more;

	if (r->flags) {
		add = fraction / second - (fraction % second < 0);
		r->file = (uint32_t)(fraction - add * second);
	}
	r->result = (int64_t)((uint64_t)r->result + (uint64_t)add);
}

#define AGENT_ALIGN(n) (((n) + 7) & ~(uint64_t)7)
#endif

#endif
