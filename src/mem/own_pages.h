/*
 * Pages of a private mapping of a file that the process has a copy of its own of: those that it has
 * written to.
 */
#ifndef MEM_OWN_PAGES_H
#define MEM_OWN_PAGES_H

#include "base/types.h"

#include <sys/types.h>

typedef void (*own_page_fn)(void *ctx, raddr_t page);
/* Those in [start, end), in order. 0, or -errno: not all could be asked for. */
int own_pages(pid_t tid, raddr_t start, raddr_t end, own_page_fn fn, void *ctx);

#endif
