/*
 * What is true of the kernel's interface on each architecture that a tracee can have, as data.
 * Pure: no ptrace, no process; a tracee's memory is read through a callback.
 */
#ifndef ABI_ABI_H
#define ABI_ABI_H

#include "base/types.h"

enum abi_arch {
	ARCH_X86_64,
	ARCH_I386,
	N_ARCHS,
};

/* One system call as a task made it. Arguments are zero-extended to 64 bits for i386. */
struct abi_call {
	enum abi_arch arch;
	int nr; /* the architecture's own number */
	uint64_t arg[6];
	int64_t ret; /* result or -errno; not meaningful before the call has returned */
};

/* Whether a call's result is -errno. */
static inline bool is_error(int64_t ret)
{
	return ret < 0 && ret >= -4095;
}

/*
 * Whether it is a result that programs never see: the kernel makes the call again, or lets a
 * signal's handler run and makes -EINTR of it (include/linux/errno.h).
 */
#define ERESTARTSYS	      512
#define ERESTARTNOINTR	      513
#define ERESTART_RESTARTBLOCK 516
static inline bool is_restart(int64_t ret)
{
	return ret <= -ERESTARTSYS && ret >= -ERESTART_RESTARTBLOCK;
}

/* Read `n` bytes of the tracee's memory at `addr`: 0, or -EFAULT if any of them cannot be read. */
struct abi_mem {
	int (*read)(void *ctx, raddr_t addr, void *buf, size_t n);
	void *ctx;
};

/* Called for each piece of memory that a call wrote, or may have written. */
typedef void (*abi_emit_fn)(void *ctx, raddr_t addr, uint64_t len);

/* "EPERM" etc., "E?123" for an unknown one; `err` is positive. */
const char *abi_errno_name(int err);

#endif
