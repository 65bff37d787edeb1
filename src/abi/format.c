/*
 * A system call as text, for dumps and messages: `openat(AT_FDCWD, "x", O_RDONLY) = 3`. Driven by
 * the argument kinds of the row; flags.def and prctls.def name bits and values.
 */
#include "abi/special.h"

#include "abi/signal.h"

#include <ctype.h>
#include <inttypes.h>

#define MAX_STRING 64 /* bytes shown of a string or buffer */
#define MAX_PATH   4096

struct flag_name {
	uint8_t set;
	uint64_t value;
	const char *name;
};

static const struct flag_name flags[] = {
#define FLAG_SET(set, mask)
#define FLAG(set, name, value) {FLAG_SET_##set, value, name},
#include "abi/flags.def"
#undef FLAG_SET
#undef FLAG
#define PRCTL(name, value, arg, size64, size32) {FLAG_SET_PRCTL, value, name},
#include "abi/prctls.def"
#undef PRCTL
};

static const uint64_t value_mask[N_FLAG_SETS] = {
#define FLAG_SET(set, mask) [FLAG_SET_##set] = mask,
#define FLAG(set, name, value)
#include "abi/flags.def"
#undef FLAG_SET
#undef FLAG
};

static const char *value_name(enum flag_set set, uint64_t value)
{
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (flags[i].set == set && flags[i].value == value)
			return flags[i].name;
	return NULL;
}

static void add_separated(struct buf *out, bool *first, const char *text)
{
	buf_addf(out, "%s%s", *first ? "" : "|", text);
	*first = false;
}

static void format_flags(enum flag_set set, uint64_t v, struct buf *out)
{
	uint64_t mask = value_mask[set], bits = v & ~mask;
	const char *name = value_name(set, v & mask);
	bool first = true;

	if (set == FLAG_SET_MODE) {
		buf_addf(out, "%s%" PRIo64, v ? "0" : "", v);
		return;
	}
	if (name && (mask || v == 0))
		add_separated(out, &first, name);
	else if (v & mask)
		bits = v;
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		uint64_t f = flags[i].value;

		if (flags[i].set != set || !f || (f & mask) || (bits & f) != f)
			continue;
		add_separated(out, &first, flags[i].name);
		bits &= ~f;
	}
	if (bits || first)
		buf_addf(out, bits ? "%s0x%" PRIx64 : "%s%" PRId64, first ? "" : "|", bits);
}

static void add_quoted(struct buf *out, const char *data, size_t n, bool cut)
{
	buf_addch(out, '"');
	for (size_t i = 0; i < n; i++) {
		unsigned char c = data[i];

		if (c == '"' || c == '\\')
			buf_addf(out, "\\%c", c);
		else if (c == '\n')
			buf_addstr(out, "\\n");
		else if (isprint(c))
			buf_addch(out, c);
		else
			buf_addf(out, "\\x%02x", c);
	}
	buf_addstr(out, cut ? "\"..." : "\"");
}

/* Byte by byte near the end: the string may end where its mapping does. */
static void format_string(const struct abi_mem *mem, raddr_t addr, struct buf *out)
{
	struct buf text = BUF_INIT;
	bool ended = false;
	char c;

	while (text.len < MAX_PATH && peek(mem, addr + text.len, &c, 1)) {
		ended = c == '\0';
		if (ended)
			break;
		buf_addch(&text, c);
	}
	if (addr && (ended || text.len))
		add_quoted(out, buf_str(&text), text.len, !ended);
	else
		buf_addf(out, addr ? "0x%" PRIx64 : "NULL", addr);
	buf_release(&text);
}

static void format_data(const struct abi_mem *mem, raddr_t addr, uint64_t len, struct buf *out)
{
	char data[MAX_STRING];
	size_t n = min_u64(len, sizeof(data));

	if (n && peek(mem, addr, data, n))
		add_quoted(out, data, n, n < len);
	else
		buf_addf(out, addr ? "0x%" PRIx64 : "NULL", addr);
}

static int64_t as_long(enum abi_arch arch, uint64_t v)
{
	return arch == ARCH_I386 ? (int32_t)v : (int64_t)v;
}

