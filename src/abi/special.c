/*
 * What special handlers share: emitting, and reading a tracee's memory.
 */
#include "abi/special.h"

#include <stdarg.h>

/* Bounds of the kernel, so that a hostile count does not keep us busy (linux/uio.h). */
#define MAX_IOVECS 1024

bool peek(const struct abi_mem *mem, raddr_t addr, void *data, size_t n)
{
	return addr && mem && mem->read(mem->ctx, addr, data, n) == 0;
}

bool peek_u32(const struct abi_mem *mem, raddr_t addr, uint32_t *v)
{
	return peek(mem, addr, v, sizeof(*v));
}

bool peek_u64(const struct abi_mem *mem, raddr_t addr, uint64_t *v)
{
	return peek(mem, addr, v, sizeof(*v));
}

bool peek_word(const struct abi_mem *mem, enum abi_arch arch, raddr_t addr, uint64_t *v)
{
	*v = 0;
	return peek(mem, addr, v, word_size(arch));
}

uint64_t out_result(const struct syscall_out *o, uint64_t unit, uint64_t capacity)
{
	if (o->call->ret == -EFAULT)
		return capacity;
	if (is_error(o->call->ret))
		return 0;
	return min_u64(min_u64(o->call->ret, UINT64_MAX / unit) * unit, capacity);
}

void out_emit(const struct syscall_out *o, raddr_t addr, uint64_t len)
{
	if (addr && len)
		o->emit(o->ctx, addr, len);
}

void out_arg(const struct syscall_out *o, int arg, uint64_t len)
{
	out_emit(o, o->call->arg[arg], len);
}

void out_string(const struct syscall_out *o, raddr_t addr, uint64_t max)
{
	uint64_t n = 0;
	char c = 1;

	while (c && n < max && peek(o->mem, addr + n, &c, 1))
		n++;
	out_emit(o, addr, n);
}

void out_iovec(const struct syscall_out *o, raddr_t iov, uint64_t count, uint64_t total)
{
	uint64_t entry = OUT_SIZE(o, iovec);
	unsigned int word = word_size(o->call->arch);

	for (uint64_t i = 0; i < min_u64(count, MAX_IOVECS) && total; i++) {
		uint64_t base, len;

		if (!peek_word(o->mem, o->call->arch, iov + i * entry, &base) ||
		    !peek_word(o->mem, o->call->arch, iov + i * entry + word, &len))
			return;
		len = min_u64(min_u64(len, MAX_TRANSFER), total);
		out_emit(o, base, len);
		total -= len;
	}
}

int out_unsupported(const struct syscall_out *o, const char *fmt, ...)
{
	va_list ap;

	if (o->why) {
		va_start(ap, fmt);
		buf_vaddf(o->why, fmt, ap);
		va_end(ap);
	}
	return -ENOTSUP;
}
