/*
 * Sockets: messages with their addresses, data and control parts, and the socket options that write
 * elsewhere than into the option's value.
 *
 * Lengths are read after the call, when the kernel has replaced what the caller gave by what there
 * was. That is never less than what was written (net/socket.c, move_addr_to_user), so a truncated
 * address makes us emit at most a sockaddr_storage too much.
 */
#include "abi/special.h"

#define MAX_SOCKADDR 128  /* sizeof(struct sockaddr_storage) */
#define MAX_MESSAGES 1024 /* UIO_MAXIOV: the most of recvmmsg and sendmmsg */

/* Offsets of struct user_msghdr, and of msg_len in struct mmsghdr. */
struct msg_layout {
	uint8_t namelen, iov, iovlen, control, controllen, flags, len;
};

static const struct msg_layout layouts[N_ARCHS] = {
	[ARCH_X86_64] = {8, 16, 24, 32, 40, 48, 56},
	[ARCH_I386] = {4, 8, 12, 16, 20, 24, 28},
};

static void out_msghdr(const struct syscall_out *o, raddr_t msg, uint64_t received)
{
	enum abi_arch arch = o->call->arch;
	const struct msg_layout *l = &layouts[arch];
	uint64_t name, iov, iovlen, control, controllen;
	uint32_t namelen;

	if (!peek_word(o->mem, arch, msg, &name) || !peek_u32(o->mem, msg + l->namelen, &namelen) ||
	    !peek_word(o->mem, arch, msg + l->iov, &iov) ||
	    !peek_word(o->mem, arch, msg + l->iovlen, &iovlen) ||
	    !peek_word(o->mem, arch, msg + l->control, &control) ||
	    !peek_word(o->mem, arch, msg + l->controllen, &controllen))
		return;
	if (name) {
		out_emit(o, name, min_u64(namelen, MAX_SOCKADDR));
		out_emit(o, msg + l->namelen, sizeof(uint32_t));
	}
	out_iovec(o, iov, iovlen, received);
	out_emit(o, control, min_u64(controllen, MAX_TRANSFER));
	out_emit(o, msg + l->controllen, word_size(arch));
	out_emit(o, msg + l->flags, sizeof(uint32_t));
}

int special_recvmsg(const struct syscall_out *o)
{
	out_msghdr(o, o->call->arg[1], out_result(o, 1, UINT64_MAX));
	return 0;
}

static uint64_t message_count(const struct syscall_out *o)
{
	return out_result(o, 1, min_u64((uint32_t)o->call->arg[2], MAX_MESSAGES));
}

int special_recvmmsg(const struct syscall_out *o)
{
	const struct msg_layout *l = &layouts[o->call->arch];

	for (uint64_t i = 0; i < message_count(o); i++) {
		raddr_t msg = o->call->arg[1] + i * OUT_SIZE(o, mmsghdr);
		uint32_t received;

		if (!peek_u32(o->mem, msg + l->len, &received))
			break;
		out_msghdr(o, msg, o->call->ret == -EFAULT ? UINT64_MAX : received);
		out_emit(o, msg + l->len, sizeof(uint32_t));
	}
	return 0;
}

int special_sendmmsg(const struct syscall_out *o)
{
	for (uint64_t i = 0; i < message_count(o); i++)
		out_emit(o, o->call->arg[1] + i * OUT_SIZE(o, mmsghdr) + layouts[o->call->arch].len,
			 sizeof(uint32_t));
	return 0;
}

/* The value and its length are plain arguments; one option also maps and fills other memory. */
int special_getsockopt(const struct syscall_out *o)
{
	enum { LEVEL_TCP = 6, TCP_ZEROCOPY_RECEIVE = 35 };

	if (!is_error(o->call->ret) && (uint32_t)o->call->arg[1] == LEVEL_TCP &&
	    (uint32_t)o->call->arg[2] == TCP_ZEROCOPY_RECEIVE)
		return out_unsupported(o, "getsockopt TCP_ZEROCOPY_RECEIVE cannot be recorded");
	return 0;
}

/*
 * Options of the packet filters that replace a table hand back the old counters, 16 bytes each
 * (linux/netfilter/x_tables.h struct xt_counters, linux/netfilter_bridge/ebtables.h), through a
 * pointer in the value.
 */
static const struct {
	uint32_t level, option;
	uint8_t count[N_ARCHS];	   /* offset of the number of counters */
	uint8_t counters[N_ARCHS]; /* offset of the pointer */
} replacing_options[] = {
	{0, 64, {84, 84}, {88, 88}},   /* IPT_SO_SET_REPLACE */
	{41, 64, {84, 84}, {88, 88}},  /* IP6T_SO_SET_REPLACE */
	{0, 96, {68, 68}, {72, 72}},   /* ARPT_SO_SET_REPLACE */
	{0, 128, {96, 68}, {104, 72}}, /* EBT_SO_SET_ENTRIES */
};

int special_setsockopt(const struct syscall_out *o)
{
	enum abi_arch arch = o->call->arch;
	raddr_t value = o->call->arg[3];

	for (size_t i = 0; i < ARRAY_SIZE(replacing_options); i++) {
		uint32_t count;
		uint64_t counters;

		if ((uint32_t)o->call->arg[1] != replacing_options[i].level ||
		    (uint32_t)o->call->arg[2] != replacing_options[i].option ||
		    !peek_u32(o->mem, value + replacing_options[i].count[arch], &count) ||
		    !peek_word(o->mem, arch, value + replacing_options[i].counters[arch],
			       &counters))
			continue;
		out_emit(o, counters, min_u64(count * 16ULL, MAX_TRANSFER));
	}
	return 0;
}
