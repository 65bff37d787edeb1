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

struct process {
	pid_t pid, parent; /* parent 0: the first process */
	const struct trace_task *exec, *exit;
};

/* The tree so far: a tid leads to its process, a thread's tid to that of its process. */
struct process_list {
	struct process *processes;
	size_t n;
	struct map by_tid;
};

static struct process *find_process(const struct process_list *l, pid_t tid)
{
	uint64_t at;

	return map_get(&l->by_tid, (uint32_t)tid, &at) ? &l->processes[at] : NULL;
}

/* A task is born. Its tid may have been another's, which is dead: the map forgets that one. */
static void add_birth(struct process_list *l, const struct trace_task *t)
{
	const struct process *parent = find_process(l, t->parent_tid);
	struct process *p;

	if (t->kind == TASK_CLONE && t->clone_flags & CLONE_THREAD) {
		if (parent)
			map_set(&l->by_tid, (uint32_t)t->tid, (uint64_t)(parent - l->processes));
		return;
	}
	p = &l->processes[l->n];
	*p = (struct process){.pid = t->tid};
	if (t->kind == TASK_CLONE)
		p->parent = parent ? parent->pid : t->parent_tid;
	map_set(&l->by_tid, (uint32_t)t->tid, l->n++);
}

static void add_record(struct process_list *l, const struct trace_task *t)
{
	struct process *p;

	if (t->kind == TASK_START || t->kind == TASK_CLONE) {
		add_birth(l, t);
		return;
	}
	p = find_process(l, t->tid);
	if (!p || p->pid != t->tid)
		return;
	if (t->kind == TASK_EXEC && !p->exec)
		p->exec = t;
	else if (t->kind == TASK_EXIT)
		p->exit = t;
}

static void print_process(const struct process *p)
{
	struct buf line = BUF_INIT;

	buf_addf(&line, "%d\t", p->pid);
	if (p->parent)
		buf_addf(&line, "%d\t", p->parent);
	else
		buf_addstr(&line, "--\t");
	if (p->exit)
		buf_addf(&line, "%d\t", exit_value(p->exit->exit_status));
	else
		buf_addstr(&line, "none\t");
	if (p->exec)
		format_argv(p->exec->argv, &line);
	else
		buf_addstr(&line, "(forked without exec)");
	puts(buf_str(&line));
	buf_release(&line);
}

static void print_processes(const struct task_list *list)
{
	struct process_list l = {.by_tid = MAP_INIT};

	/* There are no more processes than records. */
	l.processes = xcalloc(list->n + 1, sizeof(*l.processes));
	for (size_t i = 0; i < list->n; i++)
		add_record(&l, &list->tasks[i]);
	puts("PID\tPPID\tEXIT\tCMD");
	for (size_t i = 0; i < l.n; i++)
		print_process(&l.processes[i]);
	map_release(&l.by_tid);
	free(l.processes);
}

int cmd_ps(const struct command *cmd, char **argv)
{
	struct trace_reader *r = open_only_trace(cmd, NULL, argv);
	struct task_list list;
	int err;

	if (!r)
		return 1;
	err = task_list_load(&list, r);
	print_processes(&list);
	task_list_release(&list);
	trace_reader_close(r);
	return err ? 1 : 0;
}
