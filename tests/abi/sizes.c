/*
 * Compiled only: the sizes of src/abi/sizes.def are those of the UAPI headers, for the architecture
 * that the compiler is asked for. No header of libc, whose structs are its own.
 */
#define _UNISTD_H /* linux/shm.h includes it, and for -m32 libc need not be installed */
#include <asm/ldt.h>
#include <asm/poll.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/stat.h>
#include <asm/statfs.h>
#include <linux/aio_abi.h>
#include <linux/capability.h>
#include <linux/dqblk_xfs.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/keyctl.h>
#include <linux/mqueue.h>
#include <linux/msg.h>
#include <linux/quota.h>
#include <linux/resource.h>
#include <linux/sched/types.h>
#include <linux/sem.h>
#include <linux/shm.h>
#include <linux/stat.h>
#include <linux/sysinfo.h>
#include <linux/time.h>
#include <linux/time_types.h>
#include <linux/times.h>
#include <linux/timex.h>
#include <linux/types.h>
#include <linux/uio.h>
#include <linux/utsname.h>

/* linux/types.h of the kernel, not exported. */
struct ustat {
	__kernel_daddr_t f_tfree;
	unsigned long f_tinode;
	char f_fname[6];
	char f_fpack[6];
};

#define SIZE(name, x86_64, i386, type) \
	_Static_assert(sizeof(type) == ARCH_SIZE(x86_64, i386), #name);
#define UNCHECKED(name, x86_64, i386)
#ifdef __x86_64__
#define ARCH_SIZE(x86_64, i386) x86_64
#else
#define ARCH_SIZE(x86_64, i386) i386
#endif
#include "abi/sizes.def"
