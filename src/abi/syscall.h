/*
 * The table of system calls (syscalls.def): a row for every x86-64 and i386 call, which says what
 * the call is named, what its arguments are, what the kernel writes through them, whether it can
 * wait, and how record and replay treat it. The same row drives record, replay, dump and (later)
 * the agent.
 */
#ifndef ABI_SYSCALL_H
#define ABI_SYSCALL_H

#include "abi/abi.h"
#include "base/buf.h"

/* How record and replay treat a call. Nearly all are PLAIN; the rest build state in replay. */
enum syscall_class {
	SYS_PLAIN,   /* record: run, save what was written. Replay: skip, write what was saved. */
	SYS_MEM,     /* replay executes it with the recorded arguments if it succeeded (munmap,
		      * mprotect; mlock is PLAIN) */
	SYS_MADVISE, /* SYS_MEM, with advice that is not deterministic replaced (MADV_FREE) */
	SYS_MMAP,    /* mmap, mmap2, i386 old_mmap */
	SYS_MREMAP,
	SYS_BRK,
	SYS_SHMAT,
	SYS_SHMDT,
	SYS_CLONE, /* fork, vfork, clone, clone3 */
	SYS_EXEC,  /* execve, execveat */
	SYS_EXIT,  /* exit: does not return */
	SYS_EXIT_GROUP,
	SYS_SIGRETURN, /* all registers change */
	SYS_REGS,      /* PLAIN, but registers other than the result may change (arch_prctl,
			* set_thread_area, modify_ldt) */
	SYS_PTRACE,
	SYS_PRCTL,   /* PLAIN but for options that the recorder must emulate or refuse */
	SYS_SETTID,  /* set_tid_address: the recorder notes the address */
	SYS_REFUSED, /* the tracee gets ENOSYS: cannot be recorded faithfully (rseq, io_uring_*,
		      * userfaultfd, ...) */
	SYS_RESTART, /* restart_syscall: belongs to the call that was interrupted */
	N_SYSCALL_CLASSES,
};

enum syscall_flags {
	/* Can wait for something that another tracee may have to do. */
	SYSF_MAY_BLOCK = 1 << 0,
	/* Writes data in memory (a buffer or an iovec) to the fd of argument 0: write, writev,
	 * pwrite64, pwritev, pwritev2, send, sendto, sendmsg. */
	SYSF_OUTPUT = 1 << 1,
	/* Memory may be written even though the result is an error. */
	SYSF_OUT_ON_ERROR = 1 << 2,
	/* Moves data between fds unseen: sendfile, splice, tee, vmsplice, copy_file_range. */
	SYSF_SPLICES = 1 << 3,
	/* Changes the size of a file: truncate, ftruncate, fallocate. */
	SYSF_FILE_SIZE = 1 << 4,
};

/* What an argument is: how it is printed, and what the kernel does with what it points to. */
enum arg_kind {
	ARG_NONE, /* the call has fewer arguments */
	ARG_INT,  /* signed decimal, 32 bits */
	ARG_LONG, /* signed decimal, the architecture's word */
	ARG_HEX,  /* flags, modes, commands */
	ARG_FD,
	ARG_SIZE, /* unsigned decimal */
	ARG_SIG,
	ARG_PTR,   /* an address that the kernel does not write through (input or opaque) */
	ARG_STR,   /* address of a NUL-terminated input string */
	ARG_OUT,   /* a struct or array of fixed size per architecture, written by the kernel */
	ARG_INOUT, /* the same, but read first (so that scratch memory must be filled) */
	/* further kinds (buffers bounded by an argument or the result, iovecs, msghdrs, values
	 * behind a pointer, ...) are added here by the table's needs */
	ARG_OUT_BUF_RET, /* buffer; min(result * unit, capacity) bytes written */
	ARG_OUT_BUF_ARG, /* buffer; all of argument `len_arg` * unit bytes may be written */
	ARG_OUT_BUF_PTR, /* buffer; its length is a value behind the pointer `len_arg` (socklen_t)
			  */
	ARG_INOUT_LEN,	 /* that socklen_t itself: read and written */
	ARG_OUT_IOVEC,	 /* iovec array of `len_arg` entries; result bytes written */
	ARG_SPECIAL,	 /* written memory is found by the row's special handler */
	ARG_FLAGS,	 /* bits or values with names: set `len_arg` of flags.def; not written */
	ARG_IN_BUF,	 /* input buffer of argument `len_arg` bytes */
	ARG_IN_IOVEC,	 /* iovec array of `len_arg` entries, input */
	ARG_OFF,	 /* a 64-bit offset or size; i386 has its high half in the next argument */
	ARG_OFF_HI,	 /* that half, or an argument that the kernel ignores on x86-64 */
	ARG_INOUT_BUF_ARG, /* array of argument `len_arg` structs, read and written (poll) */
	ARG_INOUT_BITS,	   /* bitmap of argument `len_arg` bits in whole words (select) */
	ARG_OUT_MSGBUF, /* a word and then the result's bytes, at most argument `len_arg` (msgrcv)
			 */
	N_ARG_KINDS,
};

