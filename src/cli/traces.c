/*
 * Helpers of the commands that look at traces. See traces.h.
 */
#include "cli/traces.h"

#include "cli/cli.h"

#include "abi/signal.h"
#include "base/io.h"
#include "base/log.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <sys/wait.h>
#include <unistd.h>

struct trace_reader *open_trace(const char *arg)
{
	struct trace_reader *r = NULL;
	struct buf dir = BUF_INIT;

	if (!trace_resolve_dir(arg, &dir) && trace_reader_open(&r, buf_str(&dir)))
		r = NULL;
	buf_release(&dir);
	return r;
}

struct trace_reader *open_only_trace(const struct command *cmd, void *dest, char **argv)
{
	struct option_rest rest;

	command_options(cmd, dest, OPTIONS_PERMUTE, argv, &rest);
	if (rest.n_args > 1) {
		usage_error(cmd, "one trace at a time");
		return NULL;
	}
	return open_trace(rest.args[0]);
}

int find_trace(const struct command *cmd, const char *arg, struct buf *dir)
{
	struct buf found = BUF_INIT;
	int err = trace_resolve_dir(arg, &found);

	if (!err) {
		err = real_path(buf_str(&found), dir);
		if (err || !trace_is_trace_dir(buf_str(dir)))
			err = error_ret(err ? err : -EINVAL, "%s: %s is not a trace", cmd->name,
					arg);
	}
	buf_release(&found);
	return err;
}

static const char *const *copy_argv(const char *const *argv)
{
	size_t n = 0;
	char **copy;

	while (argv[n])
		n++;
	copy = xcalloc(n + 1, sizeof(*copy));
	for (size_t i = 0; i < n; i++)
		copy[i] = xstrdup(argv[i]);
	return (const char *const *)copy;
}

int task_list_load(struct task_list *list, struct trace_reader *r)
{
	struct trace_task t;
	size_t cap = 0;
	int ret;

	list->tasks = NULL;
	list->n = 0;
	trace_reader_rewind_tasks(r);
	while ((ret = trace_reader_next_task(r, &t)) > 0) {
		if (list->n == cap) {
			cap = cap ? 2 * cap : 64;
			list->tasks = xrealloc(list->tasks, cap * sizeof(*list->tasks));
		}
		if (t.exe)
			t.exe = xstrdup(t.exe);
		if (t.argv)
			t.argv = copy_argv(t.argv);
		list->tasks[list->n++] = t;
	}
	return ret;
}

void task_list_release(struct task_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		char **argv = (char **)list->tasks[i].argv;

		free((char *)list->tasks[i].exe);
		for (size_t k = 0; argv && argv[k]; k++)
			free(argv[k]);
		free(argv);
	}
	free(list->tasks);
	list->tasks = NULL;
	list->n = 0;
}

const struct trace_task *task_list_find(const struct task_list *list, size_t from,
					enum trace_task_kind kind, pid_t tid)
{
	for (size_t i = from; i < list->n; i++) {
		if (list->tasks[i].kind == kind && list->tasks[i].tid == tid)
			return &list->tasks[i];
	}
	return NULL;
}

int exit_value(int status)
{
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

void format_exit(int status, struct buf *out)
{
	if (WIFSIGNALED(status))
		buf_addf(out, "killed by %s%s", signal_name(WTERMSIG(status)),
			 WCOREDUMP(status) ? " (core dumped)" : "");
	else
		buf_addf(out, "exit status %d", WEXITSTATUS(status));
}

static void format_word(const char *word, struct buf *out)
{
	static const char plain[] = "@%+=:,./_-";
	const char *s = word;

	while (isalnum((unsigned char)*s) || (*s && strchr(plain, *s)))
		s++;
	if (*word && !*s) {
		buf_addstr(out, word);
		return;
	}
	/* $'...' keeps a line a line, whatever the word holds. */
	for (s = word; *s && !iscntrl((unsigned char)*s); s++)
		;
	buf_addstr(out, *s ? "$'" : "'");
	for (bool dollar = *s; *word; word++) {
		if (dollar && iscntrl((unsigned char)*word))
			buf_addf(out, "\\%03o", (unsigned char)*word);
		else if (dollar && (*word == '\\' || *word == '\''))
			buf_addf(out, "\\%c", *word);
		else if (*word == '\'')
			buf_addstr(out, "'\\''");
		else
			buf_addch(out, *word);
	}
	buf_addch(out, '\'');
}

void format_argv(const char *const *argv, struct buf *out)
{
	for (size_t i = 0; argv && argv[i]; i++) {
		if (i)
			buf_addch(out, ' ');
		format_word(argv[i], out);
	}
}

void format_printable(const char *name, struct buf *out)
{
	for (; *name; name++) {
		if (iscntrl((unsigned char)*name))
			buf_addf(out, "\\%03o", (unsigned char)*name);
		else
			buf_addch(out, *name);
	}
}

void format_size(uint64_t bytes, struct buf *out)
{
	static const char units[] = "KMGTPE";
	double v = (double)bytes / 1024;
	size_t i = 0;

	if (bytes < 1024) {
		buf_addf(out, "%u", (unsigned)bytes);
		return;
	}
	for (; v >= 1023.5; i++)
		v /= 1024;
	buf_addf(out, v < 9.95 ? "%.1f%c" : "%.0f%c", v, units[i]);
}

uint64_t tree_size(const char *dir)
{
	char *const paths[] = {(char *)dir, NULL};
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_COMFOLLOW, NULL);
	uint64_t sum = 0;
	FTSENT *e;

	if (!fts)
		return 0;
	while ((e = fts_read(fts))) {
		if (e->fts_info == FTS_F)
			sum += (uint64_t)e->fts_statp->st_size;
	}
	fts_close(fts);
	return sum;
}

