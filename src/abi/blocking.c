/*
 * Whether a call can wait, given its arguments. A wrong "yes" costs a stop and a switch to another
 * task; a wrong "no" can stop the recording for good, because the one task that is let run waits
 * for another. So what cannot be decided from the arguments (the state of a file descriptor) is a
 * "yes".
 */
#include "abi/special.h"

#define O_PATH_BIT	0x200000
#define O_NONBLOCK_BIT	0x800
#define O_DIRECTORY_BIT 0x10000
#define IPC_NOWAIT	0x800

/* Whether there is a timeout at `addr` of two fields of `size` bytes, and it is zero. */
static bool zero_timeout(const struct abi_mem *mem, raddr_t addr, unsigned int size)
{
	static const char zero[16];
	char t[16];

	return peek(mem, addr, t, 2 * size) && memcmp(t, zero, 2 * size) == 0;
}

bool waits_poll(const struct abi_call *call, const struct abi_mem *mem)
{
	return (uint32_t)call->arg[2] != 0;
}

bool waits_epoll(const struct abi_call *call, const struct abi_mem *mem)
{
	return (uint32_t)call->arg[3] != 0;
}

bool waits_select(const struct abi_call *call, const struct abi_mem *mem)
{
	return !zero_timeout(mem, call->arg[4], word_size(call->arch));
}

bool waits_select64(const struct abi_call *call, const struct abi_mem *mem)
{
	return !zero_timeout(mem, call->arg[4], 8);
}

bool waits_old_select(const struct abi_call *call, const struct abi_mem *mem)
{
	uint64_t timeout;

	return !peek_word(mem, call->arch, call->arg[0] + 16, &timeout) ||
	       !zero_timeout(mem, timeout, 4);
}

bool waits_timespec2(const struct abi_call *call, const struct abi_mem *mem)
{
	return !zero_timeout(mem, call->arg[2], word_size(call->arch));
}

bool waits_timespec64_2(const struct abi_call *call, const struct abi_mem *mem)
{
	return !zero_timeout(mem, call->arg[2], 8);
}

bool waits_timespec64_3(const struct abi_call *call, const struct abi_mem *mem)
{
	return !zero_timeout(mem, call->arg[3], 8);
}

/* A minimum of no events never waits (fs/aio.c, read_events). */
bool waits_getevents(const struct abi_call *call, const struct abi_mem *mem)
{
	return call->arg[1] != 0;
}

static bool without_dontwait(uint64_t flags)
{
	return !(flags & 0x40); /* MSG_DONTWAIT */
}

bool waits_msg2(const struct abi_call *call, const struct abi_mem *mem)
{
	return without_dontwait(call->arg[2]);
}

bool waits_msg3(const struct abi_call *call, const struct abi_mem *mem)
{
	return without_dontwait(call->arg[3]);
}

bool waits_rwf(const struct abi_call *call, const struct abi_mem *mem)
{
	return !(call->arg[5] & 8); /* RWF_NOWAIT */
}

bool waits_wait(const struct abi_call *call, const struct abi_mem *mem)
{
	return !(call->arg[2] & 1); /* WNOHANG */
}

bool waits_waitid(const struct abi_call *call, const struct abi_mem *mem)
{
	return !(call->arg[3] & 1); /* WNOHANG */
}

bool waits_flock(const struct abi_call *call, const struct abi_mem *mem)
{
	enum { LOCK_NB = 4, LOCK_UN = 8 };

	return !(call->arg[1] & (LOCK_NB | LOCK_UN));
}

bool waits_fcntl(const struct abi_call *call, const struct abi_mem *mem)
{
	enum { F_SETLKW = 7, F_SETLKW64 = 14, F_OFD_SETLKW = 38 };
	uint32_t cmd = call->arg[1];

	return cmd == F_SETLKW || cmd == F_SETLKW64 || cmd == F_OFD_SETLKW;
}

bool waits_futex(const struct abi_call *call, const struct abi_mem *mem)
{
	enum { WAIT = 0, LOCK_PI = 6, WAIT_BITSET = 9, WAIT_REQUEUE_PI = 11, LOCK_PI2 = 13 };
	uint32_t op = call->arg[1] & 0x7f;

	return op == WAIT || op == LOCK_PI || op == WAIT_BITSET || op == WAIT_REQUEUE_PI ||
	       op == LOCK_PI2;
}

bool waits_msgsnd(const struct abi_call *call, const struct abi_mem *mem)
{
	return !(call->arg[3] & IPC_NOWAIT);
}

bool waits_msgrcv(const struct abi_call *call, const struct abi_mem *mem)
{
	return !(call->arg[4] & IPC_NOWAIT);
}

/* No operation waits if all say so: struct sembuf has its flags in bytes 4 and 5. */
bool waits_semop(const struct abi_call *call, const struct abi_mem *mem)
{
	enum { SEMBUF_SIZE = 6, SEMOPM = 500 };
	uint16_t op[SEMBUF_SIZE / 2];

	for (uint64_t i = 0; i < min_u64(call->arg[2], SEMOPM); i++)
		if (!peek(mem, call->arg[1] + i * SEMBUF_SIZE, op, sizeof(op)) ||
		    !(op[2] & IPC_NOWAIT))
			return true;
	return false;
}

/* A fifo waits for its other end (fifo(7)), unless the open says that it shall not. */
static bool open_waits(uint64_t flags)
{
	return !(flags & (O_NONBLOCK_BIT | O_PATH_BIT | O_DIRECTORY_BIT));
}

bool waits_open(const struct abi_call *call, const struct abi_mem *mem)
{
	return open_waits(call->arg[1]);
}

bool waits_openat(const struct abi_call *call, const struct abi_mem *mem)
{
	return open_waits(call->arg[2]);
}

bool waits_openat2(const struct abi_call *call, const struct abi_mem *mem)
{
	uint64_t flags; /* the first field of struct open_how */

	return !peek_u64(mem, call->arg[2], &flags) || open_waits(flags);
}

bool waits_tee(const struct abi_call *call, const struct abi_mem *mem)
{
	return !(call->arg[3] & 2); /* SPLICE_F_NONBLOCK */
}

bool waits_getrandom(const struct abi_call *call, const struct abi_mem *mem)
{
	enum { GRND_NONBLOCK = 1, GRND_RANDOM = 2 };

	return (call->arg[2] & (GRND_NONBLOCK | GRND_RANDOM)) == GRND_RANDOM;
}

bool waits_syslog(const struct abi_call *call, const struct abi_mem *mem)
{
	return (uint32_t)call->arg[0] == 2; /* SYSLOG_ACTION_READ */
}
