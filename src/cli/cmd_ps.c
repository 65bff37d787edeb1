/*
 * rr ps: the processes of a recording, in the order in which they began. Scripts read this: columns
 * with tabs between, the first process's parent is `--`, an exit by a signal is the negative
 * signal.
 */
#include "cli/cli.h"
#include "cli/traces.h"

#include "base/map.h"

#include <sched.h>

const struct option_row ps_option_rows[] = {OPTIONS_END};

/* The process that `tid` belongs to: itself unless it is known to be a thread of another. */
static pid_t process_of(const struct map *tgids, pid_t tid)
{
	uint64_t tgid;

	return map_get(tgids, (uint32_t)tid, &tgid) ? (pid_t)tgid : tid;
}

/* A tid can be used again; what comes behind the next birth of the same tid belongs to that one. */
static const struct trace_task *find_in_life(const struct task_list *list, size_t birth,
					     enum trace_task_kind kind)
{
	pid_t tid = list->tasks[birth].tid;
	const struct trace_task *found = task_list_find(list, birth + 1, kind, tid);
	const struct trace_task *next = task_list_find(list, birth + 1, TASK_CLONE, tid);

	return found && next && next < found ? NULL : found;
}

static void print_process(const struct task_list *list, size_t birth, const struct map *tgids)
{
	const struct trace_task *t = &list->tasks[birth];
	const struct trace_task *exec = find_in_life(list, birth, TASK_EXEC);
	const struct trace_task *exit = find_in_life(list, birth, TASK_EXIT);
	struct buf line = BUF_INIT;

	buf_addf(&line, "%d\t", t->tid);
	if (t->kind == TASK_START)
		buf_addstr(&line, "--\t");
	else
		buf_addf(&line, "%d\t", process_of(tgids, t->parent_tid));
	if (exit)
		buf_addf(&line, "%d\t", exit_value(exit->exit_status));
	else
		buf_addstr(&line, "none\t");
	if (exec)
		format_argv(exec->argv, &line);
	else
		buf_addstr(&line, "(forked without exec)");
	puts(buf_str(&line));
	buf_release(&line);
}

static void print_processes(const struct task_list *list)
{
	struct map tgids = MAP_INIT;

	puts("PID\tPPID\tEXIT\tCMD");
	for (size_t i = 0; i < list->n; i++) {
		const struct trace_task *t = &list->tasks[i];

		if (t->kind != TASK_START && t->kind != TASK_CLONE)
			continue;
		if (t->clone_flags & CLONE_THREAD && t->kind == TASK_CLONE) {
			map_set(&tgids, (uint32_t)t->tid, (uint32_t)t->tgid);
			continue;
		}
		map_del(&tgids, (uint32_t)t->tid);
		print_process(list, i, &tgids);
	}
	map_release(&tgids);
}

int cmd_ps(const struct command *cmd, char **argv)
{
	struct trace_reader *r;
	struct task_list list;
	struct option_rest rest;
	int err;

	command_options(cmd, NULL, OPTIONS_PERMUTE, argv, &rest);
	if (rest.n_args > 1)
		return usage_error(cmd, "one trace at a time");
	r = open_trace(rest.args[0]);
	if (!r)
		return 1;
	err = task_list_load(&list, r);
	print_processes(&list);
	task_list_release(&list);
	trace_reader_close(r);
	return err ? 1 : 0;
}
