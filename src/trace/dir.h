/*
 * Where traces are, and what they are called. `$_RR_TRACE_DIR`, else `$XDG_DATA_HOME/rr`, else
 * `~/.local/share/rr`; NAME-N in it; `latest-trace` links to the newest.
 */
#ifndef TRACE_DIR_H
#define TRACE_DIR_H

#include "base/buf.h"

/* The directory of the traces; it may not exist yet. 0, or -errno said on stderr (no HOME). */
int trace_root(struct buf *out);
/* The same, without a word. */
int trace_root_quiet(struct buf *out);

/*
 * A name for a new trace of program `exe` that is not taken: ROOT/BASENAME-N. Makes ROOT and, so
 * that no other recorder gets the same name, the directory (0700), empty.
 */
int trace_new_dir(const char *exe, struct buf *out);

/* Point `latest-trace` beside `dir` at it (atomically). Only for traces in the root. */
int trace_set_latest(const char *dir);

/*
 * The directory that the user means by `arg`: a path, a name in the root, or NULL for the latest.
 * 0, or -ENOENT said on stderr.
 */
int trace_resolve_dir(const char *arg, struct buf *out);

/* Whether the directory looks like a trace (has a `version` file). */
bool trace_is_trace_dir(const char *dir);

/*
 * Names of the traces in the root, one call of `fn` each (unsorted); stops at the first non-zero
 * return and returns it.
 */
int trace_for_each(int (*fn)(void *ctx, const char *name, const char *dir), void *ctx);

/*
 * Remove from the store of kept files beside the traces in `root` what no trace uses any more; for
 * after a trace was removed. Safe while others record. 0 or -errno; no store is no error.
 */
int trace_store_prune(const char *root);

#endif
