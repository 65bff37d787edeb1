/*
 * The table of system calls and what follows from its rows alone: lookups, and the memory that a
 * call wrote. What data cannot say is in the special handlers (special*.c), which are given the
 * same arguments.
 *
 * Lookups by number go through an index, since a row is found twice for every system call that a
 * tracee makes. All of it is constant: the agent (src/agent), which has no start-up, contains it.
 */
#include "abi/syscall.h"

#include "abi/special.h"
#include "base/log.h"

/* The vocabulary of syscalls.def. */
#define NO -1

#define A(kind, len, size64, size32)   \
	(struct arg_spec)              \
	{                              \
		kind, len,             \
		{                      \
			size64, size32 \
		}                      \
	}
#define A_SIZED(kind, len, size) A(kind, len, SIZE64_##size, SIZE32_##size)

#define NONE			 A(ARG_NONE, -1, 0, 0)
#define INT			 A(ARG_INT, -1, 0, 0)
#define LONG			 A(ARG_LONG, -1, 0, 0)
#define HEX			 A(ARG_HEX, -1, 0, 0)
#define FD			 A(ARG_FD, -1, 0, 0)
#define SZ			 A(ARG_SIZE, -1, 0, 0)
#define SIG			 A(ARG_SIG, -1, 0, 0)
#define PTR			 A(ARG_PTR, -1, 0, 0)
#define STR			 A(ARG_STR, -1, 0, 0)
#define OFF			 A(ARG_OFF, -1, 0, 0)
#define OFF_HI			 A(ARG_OFF_HI, -1, 0, 0)
#define FLAGS(set)		 A(ARG_FLAGS, FLAG_SET_##set, 0, 0)
#define MODE			 FLAGS(MODE)
#define SPECIAL			 A(ARG_SPECIAL, -1, 0, 0)
#define OUT(size)		 A_SIZED(ARG_OUT, -1, size)
#define INOUT(size)		 A_SIZED(ARG_INOUT, -1, size)
#define OUT_BUF(len)		 A(ARG_OUT_BUF_RET, len, 1, 1)
#define OUT_RET(len, size)	 A_SIZED(ARG_OUT_BUF_RET, len, size)
#define OUT_ARR(len, size)	 A_SIZED(ARG_OUT_BUF_ARG, len, size)
#define INOUT_ARR(len, size)	 A_SIZED(ARG_INOUT_BUF_ARG, len, size)
#define OUT_SOCK(len)		 A(ARG_OUT_BUF_PTR, len, 1, 1)
#define SOCKLEN			 A(ARG_INOUT_LEN, -1, 4, 4)
#define OUT_IOV(len)		 A(ARG_OUT_IOVEC, len, 1, 1)
#define IN_BUF(len)		 A(ARG_IN_BUF, len, 1, 1)
#define IN_IOV(len)		 A(ARG_IN_IOVEC, len, 1, 1)
#define BITS(len)		 A(ARG_INOUT_BITS, len, 0, 0)
#define MSGBUF(len)		 A(ARG_OUT_MSGBUF, len, 1, 1)

#define OUTPUT			 SYSF_OUTPUT
#define ON_ERROR		 SYSF_OUT_ON_ERROR
#define SPLICES			 SYSF_SPLICES
#define FILE_SIZE		 SYSF_FILE_SIZE

