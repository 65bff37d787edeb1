/*
 * ioctl: what a request stores, from ioctls.def, or from the direction and size that the request's
 * number itself contains where the driver is known to follow that convention (asm-generic/ioctl.h).
 * A request that is in neither and succeeded ends the recording: it may have written anywhere.
 */
#include "abi/special.h"

#define IOC(dir, type, nr, size) ((uint32_t)(dir) << 30 | (size) << 16 | (type) << 8 | (nr))
#define IO(type, nr)		 IOC(0, type, nr, 0)
#define IOW(type, nr, size)	 IOC(1, type, nr, size)
#define IOR(type, nr, size)	 IOC(2, type, nr, size)
#define IOWR(type, nr, size)	 IOC(3, type, nr, size)

#define IOC_READ		 2
#define IOC_DIR(req)		 ((req) >> 30)
#define IOC_TYPE(req)		 ((req) >> 8 & 0xff)
#define IOC_NR(req)		 ((req)&0xff)
#define IOC_SIZE(req)		 ((req) >> 16 & 0x3fff)

#define DEVICE_MAPPER_TYPE	 0xfd

enum ioctl_flags { WAITS = 1, ON_ERROR = 2 };

struct ioctl_row {
	const char *name;
	uint32_t request[N_ARCHS];
	uint16_t size[N_ARCHS];
	uint8_t flags;
	syscall_special_fn special;
};

static bool peek_u16(const struct abi_mem *mem, raddr_t addr, uint16_t *v)
{
	return peek(mem, addr, v, sizeof(*v));
}

/* The fixed part of `size` bytes at the argument, and then `count` records of `unit` bytes, their
 * count being a number of 32 bits at offset `count_at`. */
static int out_counted(const struct syscall_out *o, uint64_t size, unsigned int count_at,
		       uint64_t unit)
{
	uint32_t count;

	if (peek_u32(o->mem, o->call->arg[2] + count_at, &count))
		size += min_u64(count * unit, MAX_TRANSFER);
	out_arg(o, 2, size);
	return 0;
}

/* A buffer whose address (a word of `addr_size` bytes) is in the struct. */
static void out_nested(const struct syscall_out *o, raddr_t addr_at, unsigned int addr_size,
		       uint64_t len)
{
	uint64_t addr = 0;

	if (peek(o->mem, addr_at, &addr, addr_size))
		out_emit(o, addr, min_u64(len, MAX_TRANSFER));
}

/* struct unimapdesc (linux/kd.h): 16-bit count, address of 4-byte entries. */
static int ioctl_unimap(const struct syscall_out *o)
{
	unsigned int word = word_size(o->call->arch);
	uint16_t count;

	out_arg(o, 2, 2);
	if (peek_u16(o->mem, o->call->arg[2], &count))
		out_nested(o, o->call->arg[2] + word, word, count * 4ULL);
	return 0;
}

/* struct fiemap: fm_mapped_extents at 20, extents of 56 bytes behind; a count of 0 asks for the
 * number only. */
static int ioctl_fiemap(const struct syscall_out *o)
{
	uint32_t room;

	if (peek_u32(o->mem, o->call->arg[2] + 24, &room) && room == 0) {
		out_arg(o, 2, 32);
		return 0;
	}
	return out_counted(o, 32, 20, 56);
}

/* struct fsuuid (ext4): length, flags, that many bytes. */
static int ioctl_fsuuid(const struct syscall_out *o)
{
	return out_counted(o, 8, 0, 1);
}

/* struct pm_scan_arg: walk_end at 32, address and length of the array of 24-byte regions at 40. */
static int ioctl_pagemap_scan(const struct syscall_out *o)
{
	uint64_t count;

	out_arg(o, 2, 96);
	if (peek_u64(o->mem, o->call->arg[2] + 48, &count))
		out_nested(o, o->call->arg[2] + 40, 8,
			   24 * (is_error(o->call->ret) ? min_u64(count, MAX_TRANSFER / 24)
							: (uint64_t)o->call->ret));
	return 0;
}

/* struct procmap_query: sizes of name and build id at 80 and 84, their addresses at 88 and 96. */
static int ioctl_procmap_query(const struct syscall_out *o)
{
	uint32_t name, id;

	out_arg(o, 2, 104);
	if (peek_u32(o->mem, o->call->arg[2] + 80, &name))
		out_nested(o, o->call->arg[2] + 88, 8, name);
	if (peek_u32(o->mem, o->call->arg[2] + 84, &id))
		out_nested(o, o->call->arg[2] + 96, 8, id);
	return 0;
}

