/*
 * The way in: global options, the command, and the meaning of `rr PROGRAM` and `rr TRACE`. And the
 * way out: a failure to write to stdout is an error, except that nobody reads it any more.
 */
#include "cli/cli.h"

#include "trace/dir.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

void die_by_signal(int signo)
{
	struct rlimit no_core = {0, 0};
	sigset_t set;

	fflush(stdout);
	setrlimit(RLIMIT_CORE, &no_core);
	/* A core_pattern that is a pipe ignores the limit; it does not ignore this. */
	prctl(PR_SET_DUMPABLE, 0);
	signal(signo, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, signo);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	kill(getpid(), signo);
	/* Not reached, unless the signal's default is not to kill. */
	_exit(128 + signo);
}

static bool is_program_file(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) && !access(path, X_OK);
}

/* Whether execvp() would find a program of that name. */
static bool is_program(const char *name)
{
	const char *path = getenv("PATH");
	struct buf file = BUF_INIT;
	bool found = false;

	if (!*name)
		return false;
	if (strchr(name, '/'))
		return is_program_file(name);
	if (!path)
		path = "/bin:/usr/bin"; /* as execvp(3) has it */
	while (!found) {
		size_t len = strcspn(path, ":");

		buf_clear(&file);
		buf_add(&file, path, len);
		buf_addf(&file, "%s%s", len ? "/" : "./", name);
		found = is_program_file(buf_str(&file));
		if (!path[len])
			break;
		path += len + 1;
	}
	buf_release(&file);
	return found;
}

/* Whether `name` is that of a trace in the root. */
static bool is_trace_name(const char *name)
{
	struct buf dir = BUF_INIT;
	bool is = false;

	if (*name && !strchr(name, '/') && name[0] != '.' && !trace_root_quiet(&dir)) {
		buf_addf(&dir, "/%s", name);
		is = trace_is_trace_dir(buf_str(&dir));
	}
	buf_release(&dir);
	return is;
}

/* The command that `argv` begins with; *args is where its arguments start. */
static const struct command *choose_command(char **argv, char ***args)
{
	const struct command *cmd = command_find(argv[0]);

	*args = argv;
	if (cmd) {
		++*args;
		return cmd;
	}
	if (trace_is_trace_dir(argv[0]))
		return command_find("replay");
	if (is_program(argv[0]))
		return command_find("record");
	if (is_trace_name(argv[0]))
		return command_find("replay");
	die("'%s' is no command, program or trace ('rr help' lists the commands)", argv[0]);
}

static void init_log(void)
{
	const char *spec = getenv("RR_LOG"), *file = getenv("RR_LOG_FILE");
	int err;

	if (file && *file) {
		err = log_set_file(file);
		if (err)
			die("RR_LOG_FILE: cannot open %s: %s", file, strerror(-err));
	}
	if (spec && log_set_spec(spec))
		die("RR_LOG '%s': is not TOPIC[:LEVEL],...", spec);
}

static int finish_stdout(int status)
{
	bool failed = fflush(stdout) || ferror(stdout);

	if (!failed || status)
		return status;
	if (errno != EPIPE)
		error("cannot write to standard output: %s", strerror(errno));
	return 1;
}

int main(int argc, char **argv)
{
	/* -h has other meanings behind a command's name, so that it is not among the global rows.
	 */
	static const struct option_row help_rows[] = {
		OPTION(FLAG, 'h', NULL, NULL, "", OPT_AT(struct global_options, help)),
		OPTIONS_END,
	};
	const struct option_set sets[] = {{help_rows, &globals}, {global_option_rows, &globals}};
	const struct command *cmd;
	struct option_rest rest;
	struct buf out = BUF_INIT;
	char **args;

	if (argc < 1)
		return 1;
	init_log();
	if (options_parse("", sets, ARRAY_SIZE(sets), OPTIONS_STOP, argv + 1, &rest))
		return 1;
	if (!rest.n_args) {
		if (answer_informative(NULL))
			return finish_stdout(0);
		general_help(&out);
		fputs(buf_str(&out), stdout);
		buf_release(&out);
		return 1;
	}
	cmd = choose_command(rest.args, &args);
	return finish_stdout(cmd->run(cmd, args));
}