static const struct syscall_row rows[] = {
#define CALL(name, nr64, nr32, class, flags, special, ...) \
	{#name, {nr64, nr32}, SYS_##class, flags, {__VA_ARGS__}, special, NULL},
#define WAITS(name, nr64, nr32, class, flags, waits, special, ...) \
	{#name, {nr64, nr32}, SYS_##class, (flags) | SYSF_MAY_BLOCK, {__VA_ARGS__}, special, waits},
#include "abi/syscalls.def"
#undef CALL
#undef WAITS
};

#define INDEX_SIZE 512
/* Calls that an architecture does not have go to a place behind the others. */
#define PLACE(nr) ((nr) < 0 ? INDEX_SIZE : (nr))

/* 1 + index in `rows`. That no two rows have one number is tested (tests/abi). */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
enum { BEFORE_X86_64 = __COUNTER__ };
static const uint16_t row_of_x86_64[INDEX_SIZE + 1] = {
#define CALL(name, nr64, ...)  [PLACE(nr64)] = __COUNTER__ - BEFORE_X86_64,
#define WAITS(name, nr64, ...) [PLACE(nr64)] = __COUNTER__ - BEFORE_X86_64,
#include "abi/syscalls.def"
#undef CALL
#undef WAITS
};
enum { BEFORE_I386 = __COUNTER__ };
static const uint16_t row_of_i386[INDEX_SIZE + 1] = {
#define CALL(name, nr64, nr32, ...)  [PLACE(nr32)] = __COUNTER__ - BEFORE_I386,
#define WAITS(name, nr64, nr32, ...) [PLACE(nr32)] = __COUNTER__ - BEFORE_I386,
#include "abi/syscalls.def"
#undef CALL
#undef WAITS
};
#pragma GCC diagnostic pop

const struct syscall_row *syscall_row(enum abi_arch arch, int nr)
{
	unsigned int place;

	if (nr < 0 || nr >= INDEX_SIZE)
		return NULL;
	place = arch == ARCH_I386 ? row_of_i386[nr] : row_of_x86_64[nr];
	return place ? &rows[place - 1] : NULL;
}

const struct syscall_row *syscall_row_find(enum abi_arch arch, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].nr[arch] >= 0 && strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

const struct syscall_row *syscall_row_by_name(const char *name)
{
	const struct syscall_row *row = syscall_row_find(ARCH_X86_64, name);

	return row ? row : syscall_row_find(ARCH_I386, name);
}

const char *syscall_name(enum abi_arch arch, int nr)
{
	static char unknown[32];
	const struct syscall_row *row = syscall_row(arch, nr);

	if (row)
		return row->name;
	snprintf(unknown, sizeof(unknown), "syscall_%d", nr);
	return unknown;
}

const struct syscall_row *syscall_rows(size_t *count)
{
	*count = ARRAY_SIZE(rows);
	return rows;
}

/* The bytes of `bits` bits in whole words. An fd set has at most as many bits as the process can
 * have files, which fs.nr_open limits to a million by default. */
static uint64_t bitmap_bytes(enum abi_arch arch, uint64_t bits)
{
	uint64_t word_bits = word_size(arch) * 8;

	if ((int32_t)bits < 0)
		return 0;
	bits = min_u64((uint32_t)bits, 1 << 20);
	return (bits + word_bits - 1) / word_bits * word_size(arch);
}

/* The most that can be written through an argument; 0 for kinds that are not plain output pointers.
 */
static uint64_t capacity(const struct arg_spec *spec, const struct abi_call *call,
			 const struct abi_mem *mem)
{
	uint64_t len = 0;
	uint32_t socklen;

	if (spec->len_arg >= 0 && spec->len_arg < 6)
		len = call->arg[spec->len_arg];
	switch (spec->kind) {
	case ARG_OUT:
	case ARG_INOUT:
	case ARG_INOUT_LEN:
		return spec->size[call->arch];
	case ARG_OUT_BUF_RET:
	case ARG_OUT_BUF_ARG:
	case ARG_INOUT_BUF_ARG:
		return min_u64(min_u64(len, MAX_TRANSFER) * spec->size[call->arch], MAX_TRANSFER);
	case ARG_OUT_BUF_PTR:
		return peek_u32(mem, len, &socklen) ? min_u64(socklen, MAX_TRANSFER) : 0;
	case ARG_INOUT_BITS:
		return bitmap_bytes(call->arch, len);
	case ARG_OUT_MSGBUF:
		return word_size(call->arch) + min_u64(len, MAX_TRANSFER);
	}
	return 0;
}

static void emit_arg(const struct syscall_out *o, int i)
{
	const struct arg_spec *spec = &o->row->arg[i];
	uint64_t cap = capacity(spec, o->call, o->mem);
	unsigned int word = word_size(o->call->arch);

	switch (spec->kind) {
	case ARG_OUT_IOVEC:
		out_iovec(o, o->call->arg[i], o->call->arg[spec->len_arg],
			  out_result(o, 1, UINT64_MAX));
		return;
	case ARG_OUT_BUF_RET:
		out_arg(o, i, out_result(o, spec->size[o->call->arch], cap));
		return;
	case ARG_OUT_MSGBUF:
		if (out_as_success(o))
			out_arg(o, i, word + out_result(o, 1, cap - word));
		return;
	}
	out_arg(o, i, cap);
}

int syscall_outputs(const struct syscall_row *row, const struct abi_call *call,
		    const struct abi_mem *mem, abi_emit_fn emit, void *ctx, struct buf *why)
{
	struct syscall_out o = {row, call, mem, emit, ctx, why};

	if (!out_as_success(&o) && !(row->flags & SYSF_OUT_ON_ERROR))
		return 0;
	if (row->class == SYS_REFUSED)
		return 0;
	for (int i = 0; i < 6; i++)
		emit_arg(&o, i);
	return row->special ? row->special(&o) : 0;
}

uint64_t syscall_arg_capacity(const struct syscall_row *row, const struct abi_call *call, int i,
			      const struct abi_mem *mem)
{
	BUG_ON(i < 0 || i >= 6);
	return call->arg[i] ? capacity(&row->arg[i], call, mem) : 0;
}

bool syscall_may_block(const struct syscall_row *row, const struct abi_call *call,
		       const struct abi_mem *mem)
{
	if (!(row->flags & SYSF_MAY_BLOCK))
		return false;
	return !row->waits || row->waits(call, mem);
}
