/*
 * An address space of tracees: reading and writing its memory. Shared by the tasks of a process,
 * and by a vfork child until it execs.
 *
 * Access is through /proc/PID/mem, whose descriptor names the address space, not the process: it
 * stays right when a task dies, and writes reach read-only pages, as a debugger's must (proc(5)).
 */
#ifndef MEM_MM_H
#define MEM_MM_H

#include "abi/abi.h"
#include "base/buf.h"

struct mm_range {
	raddr_t start, end;
};

struct mm {
	int refs;
	int fd;	      /* /proc/PID/mem */
	raddr_t brk;  /* replay: the end of the heap as the tracee knows it; 0: not asked for yet */
	bool shared;  /* record: other processes may see some of it (a writable shared mapping) */
	raddr_t vdso; /* record: where the patched vDSO is; 0: none */
	uint64_t vdso_size;
	struct mm_range *spare; /* record: scratch memory that no task uses now */
	size_t n_spare;
	raddr_t syscall_insn; /* address of a `syscall` instruction that the tracer may run; 0: none
			       */
};

/* The address space that task `tid` runs in now; one reference. 0 or -errno. */
int mm_open(struct mm **out, pid_t tid);
struct mm *mm_get(struct mm *mm);
void mm_put(struct mm *mm);

/* Keep a range of scratch memory for the next that needs one. */
void mm_add_spare(struct mm *mm, raddr_t start, raddr_t end);
/* Take one of at least `size` bytes: false if there is none. */
bool mm_take_spare(struct mm *mm, uint64_t size, struct mm_range *out);

/* Bytes read, fewer than `n` where a page cannot be read (0 if the first). */
size_t mm_read_some(const struct mm *mm, raddr_t addr, void *buf, size_t n);
/* All `n` bytes, or -EFAULT. */
int mm_read(const struct mm *mm, raddr_t addr, void *buf, size_t n);
int mm_write(const struct mm *mm, raddr_t addr, const void *buf, size_t n);
/* Append a NUL-terminated string, at most `max` bytes: 0 or -EFAULT. */
int mm_read_str(const struct mm *mm, raddr_t addr, size_t max, struct buf *out);

/* For the functions of abi/. */
struct abi_mem mm_abi(struct mm *mm);

#endif
