/*
 * Private to abi/: what the special handlers of the table are made of. A handler is called after
 * the arguments that data can describe have been emitted, and only if the call succeeded, failed
 * with -EFAULT (it may have written a part), or its row says SYSF_OUT_ON_ERROR.
 */
#ifndef ABI_SPECIAL_H
#define ABI_SPECIAL_H

#include "abi/syscall.h"

#include <errno.h>

/* Most bytes that one read or write moves (linux/fs.h, MAX_RW_COUNT). */
#define MAX_TRANSFER 0x7ffff000u

/* SZ(o, stat): the size of a row of sizes.def for the call's architecture. */
enum {
#define SIZE(name, x86_64, i386, type) SIZE64_##name = x86_64, SIZE32_##name = i386,
#define UNCHECKED(name, x86_64, i386)  SIZE64_##name = x86_64, SIZE32_##name = i386,
#include "abi/sizes.def"
#undef SIZE
#undef UNCHECKED
};
#define ARCH_SIZE(arch, name) ((arch) == ARCH_I386 ? SIZE32_##name : SIZE64_##name)
#define OUT_SIZE(o, name)     ((uint64_t)ARCH_SIZE((o)->call->arch, name))

static inline unsigned int word_size(enum abi_arch arch)
{
	return arch == ARCH_I386 ? 4 : 8;
}

/* The call succeeded, or may have written as if it had. */
static inline bool out_as_success(const struct syscall_out *o)
{
	return !is_error(o->call->ret) || o->call->ret == -EFAULT;
}

/* The bytes of a result that counts them; `capacity` after -EFAULT, 0 after another error. */
uint64_t out_result(const struct syscall_out *o, uint64_t unit, uint64_t capacity);

/* Emit; nothing if the address is NULL or the length 0. */
void out_emit(const struct syscall_out *o, raddr_t addr, uint64_t len);
void out_arg(const struct syscall_out *o, int arg, uint64_t len);
/* The text at `addr` and its NUL, at most `max` bytes. */
void out_string(const struct syscall_out *o, raddr_t addr, uint64_t max);
/* The first `total` bytes of what the iovec array describes. */
void out_iovec(const struct syscall_out *o, raddr_t iov, uint64_t count, uint64_t total);

/* Read from the tracee's memory: false if it is not there. */
bool peek(const struct abi_mem *mem, raddr_t addr, void *data, size_t n);
bool peek_u32(const struct abi_mem *mem, raddr_t addr, uint32_t *v);
bool peek_u64(const struct abi_mem *mem, raddr_t addr, uint64_t *v);
bool peek_word(const struct abi_mem *mem, enum abi_arch arch, raddr_t addr, uint64_t *v);

/* Say why in o->why and return -ENOTSUP. */
int out_unsupported(const struct syscall_out *o, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Handlers named in syscalls.def. */
int special_arch_prctl(const struct syscall_out *o);
int special_bpf(const struct syscall_out *o);
int special_capget(const struct syscall_out *o);
int special_fcntl(const struct syscall_out *o);
int special_futex(const struct syscall_out *o);
int special_getdents(const struct syscall_out *o);
int special_getsockopt(const struct syscall_out *o);
int special_getxattrat(const struct syscall_out *o);
int special_ioctl(const struct syscall_out *o);
int special_keyctl(const struct syscall_out *o);
int special_mincore(const struct syscall_out *o);
int special_msgctl(const struct syscall_out *o);
int special_multiplexed(const struct syscall_out *o);
int special_name_to_handle(const struct syscall_out *o);
int special_old_select(const struct syscall_out *o);
int special_prctl(const struct syscall_out *o);
int special_ptrace(const struct syscall_out *o);
int special_quotactl(const struct syscall_out *o);
int special_readdir(const struct syscall_out *o);
int special_recvmmsg(const struct syscall_out *o);
int special_recvmsg(const struct syscall_out *o);
int special_seccomp(const struct syscall_out *o);
int special_semctl(const struct syscall_out *o);
int special_sendmmsg(const struct syscall_out *o);
int special_setsockopt(const struct syscall_out *o);
int special_shmctl(const struct syscall_out *o);
int special_sysfs(const struct syscall_out *o);

/* The name of an ioctl request, or NULL (ioctl.c). */
const char *ioctl_name(enum abi_arch arch, uint32_t request);

/* Whether a call can wait, named in syscalls.def (blocking.c). */
bool waits_epoll(const struct abi_call *call, const struct abi_mem *mem);
bool waits_fcntl(const struct abi_call *call, const struct abi_mem *mem);
bool waits_flock(const struct abi_call *call, const struct abi_mem *mem);
bool waits_futex(const struct abi_call *call, const struct abi_mem *mem);
bool waits_getevents(const struct abi_call *call, const struct abi_mem *mem);
bool waits_getrandom(const struct abi_call *call, const struct abi_mem *mem);
bool waits_ioctl(const struct abi_call *call, const struct abi_mem *mem);
bool waits_msg2(const struct abi_call *call, const struct abi_mem *mem);
bool waits_msg3(const struct abi_call *call, const struct abi_mem *mem);
bool waits_msgrcv(const struct abi_call *call, const struct abi_mem *mem);
bool waits_msgsnd(const struct abi_call *call, const struct abi_mem *mem);
bool waits_multiplexed(const struct abi_call *call, const struct abi_mem *mem);
bool waits_old_select(const struct abi_call *call, const struct abi_mem *mem);
bool waits_open(const struct abi_call *call, const struct abi_mem *mem);
bool waits_openat(const struct abi_call *call, const struct abi_mem *mem);
bool waits_openat2(const struct abi_call *call, const struct abi_mem *mem);
bool waits_poll(const struct abi_call *call, const struct abi_mem *mem);
bool waits_rwf(const struct abi_call *call, const struct abi_mem *mem);
bool waits_select(const struct abi_call *call, const struct abi_mem *mem);
bool waits_select64(const struct abi_call *call, const struct abi_mem *mem);
bool waits_semop(const struct abi_call *call, const struct abi_mem *mem);
bool waits_syslog(const struct abi_call *call, const struct abi_mem *mem);
bool waits_tee(const struct abi_call *call, const struct abi_mem *mem);
bool waits_timespec2(const struct abi_call *call, const struct abi_mem *mem);
bool waits_timespec64_2(const struct abi_call *call, const struct abi_mem *mem);
bool waits_timespec64_3(const struct abi_call *call, const struct abi_mem *mem);
bool waits_wait(const struct abi_call *call, const struct abi_mem *mem);
bool waits_waitid(const struct abi_call *call, const struct abi_mem *mem);

/* flags.def: names of bits and values, for syscall_format(). */
enum flag_set {
#define FLAG_SET(set, kind) FLAG_SET_##set,
#define FLAG(set, name, value)
#include "abi/flags.def"
#undef FLAG_SET
#undef FLAG
	N_FLAG_SETS,
};

#endif
