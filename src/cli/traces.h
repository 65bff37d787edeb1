/*
 * What the commands that look at traces share: opening one, its task records in memory, a
 * directory's size, and the `latest-trace` link.
 */
#ifndef CLI_TRACES_H
#define CLI_TRACES_H

#include "base/buf.h"
#include "trace/dir.h"
#include "trace/trace.h"

struct command;

/* The trace that the user means by `arg` (NULL: the latest), or NULL after saying why not. */
struct trace_reader *open_trace(const char *arg);
/* Parse the arguments of a command that looks at one trace, its options into `dest`, and open that:
 * as open_trace(). */
struct trace_reader *open_only_trace(const struct command *cmd, void *dest, char **argv);
/* The directory of a trace that `cmd` is to change, absolute and without links: 0 or -errno, said.
 */
int find_trace(const struct command *cmd, const char *arg, struct buf *dir);

/* All task records of a trace, in order, on memory of their own. */
struct task_list {
	struct trace_task *tasks;
	size_t n;
};

/* 0 or -errno; what could be read is in the list either way. */
int task_list_load(struct task_list *list, struct trace_reader *r);
void task_list_release(struct task_list *list);
/* The record of that kind for `tid` with the first number >= `from`; NULL if there is none. */
const struct trace_task *task_list_find(const struct task_list *list, size_t from,
					enum trace_task_kind kind, pid_t tid);

/* An exit status as from waitpid(): the exit code, or the signal as a negative number. */
int exit_value(int status);

/* "exit status 3", "killed by SIGSEGV (core dumped)". */
void format_exit(int status, struct buf *out);

/* The words of a command line, quoted for a shell where that is needed. */
void format_argv(const char *const *argv, struct buf *out);

/* A name from the trace, without characters that would break the line or the terminal. */
void format_printable(const char *name, struct buf *out);
/* A size for people: "812", "1.4M". */
void format_size(uint64_t bytes, struct buf *out);

/* Bytes in the files of a directory and of those below it (0 if it cannot be read). */
uint64_t tree_size(const char *dir);

/* Absolute, without links: 0 or -errno. */
int real_path(const char *path, struct buf *out);

/* Whether `latest-trace` in the root leads to `dir` (as from real_path()). */
bool latest_is(const char *dir);
/* After the trace that `latest-trace` led to is gone: point it at the newest one, or remove it. */
void latest_repair(void);

/* A process that has a file of the trace directory open; 0 if none that we may see. */
pid_t trace_user(const char *dir);
/* Whether the recording's end was never written. */
bool trace_dir_incomplete(const char *dir);

#endif
