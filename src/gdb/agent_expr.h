/*
 * Conditions of breakpoints, which gdb compiles to bytecode (gdb's manual, appendix "The GDB Agent
 * Expression Mechanism"): evaluated here, a condition that is false costs no packet. Pure, and safe
 * with any bytes.
 */
#ifndef GDB_AGENT_EXPR_H
#define GDB_AGENT_EXPR_H

#include "base/types.h"

/* What an expression can ask of the thread that it is evaluated for. Both: 0 or -errno. */
struct agent_context {
	int (*read_register)(void *ctx, unsigned number, uint64_t *value); /* gdb's number */
	int (*read_memory)(void *ctx, raddr_t addr, void *buf, size_t n);
	void *ctx;
};

/*
 * The value that is on top of the stack at the end. 0; -EINVAL: not an expression; -ENOTSUP: an
 * operation that we do not have; -EDOM: division by zero; -ELOOP: it does not end; or what the
 * callbacks return.
 */
int agent_expr_evaluate(const uint8_t *code, size_t n, const struct agent_context *context,
			int64_t *value);

#endif
