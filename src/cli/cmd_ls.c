/*
 * rr ls: the recordings in the root. Short: names. Long: what a user chooses a recording by, which
 * means opening each; one that cannot be read is listed all the same.
 */
#include "cli/cli.h"
#include "cli/traces.h"

#include <time.h>

struct ls_command {
	bool long_listing, by_age, reverse;
};

#define AT(field) OPT_AT(struct ls_command, field)

const struct option_row ls_option_rows[] = {
	OPTION(FLAG, 'l', "long-listing", NULL, "size, date, end and command line too",
	       AT(long_listing)),
	OPTION(FLAG, 't', "sort-by-age", NULL, "newest first", AT(by_age)),
	OPTION(FLAG, 'r', "reverse", NULL, "in reverse order", AT(reverse)),
	OPTIONS_END,
};

#undef AT

struct entry {
	char *name, *dir;
	struct timespec when;
};

struct listing {
	struct entry *entries;
	size_t n, cap;
};

static int add_entry(void *ctx, const char *name, const char *dir)
{
	struct listing *l = ctx;
	struct buf file = BUF_INIT;
	struct entry *e;
	struct stat st;

	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 16;
		l->entries = xrealloc(l->entries, l->cap * sizeof(*l->entries));
	}
	e = &l->entries[l->n++];
	*e = (struct entry){.name = xstrdup(name), .dir = xstrdup(dir)};
	/* As latest_repair() has it: `version` is written once, when recording begins. */
	buf_addf(&file, "%s/version", dir);
	if (!stat(buf_str(&file), &st))
		e->when = st.st_mtim;
	buf_release(&file);
	return 0;
}

/* ls-2 comes before ls-10. */
static int by_name(const void *a, const void *b)
{
	return strverscmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static int newest_first(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->when.tv_sec != y->when.tv_sec)
		return x->when.tv_sec < y->when.tv_sec ? 1 : -1;
	if (x->when.tv_nsec != y->when.tv_nsec)
		return x->when.tv_nsec < y->when.tv_nsec ? 1 : -1;
	return by_name(a, b);
}

/* How the first process ended. */
static void format_end(struct trace_reader *r, struct buf *out)
{
	struct task_list tasks;
	const struct trace_task *exit = NULL;

	task_list_load(&tasks, r);
	if (tasks.n)
		exit = task_list_find(&tasks, 0, TASK_EXIT, tasks.tasks[0].tid);
	if (trace_reader_incomplete(r))
		buf_addstr(out, "incomplete");
	else if (exit)
		buf_addf(out, "%d", exit_value(exit->exit_status));
	else
		buf_addstr(out, "none");
	task_list_release(&tasks);
}

static void print_long(const struct entry *e, int width)
{
	struct trace_reader *r;
	struct buf size = BUF_INIT, end = BUF_INIT, cmd = BUF_INIT;
	char date[32] = "?";
	struct tm tm;
	time_t when = e->when.tv_sec;

	format_size(tree_size(e->dir), &size);
	if (!trace_reader_open(&r, e->dir)) {
		const struct trace_info *info = trace_reader_info(r);

		when = (time_t)(info->start_time_ns / 1000000000);
		format_end(r, &end);
		format_argv(info->argv, &cmd);
		trace_reader_close(r);
	} else {
		buf_addstr(&end, "unreadable");
	}
	if (localtime_r(&when, &tm))
		strftime(date, sizeof(date), "%F %T", &tm);
	printf("%-*s  %5s  %s  %10s  %s\n", width, e->name, buf_str(&size), date, buf_str(&end),
	       buf_str(&cmd));
	buf_release(&size);
	buf_release(&end);
	buf_release(&cmd);
}

static void print_listing(const struct listing *l, const struct ls_command *lc)
{
	int width = 4;

	for (size_t i = 0; i < l->n; i++)
		width = (int)max_u64((uint64_t)width, strlen(l->entries[i].name));
	if (lc->long_listing && l->n)
		printf("%-*s  %5s  %-19s  %10s  %s\n", width, "NAME", "SIZE", "WHEN", "EXIT",
		       "CMD");
	for (size_t i = 0; i < l->n; i++) {
		const struct entry *e = &l->entries[lc->reverse ? l->n - 1 - i : i];

		if (lc->long_listing)
			print_long(e, width);
		else
			puts(e->name);
	}
}

static int list_traces(struct listing *l)
{
	struct buf root = BUF_INIT;
	int err = trace_root(&root);

	if (!err) {
		err = trace_for_each(add_entry, l);
		if (err)
			error("ls: cannot read %s: %s", buf_str(&root), strerror(-err));
	}
	buf_release(&root);
	return err;
}

int cmd_ls(const struct command *cmd, char **argv)
{
	struct ls_command lc = {.reverse = false};
	struct listing l = {0};
	struct option_rest rest;
	int err;

	command_options(cmd, &lc, OPTIONS_PERMUTE, argv, &rest);
	no_arguments(cmd, &rest);
	err = list_traces(&l);
	if (l.n)
		qsort(l.entries, l.n, sizeof(*l.entries), lc.by_age ? newest_first : by_name);
	print_listing(&l, &lc);
	for (size_t i = 0; i < l.n; i++) {
		free(l.entries[i].name);
		free(l.entries[i].dir);
	}
	free(l.entries);
	return err ? 1 : 0;
}
