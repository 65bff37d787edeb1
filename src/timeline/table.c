/*
 * What the records of tasks say: which process executed what, and when. They are read once.
 */
#include "base/log.h"
#include "timeline/internal.h"

#include <stdlib.h>

struct task_row {
	enum trace_task_kind kind;
	event_t event;
	pid_t tid, tgid, parent;
	char *exe;
	struct buf args;
};

struct task_table {
	struct task_row *rows; /* in the order of events */
	size_t n;
};

int table_read(struct timeline *tl)
{
	struct trace_reader *r = tl->now->s.trace;
	struct task_table *t = tl->table = xcalloc(1, sizeof(*t));
	struct trace_task task;
	int ret;

	trace_reader_rewind_tasks(r);
	while ((ret = trace_reader_next_task(r, &task)) == 1) {
		struct task_row *row;

		t->rows = xrealloc(t->rows, (t->n + 1) * sizeof(*t->rows));
		row = &t->rows[t->n++];
		*row = (struct task_row){
			.kind = task.kind,
			.event = task.event,
			.tid = task.tid,
			.tgid = task.tgid,
			.parent = task.parent_tid,
			.exe = task.kind == TASK_EXEC && task.exe ? xstrdup(task.exe) : NULL,
			.args = BUF_INIT,
		};
		for (size_t i = 0; task.kind == TASK_EXEC && task.argv && task.argv[i]; i++)
			buf_add(&row->args, task.argv[i], strlen(task.argv[i]) + 1);
	}
	return ret < 0 ? tl_fail(tl, REPLAY_BAD_TRACE) : 0;
}

void table_release(struct timeline *tl)
{
	struct task_table *t = tl->table;

	for (size_t i = 0; t && i < t->n; i++) {
		free(t->rows[i].exe);
		buf_release(&t->rows[i].args);
	}
	if (t)
		free(t->rows);
	free(t);
}

/* The last record before `event` that says what the process is: its exec, or its birth. */
static const struct task_row *origin(const struct timeline *tl, pid_t tgid, event_t event)
{
	const struct task_table *t = tl->table;

	for (size_t i = t->n; i-- > 0;) {
		const struct task_row *row = &t->rows[i];

		if (row->event > event)
			continue;
		if (row->kind == TASK_EXEC && row->tgid == tgid)
			return row;
		if (row->kind == TASK_CLONE && row->tid == tgid)
			return row;
	}
	return NULL;
}

static pid_t process_of(const struct timeline *tl, pid_t tid, event_t event)
{
	const struct task_table *t = tl->table;

	for (size_t i = t->n; i-- > 0;)
		if (t->rows[i].tid == tid && t->rows[i].event <= event)
			return t->rows[i].tgid;
	return tid;
}

static const struct task_row *exec_row(const struct timeline *tl, pid_t tgid, event_t event)
{
	const struct task_row *row = origin(tl, tgid, event);

	while (row && row->kind == TASK_CLONE) {
		event = row->event;
		row = origin(tl, process_of(tl, row->parent, event), event - 1);
	}
	return row;
}

const char *table_exe(const struct timeline *tl, pid_t tgid, event_t event)
{
	const struct task_row *row = exec_row(tl, tgid, event);

	return row && row->exe ? row->exe : "";
}

int table_cmdline(const struct timeline *tl, pid_t tgid, event_t event, struct buf *out)
{
	const struct task_row *row = exec_row(tl, tgid, event);

	if (!row || !row->args.len)
		return -ENODATA;
	buf_add(out, row->args.data, row->args.len);
	return 0;
}

event_t table_exec_event(const struct timeline *tl, pid_t tgid, event_t event)
{
	const struct task_row *row = exec_row(tl, tgid, event);

	return row ? row->event : 0;
}
