/*
 * System V IPC by command, and the two calls of i386 that multiplex others: socketcall and ipc.
 * Those are not described a second time: they are turned into the calls they stand for.
 */
#include "abi/special.h"

#define IPC_64	      0x100 /* in the command of i386's ipc: the structs of today */
#define MAX_SEM_BYTES 64000 /* SEMMSL (linux/sem.h) values of 2 bytes */

enum { IPC_STAT = 2, IPC_INFO = 3 };

/* A struct of which ipc without IPC_64 writes an old, smaller version: in two pieces, in case only
 * the first is mapped. */
static void out_versioned(const struct syscall_out *o, int arg, uint64_t old_size, uint64_t size)
{
	raddr_t addr = o->call->arg[arg];

	if (o->call->arch == ARCH_X86_64 || !addr) {
		out_emit(o, addr, size);
		return;
	}
	out_emit(o, addr, old_size);
	out_emit(o, addr + old_size, size - old_size);
}

int special_shmctl(const struct syscall_out *o)
{
	enum { SHM_STAT = 13, SHM_INFO = 14, SHM_STAT_ANY = 15 };

	switch ((uint32_t)o->call->arg[1] & ~IPC_64) {
	case IPC_STAT:
	case SHM_STAT:
	case SHM_STAT_ANY:
		out_versioned(o, 2, OUT_SIZE(o, shmid_old), OUT_SIZE(o, shmid64));
		break;
	case IPC_INFO:
		out_versioned(o, 2, OUT_SIZE(o, shminfo), OUT_SIZE(o, shminfo64));
		break;
	case SHM_INFO:
		out_arg(o, 2, OUT_SIZE(o, shm_info));
		break;
	}
	return 0;
}

int special_msgctl(const struct syscall_out *o)
{
	enum { MSG_STAT = 11, MSG_INFO = 12, MSG_STAT_ANY = 13 };

	switch ((uint32_t)o->call->arg[1] & ~IPC_64) {
	case IPC_STAT:
	case MSG_STAT:
	case MSG_STAT_ANY:
		out_versioned(o, 2, OUT_SIZE(o, msqid_old), OUT_SIZE(o, msqid64));
		break;
	case IPC_INFO:
	case MSG_INFO:
		out_arg(o, 2, OUT_SIZE(o, msginfo));
		break;
	}
	return 0;
}

/* GETALL does not say how many semaphores there are: page by page, so that what is not mapped is
 * dropped alone. */
static void out_all_semaphores(const struct syscall_out *o, raddr_t addr)
{
	raddr_t end = addr + MAX_SEM_BYTES;

	while (addr && addr < end) {
		raddr_t next = min_u64(page_floor(addr) + PAGE_SIZE_BYTES, end);

		out_emit(o, addr, next - addr);
		addr = next;
	}
}

int special_semctl(const struct syscall_out *o)
{
	enum { GETALL = 13, SEM_STAT = 18, SEM_INFO = 19, SEM_STAT_ANY = 20 };

	switch ((uint32_t)o->call->arg[2] & ~IPC_64) {
	case IPC_STAT:
	case SEM_STAT:
	case SEM_STAT_ANY:
		out_versioned(o, 3, OUT_SIZE(o, semid_old), OUT_SIZE(o, semid64));
		break;
	case IPC_INFO:
	case SEM_INFO:
		out_arg(o, 3, OUT_SIZE(o, seminfo));
		break;
	case GETALL:
		out_all_semaphores(o, o->call->arg[3]);
		break;
	}
	return 0;
}

#define MAX_MULTIPLEXED_ARGS 6

struct multiplexed {
	uint16_t code;			   /* in argument 0 */
	uint16_t nr;			   /* the i386 call that it stands for */
	int8_t n_args;			   /* socketcall: how many words there are in memory */
	int8_t from[MAX_MULTIPLEXED_ARGS]; /* ipc: which of its arguments; 0 for none */
};

/* net/socket.c; recv and send are recvfrom and sendto without an address, accept is accept4 without
 * flags (i386 has no direct ones). */
static const struct multiplexed socket_calls[] = {
	{1, 359, 3, {0}},  /* socket */
	{2, 361, 3, {0}},  /* bind */
	{3, 362, 3, {0}},  /* connect */
	{4, 363, 2, {0}},  /* listen */
	{5, 364, 3, {0}},  /* accept */
	{6, 367, 3, {0}},  /* getsockname */
	{7, 368, 3, {0}},  /* getpeername */
	{8, 360, 4, {0}},  /* socketpair */
	{9, 369, 4, {0}},  /* send */
	{10, 371, 4, {0}}, /* recv */
	{11, 369, 6, {0}}, /* sendto */
	{12, 371, 6, {0}}, /* recvfrom */
	{13, 373, 2, {0}}, /* shutdown */
	{14, 366, 5, {0}}, /* setsockopt */
	{15, 365, 5, {0}}, /* getsockopt */
	{16, 370, 3, {0}}, /* sendmsg */
	{17, 372, 3, {0}}, /* recvmsg */
	{18, 364, 4, {0}}, /* accept4 */
	{19, 337, 5, {0}}, /* recvmmsg */
	{20, 345, 4, {0}}, /* sendmmsg */
};