/* struct fscrypt_get_policy_ex_arg: the policy's size in 64 bits, then the policy. */
static int ioctl_policy_ex(const struct syscall_out *o)
{
	uint64_t size;

	if (peek_u64(o->mem, o->call->arg[2], &size))
		out_arg(o, 2, 8 + min_u64(size, PAGE_SIZE_BYTES));
	return 0;
}

/* struct fsverity_digest: algorithm, size (16 bits each), digest. */
static int ioctl_measure_verity(const struct syscall_out *o)
{
	uint16_t size;

	if (peek_u16(o->mem, o->call->arg[2] + 2, &size))
		out_arg(o, 2, 4 + size);
	return 0;
}

/* struct fsverity_read_metadata_arg: the buffer's address at 24; the result counts. */
static int ioctl_read_verity(const struct syscall_out *o)
{
	uint64_t length = 0;

	if (peek_u64(o->mem, o->call->arg[2] + 16, &length))
		out_nested(o, o->call->arg[2] + 24, 8, out_result(o, 1, length));
	return 0;
}

/* struct file_dedupe_range: 16-bit count at 16, results of 32 bytes behind. */
static int ioctl_dedupe(const struct syscall_out *o)
{
	uint16_t count;

	if (peek_u16(o->mem, o->call->arg[2] + 16, &count))
		out_arg(o, 2, 24 + count * 32ULL);
	return 0;
}

/* struct blk_zone_report: the number of zones at 8, of 64 bytes each. */
static int ioctl_report_zones(const struct syscall_out *o)
{
	return out_counted(o, 16, 8, 64);
}

/* struct ifconf: length, address of the ifreqs. */
static int ioctl_ifconf(const struct syscall_out *o)
{
	unsigned int word = word_size(o->call->arch);
	uint32_t len;

	out_arg(o, 2, 4);
	if (peek_u32(o->mem, o->call->arg[2], &len))
		out_nested(o, o->call->arg[2] + word, word, len);
	return 0;
}

/* struct ifreq: a name of 16 bytes and a union of which struct ifmap is the largest. */
#define IFREQ_SIZE64 40
#define IFREQ_SIZE32 32

/* The address of what an ifreq points to. The ifreq itself is stored as well (net/socket.c,
 * put_user_ifreq). */
static raddr_t ifreq_data(const struct syscall_out *o)
{
	uint64_t addr;

	out_arg(o, 2, o->call->arch == ARCH_I386 ? IFREQ_SIZE32 : IFREQ_SIZE64);
	return peek_word(o->mem, o->call->arch, o->call->arg[2] + 16, &addr) ? addr : 0;
}

static int ioctl_hwtstamp(const struct syscall_out *o)
{
	out_emit(o, ifreq_data(o), 12);
	return 0;
}

static const struct {
	uint32_t command;
	uint16_t size;
	uint8_t count_at, unit;
} ethtool_commands[] = {
#define ETHTOOL(name, command, size, count_at, unit) {command, size, count_at, unit},
#include "abi/ethtool.def"
#undef ETHTOOL
};

/* net/ethtool/ioctl.c */
static int ioctl_ethtool(const struct syscall_out *o)
{
	raddr_t data = ifreq_data(o);
	uint32_t command, count = 0;

	if (!peek_u32(o->mem, data, &command))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(ethtool_commands); i++) {
		if (ethtool_commands[i].command != command)
			continue;
		if (ethtool_commands[i].unit)
			peek_u32(o->mem, data + ethtool_commands[i].count_at, &count);
		out_emit(o, data,
			 min_u64(ethtool_commands[i].size +
					 (uint64_t)count * ethtool_commands[i].unit,
				 MAX_TRANSFER));
		return 0;
	}
	return out_unsupported(o, "ethtool command 0x%x has no row: add it to src/abi/ethtool.def",
			       command);
}

/* struct perf_event_query_bpf: room, number (stored), ids. */
static int ioctl_perf_query_bpf(const struct syscall_out *o)
{
	uint32_t room;

	if (peek_u32(o->mem, o->call->arg[2], &room))
		out_arg(o, 2, 8 + min_u64(room, 64) * 4);
	return 0;
}