int real_path(const char *path, struct buf *out)
{
	char *real = realpath(path, NULL);

	if (!real)
		return -errno;
	buf_clear(out);
	buf_addstr(out, real);
	free(real);
	return 0;
}

static int latest_link(struct buf *out)
{
	int err = trace_root_quiet(out);

	if (!err)
		buf_addstr(out, "/latest-trace");
	return err;
}

bool latest_is(const char *dir)
{
	struct buf link = BUF_INIT, real = BUF_INIT;
	bool is;

	is = !latest_link(&link) && !real_path(buf_str(&link), &real) &&
	     !strcmp(buf_str(&real), dir);
	buf_release(&link);
	buf_release(&real);
	return is;
}

struct newest {
	struct timespec when;
	struct buf dir;
};

/* A trace's age is that of the file `version`, which is written once, when recording begins. */
static int newest_cb(void *ctx, const char *name, const char *dir)
{
	struct newest *n = ctx;
	struct buf file = BUF_INIT;
	struct stat st;

	buf_addf(&file, "%s/version", dir);
	if (!lstat(buf_str(&file), &st) &&
	    (!n->dir.len || st.st_mtim.tv_sec > n->when.tv_sec ||
	     (st.st_mtim.tv_sec == n->when.tv_sec && st.st_mtim.tv_nsec > n->when.tv_nsec))) {
		n->when = st.st_mtim;
		buf_clear(&n->dir);
		buf_addstr(&n->dir, dir);
	}
	buf_release(&file);
	return 0;
}

void latest_repair(void)
{
	struct newest n = {.dir = BUF_INIT};
	struct buf link = BUF_INIT;

	trace_for_each(newest_cb, &n);
	if (n.dir.len)
		trace_set_latest(buf_str(&n.dir));
	else if (!latest_link(&link))
		unlink(buf_str(&link));
	buf_release(&link);
	buf_release(&n.dir);
}

bool trace_dir_incomplete(const char *dir)
{
	struct buf file = BUF_INIT;
	bool is;

	buf_addf(&file, "%s/incomplete", dir);
	is = !access(buf_str(&file), F_OK);
	buf_release(&file);
	return is;
}

/* Whether process `pid` has a file below `dir` open. */
static bool has_open(const char *pid, const char *dir, size_t dir_len)
{
	char target[PATH_MAX];
	struct buf path = BUF_INIT;
	struct dirent *e;
	bool found = false;
	DIR *fds;

	buf_addf(&path, "/proc/%s/fd", pid);
	fds = opendir(buf_str(&path));
	while (fds && !found && (e = readdir(fds))) {
		ssize_t n = readlinkat(dirfd(fds), e->d_name, target, sizeof(target));

		found = n > (ssize_t)dir_len && !memcmp(target, dir, dir_len) &&
			target[dir_len] == '/';
	}
	if (fds)
		closedir(fds);
	buf_release(&path);
	return found;
}

pid_t trace_user(const char *dir)
{
	struct buf real = BUF_INIT;
	struct dirent *e;
	unsigned long pid = 0;
	DIR *proc;

	if (real_path(dir, &real))
		return 0;
	proc = opendir("/proc");
	while (proc && !pid && (e = readdir(proc))) {
		if (isdigit((unsigned char)e->d_name[0]) &&
		    has_open(e->d_name, buf_str(&real), real.len))
			pid = strtoul(e->d_name, NULL, 10);
	}
	if (proc)
		closedir(proc);
	buf_release(&real);
	return (pid_t)pid;
}
