/*
 * The files that the programs of a recording have mapped, for the commands that list them.
 */
#ifndef CLI_MAPPED_FILES_H
#define CLI_MAPPED_FILES_H

#include "trace/trace.h"

/* `name`: the path under which the recorded program had the saved file. */
typedef void (*mapped_file_fn)(void *ctx, uint32_t file, const char *name);

/* Call fn() for each mapping of a file with a path, in the order of events. 0, or -errno (said). */
int each_mapped_file(struct trace_reader *r, mapped_file_fn fn, void *ctx);

#endif