/* struct input_mask: type, size of the bitmap, its address in 64 bits. */
static int ioctl_input_mask(const struct syscall_out *o)
{
	uint32_t size;

	if (peek_u32(o->mem, o->call->arg[2] + 4, &size))
		out_nested(o, o->call->arg[2] + 8, 8, size);
	return 0;
}

/* struct dm_ioctl: the size of the whole, data included, at 12; 312 bytes without any. */
static int ioctl_device_mapper(const struct syscall_out *o)
{
	uint32_t size;

	if (peek_u32(o->mem, o->call->arg[2] + 12, &size))
		out_arg(o, 2, max_u64(min_u64(size, MAX_TRANSFER), 312));
	return 0;
}

static const struct ioctl_row rows[] = {
#define IOCTL(name, request, size, flags) {name, {request, request}, {size, size}, flags, NULL},
#define IOCTL2(name, request64, request32, size64, size32, flags) \
	{name, {request64, request32}, {size64, size32}, flags, NULL},
#define IOCTL_FN(name, request64, request32, flags, fn) \
	{name, {request64, request32}, {0, 0}, flags, fn},
#define IFREQ(name, request) {name, {request, request}, {IFREQ_SIZE64, IFREQ_SIZE32}, 0, NULL},
#define MAGIC(type, first, last)
#define MAGIC_ALL(type, first, last)
#include "abi/ioctls.def"
#undef IOCTL
#undef IOCTL2
#undef IOCTL_FN
#undef IFREQ
#undef MAGIC
#undef MAGIC_ALL
};

/* Drivers whose numbers tell the truth. */
static const struct {
	uint8_t type, first, last;
	bool undirected;
} conventional[] = {
#define IOCTL(name, request, size, flags)
#define IOCTL2(name, request64, request32, size64, size32, flags)
#define IOCTL_FN(name, request64, request32, flags, fn)
#define IFREQ(name, request)
#define MAGIC(type, first, last)     {type, first, last, false},
#define MAGIC_ALL(type, first, last) {type, first, last, true},
#include "abi/ioctls.def"
#undef IOCTL
#undef IOCTL2
#undef IOCTL_FN
#undef IFREQ
#undef MAGIC
#undef MAGIC_ALL
};

static const struct ioctl_row *find_ioctl(enum abi_arch arch, uint32_t request)
{
	/* The device mapper's requests all have one form. */
	if (IOC_TYPE(request) == DEVICE_MAPPER_TYPE && IOC_DIR(request))
		request = IO(DEVICE_MAPPER_TYPE, 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].request[arch] == request)
			return &rows[i];
	return NULL;
}

static bool is_conventional(uint32_t request)
{
	for (size_t i = 0; i < ARRAY_SIZE(conventional); i++)
		if (conventional[i].type == IOC_TYPE(request) &&
		    conventional[i].first <= IOC_NR(request) &&
		    IOC_NR(request) <= conventional[i].last &&
		    (IOC_DIR(request) || conventional[i].undirected))
			return true;
	return false;
}

const char *ioctl_name(enum abi_arch arch, uint32_t request)
{
	const struct ioctl_row *row = find_ioctl(arch, request);

	return row ? row->name : NULL;
}

int special_ioctl(const struct syscall_out *o)
{
	uint32_t request = o->call->arg[1];
	const struct ioctl_row *row = find_ioctl(o->call->arch, request);

	if (row) {
		if (!out_as_success(o) && !(row->flags & ON_ERROR))
			return 0;
		out_arg(o, 2, row->size[o->call->arch]);
		return row->special ? row->special(o) : 0;
	}
	if (!out_as_success(o))
		return 0;
	if (is_conventional(request)) {
		if (IOC_DIR(request) & IOC_READ)
			out_arg(o, 2, IOC_SIZE(request));
		return 0;
	}
	if (is_error(o->call->ret))
		return 0;
	return out_unsupported(o, "ioctl 0x%x has no row: add it to src/abi/ioctls.def", request);
}

bool waits_ioctl(const struct abi_call *call, const struct abi_mem *mem)
{
	const struct ioctl_row *row = find_ioctl(call->arch, call->arg[1]);

	return row && row->flags & WAITS;
}
