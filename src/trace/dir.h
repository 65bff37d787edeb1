/*
 * Where traces are, and what they are called. CLI.md: `$_RR_TRACE_DIR`, else `$XDG_DATA_HOME/rr`, else
 * `~/.local/share/rr`; NAME-N in it; `latest-trace` links to the newest.
 */
#ifndef TRACE_DIR_H
#define TRACE_DIR_H

#include "base/buf.h"

/* The directory that holds the traces; it may not exist yet. 0, or -errno said on stderr (no HOME). */
int trace_root(struct buf *out);

/* A name for a new trace of program `exe` that is not taken: ROOT/BASENAME-N. Makes ROOT (0700). */
int trace_new_dir(const char *exe, struct buf *out);

/* Point `latest-trace` beside `dir` at it (atomically). Only for traces in the root. */
int trace_set_latest(const char *dir);

/*
 * The directory that the user means by `arg`: a path, a name in the root, or NULL for the latest. 0, or -ENOENT
 * said on stderr.
 */
int trace_resolve_dir(const char *arg, struct buf *out);

/* Whether the directory looks like a trace (has a `version` file). */
bool trace_is_trace_dir(const char *dir);

/* Names of the traces in the root, one call of `fn` each (unsorted); stops at the first non-zero return
 * and returns it. */
int trace_for_each(int (*fn)(void *ctx, const char *name, const char *dir), void *ctx);

#endif