struct arg_spec {
	uint8_t kind;	/* enum arg_kind */
	int8_t len_arg; /* index of the argument that bounds it, or -1 (ARG_FLAGS: enum flag_set) */
	uint16_t size[N_ARCHS]; /* bytes of the struct, or the unit that a length is counted in */
};

struct syscall_row;

/* What a special handler works on: the arguments of syscall_outputs(). */
struct syscall_out {
	const struct syscall_row *row;
	const struct abi_call *call;
	const struct abi_mem *mem;
	abi_emit_fn emit;
	void *ctx;
	struct buf *why;
};

/* Emit what the call wrote where data cannot say it. 0, or -ENOTSUP with the reason in `why`. */
typedef int (*syscall_special_fn)(const struct syscall_out *o);
/* Whether a call of a row that may wait can do so with these arguments. */
typedef bool (*syscall_waits_fn)(const struct abi_call *call, const struct abi_mem *mem);

struct syscall_row {
	const char *name;
	int nr[N_ARCHS]; /* -1: the architecture does not have it */
	enum syscall_class class;
	uint32_t flags; /* enum syscall_flags */
	struct arg_spec arg[6];
	syscall_special_fn special; /* or NULL */
	syscall_waits_fn waits;	    /* or NULL: always, if SYSF_MAY_BLOCK is set */
};

/* The row of a call; NULL if there is none (the number is not a call of any kernel known to us). */
const struct syscall_row *syscall_row(enum abi_arch arch, int nr);
/* The row by name ("openat"); NULL if there is none. Where a call takes other arguments on i386 it
 * has two rows of that name (mmap, clone, select, pread64, ...): this is the x86-64 one. */
const struct syscall_row *syscall_row_by_name(const char *name);
/* The same, for the row that an architecture uses. */
const struct syscall_row *syscall_row_find(enum abi_arch arch, const char *name);
/*
 * The call that a multiplexed one stands for: i386 socketcall and ipc (`real` gets the number and
 * arguments of socket, recvmsg, msgrcv, shmat, ...; the result is copied). Other calls are copied
 * as they are. Returns the row of `real`, or `row` itself with `real` a plain copy if the arguments
 * cannot be read or name no call. ipc's SHMAT becomes shmat, but its result is stored at the
 * address in call->arg[3].
 */
const struct syscall_row *syscall_resolve(const struct syscall_row *row,
					  const struct abi_call *call, const struct abi_mem *mem,
					  struct abi_call *real);
/* The name, or "syscall_NNN" in a static buffer where there is no row. */
const char *syscall_name(enum abi_arch arch, int nr);
/* All rows, for tests and listings. */
const struct syscall_row *syscall_rows(size_t *count);

/*
 * Emit every piece of the tracee's memory that the finished call may have written: never less than
 * the kernel wrote; more is allowed where it is mapped (unreadable pieces are dropped by the
 * caller). After -EFAULT that is everything the call could have written, since it may have got part
 * of the way. 0, or -ENOTSUP for a call that cannot be recorded (an ioctl without a row that
 * succeeded): `why` then names the number and the row to add.
 */
int syscall_outputs(const struct syscall_row *row, const struct abi_call *call,
		    const struct abi_mem *mem, abi_emit_fn emit, void *ctx, struct buf *why);

/*
 * The most bytes that the kernel may write through argument `i`, known before the call is made, if
 * the argument is a plain pointer to an output (kinds OUT, INOUT, OUT_BUF_*); 0 otherwise or if it
 * is NULL. Used to redirect the outputs of calls that wait into scratch memory.
 */
uint64_t syscall_arg_capacity(const struct syscall_row *row, const struct abi_call *call, int i,
			      const struct abi_mem *mem);

/* Whether this call, with these arguments, can wait: the row's flag, refined (MSG_DONTWAIT,
 * WNOHANG, FUTEX_WAKE, a zero timeout, F_GETFL). */
bool syscall_may_block(const struct syscall_row *row, const struct abi_call *call,
		       const struct abi_mem *mem);

/* Append `read(3, 0x7ffe0010, 4096) = 832` (or ` = -1 ENOENT`) to `out`; with_ret false leaves the
 * result out. Strings are shown where `mem` is not NULL. */
void syscall_format(const struct abi_call *call, const struct abi_mem *mem, bool with_ret,
		    struct buf *out);

#endif
