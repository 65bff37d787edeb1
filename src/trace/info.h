/* The files `version` and `args_env`. */
#ifndef TRACE_INFO_H
#define TRACE_INFO_H

#include "trace/codec.h"

/* 0 or -errno, nothing said. `version` appears last and whole: with it, the directory is a trace.
 */
int info_write_args(int dirfd, const struct trace_info *info);
int info_write_version(int dirfd, const struct trace_info *info);

/* 0, or -errno said on stderr. The strings are in the arena. `dir` is for messages. */
int info_read(int dirfd, const char *dir, struct arena *a, struct trace_info *info);

#endif
