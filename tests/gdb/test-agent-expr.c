/*
 * The evaluator of conditions: rows of bytecode and what it must yield, or the error. The register
 * N has the value 1000 + N (those from 100 on cannot be read); memory at A has the bytes A, A+1,
 * ... (that below 16 cannot be read).
 */
#include "check.h"
#include "gdb/agent_expr.h"

#include <errno.h>

static int read_register(void *ctx, unsigned number, uint64_t *value)
{
	*value = 1000 + number;
	return number < 100 ? 0 : -ESRCH;
}

static int read_memory(void *ctx, raddr_t addr, void *buf, size_t n)
{
	if (addr < 16)
		return -EFAULT;
	for (size_t i = 0; i < n; i++)
		((uint8_t *)buf)[i] = (uint8_t)(addr + i);
	return 0;
}

struct row {
	const char *code;
	size_t n;
	int err;
	int64_t value;
};

#define ROW(code, err, value)                      \
	{                                          \
		code, sizeof(code) - 1, err, value \
	}
/* Operands of binary operations: one byte, unsigned; minus one. */
#define A(x)  "\x22" x
#define MINUS "\x22\x00\x22\x01\x03"
#define END   "\x27"

static const struct row rows[] = {
	ROW("", -EINVAL, 0),
	ROW(END, -EINVAL, 0),
	ROW(A("\x05") END, 0, 5),
	ROW(A("\x05"), -EINVAL, 0),
	ROW("\x22", -EINVAL, 0),
	ROW("\x25\x01\x02\x03\x04\x05\x06\x07", -EINVAL, 0),
	ROW("\x23\x01\x02" END, 0, 0x102),
	ROW("\x24\x01\x02\x03\x04" END, 0, 0x1020304),
	ROW("\x25\x81\x02\x03\x04\x05\x06\x07\x08" END, 0, (int64_t)0x8102030405060708),
	ROW(A("\x07") A("\x03") "\x02" END, 0, 10),
	ROW(A("\x03") A("\x07") "\x03" END, 0, -4),
	ROW(MINUS A("\x07") "\x04" END, 0, -7),
	ROW(A("\x07") "\x02" END, -EINVAL, 0),
	ROW(MINUS A("\x02") "\x05" END, 0, 0),
	ROW(MINUS A("\x02") "\x06" END, 0, INT64_MAX),
	ROW(A("\x07") MINUS "\x05" END, 0, -7),
	ROW(A("\x07") A("\x00") "\x05" END, -EDOM, 0),
	ROW(A("\x07") A("\x00") "\x08" END, -EDOM, 0),
	ROW("\x25\x80\x00\x00\x00\x00\x00\x00\x00" MINUS "\x05" END, 0, INT64_MIN),
	ROW("\x25\x80\x00\x00\x00\x00\x00\x00\x00" MINUS "\x07" END, 0, 0),
	ROW(A("\x11") A("\x05") "\x07" END, 0, 2),
	ROW(A("\x11") A("\x05") "\x08" END, 0, 2),
	ROW(A("\x01") A("\x3f") "\x09" END, 0, INT64_MIN),
	ROW(A("\x01") A("\x40") "\x09" END, 0, 0),
	ROW(MINUS A("\x40") "\x0a" END, 0, -1),
	ROW(MINUS A("\x40") "\x0b" END, 0, 0),
	ROW(MINUS A("\x3f") "\x0b" END, 0, 1),
	ROW(MINUS A("\x01") "\x0a" END, 0, -1),
	ROW(A("\x00") "\x0e" END, 0, 1),
	ROW(A("\x09") "\x0e" END, 0, 0),
	ROW(A("\x0c") A("\x0a") "\x0f" END, 0, 8),
	ROW(A("\x0c") A("\x0a") "\x10" END, 0, 14),
	ROW(A("\x0c") A("\x0a") "\x11" END, 0, 6),
	ROW(A("\x00") "\x12" END, 0, -1),
	ROW(A("\x0c") A("\x0c") "\x13" END, 0, 1),
	ROW(A("\x0c") A("\x0d") "\x13" END, 0, 0),
	ROW(MINUS A("\x0d") "\x14" END, 0, 1),
	ROW(MINUS A("\x0d") "\x15" END, 0, 0),
	ROW(A("\x0c") A("\x0d") "\x15" END, 0, 1),
	ROW(A("\x80") "\x16\x08" END, 0, -128),
	ROW(A("\x80") "\x16\x40" END, 0, 128),
	ROW(A("\x80") "\x16\xff" END, 0, 128),
	ROW(A("\x80") "\x16\x00" END, 0, 128),
	ROW(MINUS "\x2a\x10" END, 0, 0xffff),
	ROW(A("\x20") "\x17" END, 0, 0x20),
	ROW(A("\x20") "\x18" END, 0, 0x2120),
	ROW(A("\x20") "\x19" END, 0, 0x23222120),
	ROW(A("\x20") "\x1a" END, 0, 0x2726252423222120),
	ROW(A("\x0f") "\x17" END, -EFAULT, 0),
	ROW("\x26\x00\x06" END, 0, 1006),
	ROW("\x26\x01\x00" END, -ESRCH, 0),
	ROW(A("\x05") "\x28\x02" END, 0, 10),
	ROW(A("\x05") A("\x06") "\x29" END, 0, 5),
	ROW("\x29" END, -EINVAL, 0),
	ROW(A("\x05") A("\x07") "\x2b\x03" END, 0, 2),
	ROW(A("\x05") A("\x07") "\x32\x01" END, 0, 5),
	ROW(A("\x05") A("\x07") "\x32\x02" END, -EINVAL, 0),
	ROW(A("\x01") A("\x02") A("\x03") "\x33" END, 0, 2),
	ROW(A("\x01") A("\x02") A("\x03") "\x33\x29" END, 0, 1),
	ROW(A("\x01") A("\x02") A("\x03") "\x33\x29\x29" END, 0, 3),
	ROW("\x21\x00\x06" A("\x01") END A("\x02") END, 0, 2),
	ROW(A("\x01") "\x20\x00\x08" A("\x01") END A("\x02") END, 0, 2),
	ROW(A("\x00") "\x20\x00\x08" A("\x01") END A("\x02") END, 0, 1),
	ROW("\x21\x00\x00", -ELOOP, 0),
	ROW("\x21\xff\xff", -EINVAL, 0),
	ROW(A("\x00") "\x28\x21\x00\x02", -EINVAL, 0), /* the stack is full in the end */
	ROW("\x01", -ENOTSUP, 0),
	ROW("\x0c" END, -ENOTSUP, 0),
	ROW("\xff", -ENOTSUP, 0),
};

int main(void)
{
	const struct agent_context context = {read_register, read_memory, NULL};

	for (const struct row *r = rows; r < rows + ARRAY_SIZE(rows); r++) {
		int64_t value = 0;
		int err = agent_expr_evaluate((const uint8_t *)r->code, r->n, &context, &value);

		if (err != r->err || (!err && value != r->value)) {
			fprintf(stderr, "row %zu: error %d, value %lld\n", (size_t)(r - rows), err,
				(long long)value);
			return 1;
		}
	}
	printf("%zu expressions\n", ARRAY_SIZE(rows));
	return 0;
}
