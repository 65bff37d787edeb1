/*
 * Reading the agent's buffer out of a trace, which is not to be trusted.
 */
#ifndef AGENTCTL_RECORDS_H
#define AGENTCTL_RECORDS_H

#include "agent/agent.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The record at `*at` of the `n` bytes at `buf`, which are aligned to 8; `*at` moves behind it.
 * NULL at the end, and where there is no whole record (`*at` is not `n` then). All of its pieces
 * lie in it. `last` is the caller's, zeroed before the first record, and keeps what the next one
 * may be like (struct agent_like); such a one is returned there, expanded.
 */
const struct agent_record *agent_next_record(const void *buf, size_t n, size_t *at,
					     struct agent_record *last);

/* The first piece, and the one behind `p`; NULL: there is none. */
const struct agent_piece *agent_first_piece(const struct agent_record *r);
const struct agent_piece *agent_next_piece(const struct agent_record *r,
					   const struct agent_piece *p);

/* Which part of the file of the trace `r->file` the piece is; NULL: its bytes follow it. */
const struct agent_part *agent_part_of(const struct agent_record *r, const struct agent_piece *p);

/* What the record's call or instruction is called. */
const char *agent_call_name(int nr);

#endif