static void format_offset(const struct syscall_row *row, const struct abi_call *call, int i,
			  struct buf *out)
{
	uint64_t v = call->arg[i];

	if (call->arch == ARCH_I386 && i < 5 && row->arg[i + 1].kind == ARG_OFF_HI)
		v = (uint32_t)v | call->arg[i + 1] << 32;
	buf_addf(out, "%" PRId64, (int64_t)v);
}

/* The bytes that an output buffer holds, for those whose result says it. */
static bool format_result_data(const struct syscall_row *row, const struct abi_call *call,
			       const struct abi_mem *mem, int i, bool with_ret, struct buf *out)
{
	const struct arg_spec *spec = &row->arg[i];

	if (!with_ret || call->ret <= 0 || spec->kind != ARG_OUT_BUF_RET || spec->size[0] != 1)
		return false;
	format_data(mem, call->arg[i], min_u64(call->ret, call->arg[spec->len_arg]), out);
	return true;
}

static void format_arg(const struct syscall_row *row, const struct abi_call *call,
		       const struct abi_mem *mem, int i, bool with_ret, struct buf *out)
{
	const struct arg_spec *spec = &row->arg[i];
	uint64_t v = call->arg[i];

	switch (spec->kind) {
	case ARG_INT:
		buf_addf(out, "%" PRId32, (int32_t)v);
		return;
	case ARG_LONG:
		buf_addf(out, "%" PRId64, as_long(call->arch, v));
		return;
	case ARG_HEX:
		if (i == 1 && row->special == special_ioctl && ioctl_name(call->arch, v)) {
			buf_addstr(out, ioctl_name(call->arch, v));
			return;
		}
		buf_addf(out, v ? "0x%" PRIx64 : "%" PRIx64, v);
		return;
	case ARG_SIZE:
		buf_addf(out, "%" PRIu64, v);
		return;
	case ARG_FD:
		if ((int32_t)v == -100)
			buf_addstr(out, "AT_FDCWD");
		else
			buf_addf(out, "%" PRId32, (int32_t)v);
		return;
	case ARG_SIG:
		buf_addstr(out, v ? signal_name((int)v) : "0");
		return;
	case ARG_OFF:
		format_offset(row, call, i, out);
		return;
	case ARG_FLAGS:
		format_flags(spec->len_arg, v, out);
		return;
	case ARG_STR:
		if (mem) {
			format_string(mem, v, out);
			return;
		}
		break;
	case ARG_IN_BUF:
		if (mem) {
			format_data(mem, v, call->arg[spec->len_arg], out);
			return;
		}
		break;
	}
	if (mem && format_result_data(row, call, mem, i, with_ret, out))
		return;
	buf_addf(out, v ? "0x%" PRIx64 : "NULL", v);
}

static bool returns_address(const struct syscall_row *row)
{
	return row->class == SYS_MMAP || row->class == SYS_MREMAP || row->class == SYS_BRK ||
	       row->class == SYS_SHMAT;
}

static void format_result(const struct syscall_row *row, const struct abi_call *call,
			  struct buf *out)
{
	if (is_error(call->ret))
		buf_addf(out, " = -1 %s", abi_errno_name((int)-call->ret));
	else if (row && returns_address(row))
		buf_addf(out, " = 0x%" PRIx64,
			 call->arch == ARCH_I386 ? (uint32_t)call->ret : (uint64_t)call->ret);
	else
		buf_addf(out, " = %" PRId64, call->ret);
}

void syscall_format(const struct abi_call *call, const struct abi_mem *mem, bool with_ret,
		    struct buf *out)
{
	const struct syscall_row *row = syscall_row(call->arch, call->nr);
	const char *separator = "";

	buf_addf(out, "%s(", syscall_name(call->arch, call->nr));
	for (int i = 0; i < 6; i++) {
		if (!row) {
			buf_addf(out, "%s0x%" PRIx64, separator, call->arg[i]);
		} else {
			if (row->arg[i].kind == ARG_NONE)
				break;
			if (row->arg[i].kind == ARG_OFF_HI)
				continue;
			buf_addstr(out, separator);
			format_arg(row, call, mem, i, with_ret, out);
		}
		separator = ", ";
	}
	buf_addch(out, ')');
	if (with_ret)
		format_result(row, call, out);
}