/* ipc/syscall.c: ipc(code, first 1, second 2, third 3, pointer 4, fifth 5). semop is semtimedop
 * without a timeout. */
static const struct multiplexed ipc_calls[] = {
	{1, 420, 0, {1, 4, 2}},	       /* SEMOP */
	{2, 393, 0, {1, 2, 3}},	       /* SEMGET */
	{3, 394, 0, {1, 2, 3, 4}},     /* SEMCTL: the fourth is in memory */
	{4, 420, 0, {1, 4, 2, 5}},     /* SEMTIMEDOP */
	{11, 400, 0, {1, 4, 2, 3}},    /* MSGSND */
	{12, 401, 0, {1, 4, 2, 5, 3}}, /* MSGRCV: version 0 has two in memory */
	{13, 399, 0, {1, 2}},	       /* MSGGET */
	{14, 402, 0, {1, 2, 4}},       /* MSGCTL */
	{21, 397, 0, {1, 4, 2}},       /* SHMAT */
	{22, 398, 0, {4}},	       /* SHMDT */
	{23, 395, 0, {1, 2, 3}},       /* SHMGET */
	{24, 396, 0, {1, 2, 4}},       /* SHMCTL */
};

enum { NR_SOCKETCALL = 102, NR_IPC = 117, IPC_SEMCTL = 3, IPC_MSGRCV = 12, IPC_SHMAT = 21 };

static const struct multiplexed *find_multiplexed(const struct abi_call *call)
{
	bool is_ipc = call->nr == NR_IPC;
	const struct multiplexed *table = is_ipc ? ipc_calls : socket_calls;
	size_t n = is_ipc ? ARRAY_SIZE(ipc_calls) : ARRAY_SIZE(socket_calls);
	uint32_t code = is_ipc ? call->arg[0] & 0xffff : call->arg[0];

	for (size_t i = 0; i < n; i++)
		if (table[i].code == code)
			return &table[i];
	return NULL;
}

static bool resolve_socketcall(const struct multiplexed *m, const struct abi_call *call,
			       const struct abi_mem *mem, struct abi_call *real)
{
	for (int i = 0; i < m->n_args; i++)
		if (!peek_word(mem, ARCH_I386, call->arg[1] + i * 4, &real->arg[i]))
			return false;
	return true;
}

static bool resolve_ipc(const struct multiplexed *m, const struct abi_call *call,
			const struct abi_mem *mem, struct abi_call *real)
{
	for (int i = 0; i < MAX_MULTIPLEXED_ARGS; i++)
		real->arg[i] = m->from[i] ? call->arg[m->from[i]] : 0;
	if (m->code == IPC_SEMCTL)
		return peek_word(mem, ARCH_I386, call->arg[4], &real->arg[3]);
	if (m->code == IPC_MSGRCV && call->arg[0] >> 16 == 0) /* struct ipc_kludge */
		return peek_word(mem, ARCH_I386, call->arg[4], &real->arg[1]) &&
		       peek_word(mem, ARCH_I386, call->arg[4] + 4, &real->arg[3]);
	return true;
}

const struct syscall_row *syscall_resolve(const struct syscall_row *row,
					  const struct abi_call *call, const struct abi_mem *mem,
					  struct abi_call *real)
{
	const struct multiplexed *m;

	*real = *call;
	if (call->arch != ARCH_I386 || (call->nr != NR_SOCKETCALL && call->nr != NR_IPC))
		return row;
	m = find_multiplexed(call);
	if (!m)
		return row;
	*real = (struct abi_call){.arch = ARCH_I386, .nr = m->nr, .ret = call->ret};
	if (call->nr == NR_IPC ? resolve_ipc(m, call, mem, real)
			       : resolve_socketcall(m, call, mem, real))
		return syscall_row(ARCH_I386, real->nr);
	*real = *call;
	return row;
}

int special_multiplexed(const struct syscall_out *o)
{
	struct abi_call real;
	const struct syscall_row *row = syscall_resolve(o->row, o->call, o->mem, &real);

	if (row == o->row)
		return 0;
	if (o->call->nr == NR_IPC && (o->call->arg[0] & 0xffff) == IPC_SHMAT)
		out_arg(o, 3, OUT_SIZE(o, word));
	return syscall_outputs(row, &real, o->mem, o->emit, o->ctx, o->why);
}

bool waits_multiplexed(const struct abi_call *call, const struct abi_mem *mem)
{
	struct abi_call real;
	const struct syscall_row *row = syscall_row(call->arch, call->nr);
	const struct syscall_row *real_row = syscall_resolve(row, call, mem, &real);

	return real_row != row && syscall_may_block(real_row, &real, mem);
}
