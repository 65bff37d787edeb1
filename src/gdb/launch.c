/*
 * Starting gdb. It is a child of a process that does nothing else: the server waits for any child
 * of its own now and then, and must not meet gdb there.
 *
 * All are in the terminal's foreground: gdb gets ^C, and the others ignore it.
 */
#include "base/buf.h"
#include "base/log.h"
#include "gdb/debug.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

int launch_find(const struct debug_options *opt, struct buf *path)
{
	const char *name = opt->debugger ? opt->debugger : "gdb", *dirs = getenv("PATH");
	bool found = false;

	if (strchr(name, '/')) {
		buf_addstr(path, name);
		return access(name, X_OK) ? -ENOENT : 0;
	}
	dirs = dirs ? dirs : "/bin:/usr/bin";
	while (!found) {
		size_t len = strcspn(dirs, ":");

		buf_clear(path);
		buf_add(path, dirs, len);
		buf_addf(path, "%s%s", len ? "/" : "./", name);
		found = !access(buf_str(path), X_OK);
		if (!dirs[len])
			break;
		dirs += len + 1;
	}
	return found ? 0 : -ENOENT;
}

/* An argument list that grows. */
struct args {
	char **v;
	size_t n;
};

static void add_arg(struct args *a, const char *s)
{
	a->v = xrealloc(a->v, (a->n + 2) * sizeof(*a->v));
	a->v[a->n++] = xstrdup(s);
	a->v[a->n] = NULL;
}

static void add_pair(struct args *a, const char *option, const char *value)
{
	add_arg(a, option);
	add_arg(a, value);
}

static void args_release(struct args *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->v[i]);
	free(a->v);
}

/* gdb's replies may take as long as a replay: hence -l. */
static void connecting_args(const struct launch *l, struct args *a, char *connect)
{
	add_arg(a, l->opt->debugger ? l->opt->debugger : "gdb");
	add_pair(a, "-l", "10000");
	add_pair(a, "-ex", l->opt->serve_files ? "set sysroot target:" : "set sysroot /");
	if (l->commands_fd >= 0) {
		char *file = xasprintf("/proc/%d/fd/%d", getpid(), l->commands_fd);

		add_pair(a, "-x", file);
		free(file);
	}
	add_pair(a, "-ex", connect);
}

static void all_args(const struct launch *l, struct args *a)
{
	const struct debug_options *opt = l->opt;
	bool is_v6 = strchr(l->host, ':');
	char *connect = xasprintf("target extended-remote %s%s%s:%d", is_v6 ? "[" : "", l->host,
				  is_v6 ? "]" : "", l->port);
	char *interpreter = NULL;

	connecting_args(l, a, connect);
	if (opt->full_name)
		add_arg(a, "--fullname");
	if (opt->interpreter) {
		interpreter = xasprintf("--interpreter=%s", opt->interpreter);
		add_arg(a, interpreter);
	}
	for (size_t i = 0; i < opt->options.n; i++)
		add_arg(a, opt->options.v[i]);
	for (size_t i = 0; i < opt->files.n; i++)
		add_pair(a, "-x", opt->files.v[i]);
	for (size_t i = 0; opt->rest && opt->rest[i]; i++)
		add_arg(a, opt->rest[i]);
	if (!opt->serve_files)
		add_arg(a, l->exe);
	free(interpreter);
	free(connect);
}

void launch_describe(const struct launch *l, struct buf *out)
{
	struct args a = {0};

	all_args(l, &a);
	for (size_t i = 0; i < a.n; i++) {
		bool plain = *a.v[i] &&
			     strspn(a.v[i], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN"
					    "OPQRSTUVWXYZ0123456789-_./=:+,") == strlen(a.v[i]);

		buf_addstr(out, i ? " " : "");
		buf_addstr(out, plain ? "" : "'");
		for (const char *p = a.v[i]; *p; p++) {
			if (*p == '\'')
				buf_addstr(out, "'\\''");
			else
				buf_addch(out, *p);
		}
		buf_addstr(out, plain ? "" : "'");
	}
	args_release(&a);
}

int launch_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static pid_t running;

static void pass_on(int signo)
{
	if (running > 0)
		kill(running, signo);
}

int launch_run(const struct launch *l, const char *path)
{
	struct sigaction act = {.sa_handler = pass_on, .sa_flags = SA_RESTART};
	struct args a = {0};
	int ret = 0;

	all_args(l, &a);
	fflush(NULL);
	running = fork();
	if (!running) {
		signal(SIGINT, SIG_DFL);
		signal(SIGQUIT, SIG_DFL);
		execv(path, a.v);
		error("%s cannot be started: %s", path, strerror(errno));
		_exit(127);
	}
	if (running < 0)
		ret = -errno;
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
	args_release(&a);
	return ret ? ret : launch_wait(running);
}
