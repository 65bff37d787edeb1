/*
 * rr replay: run a recording again, to its end (-a) or under a debugger.
 */
#include "cli/cli.h"

#include "gdb/debug.h"
#include "trace/dir.h"

#include <unistd.h>

struct replay_command {
	struct debug_options debug; /* opt.replay also of -a */
	bool autopilot;
};

#define AT(field) OPT_AT(struct replay_command, field)

static int add_to_list(struct debug_list *list, const char *arg, struct buf *why)
{
	if (list->n == ARRAY_SIZE(list->v)) {
		buf_addf(why, "is the one after %zu others", list->n);
		return -1;
	}
	list->v[list->n++] = arg;
	return 0;
}

static int add_option(void *dest, const char *arg, struct buf *why)
{
	return add_to_list(&((struct replay_command *)dest)->debug.options, arg, why);
}

static int add_file(void *dest, const char *arg, struct buf *why)
{
	return add_to_list(&((struct replay_command *)dest)->debug.files, arg, why);
}

static int set_port(void *dest, const char *arg, struct buf *why)
{
	struct debug_options *debug = &((struct replay_command *)dest)->debug;
	uint64_t port;

	if (parse_u64(arg, UINT16_MAX, &port)) {
		buf_addstr(why, "is not a port (0 to 65535)");
		return -1;
	}
	debug->serve = true;
	debug->port = (int)port;
	return 0;
}

const struct option_row replay_option_rows[] = {
	OPTION(FLAG, 'a', "autopilot", NULL, "replay to the end, without a debugger",
	       AT(autopilot)),
	OPTION(U64, 'g', "goto", "EVENT", "start at EVENT; with -a: stop there",
	       AT(debug.replay.goto_event), .min = 1),
	OPTION(FLAG, 'e', "goto-exit", NULL, "start before the exit of the process",
	       AT(debug.goto_exit)),
	OPTION(STR, 'p', "onprocess", "PID|CMD", "debug the process that executed CMD, or PID",
	       AT(debug.on_process)),
	OPTION(INT, 'f', "onfork", "PID", "debug PID, from its fork on", AT(debug.on_fork),
	       .min = 1),
	OPTION(CALL, 's', "dbgport", "PORT",
	       "start no debugger, but serve one on PORT (0: choose one)", .set = set_port),
	OPTION(STR, 'h', "dbghost", "HOST", "the address to serve at (127.0.0.1)", AT(debug.host)),
	OPTION(FLAG, 'k', "keep-listening", NULL, "serve again when a debugger has gone",
	       AT(debug.keep)),
	OPTION(STR, 'd', "debugger", "GDB", "the debugger to start (gdb)", AT(debug.debugger)),
	OPTION(CALL, 'o', "debugger-option", "OPTION", "an option for the debugger",
	       .set = add_option),
	OPTION(CALL, 'x', "gdb-x", "FILE", "a file of commands for the debugger", .set = add_file),
	OPTION(STR, 'i', "interpreter", "NAME", "the debugger's interpreter, as mi",
	       AT(debug.interpreter)),
	OPTION(FLAG, 0, "fullname", NULL, "as gdb's option: for Emacs", AT(debug.full_name)),
	OPTION(STR, 0, "tty", "TTY", "where the program's output is repeated", AT(debug.tty)),
	OPTION(FLAG, 'q', "no-redirect-output", NULL, "do not repeat what the program wrote",
	       AT(debug.replay.quiet)),
	OPTION(U64, 't', "trace", "EVENT", "print every event from EVENT on",
	       AT(debug.replay.trace_from), .min = 1),
	OPTION(FLAG, 'u', "cpu-unbound", NULL, "do not stay on one core", AT(debug.replay.unbound)),
	OPTION(INT, 0, "stats", "N", "print a line of counts every N events",
	       AT(debug.replay.stats_interval), .min = 1),
	OPTION(UNUSED, 0, "retry-transient-errors", NULL, "accepted, and without effect"),
	OPTION(FLAG, 0, "serve-files", NULL,
	       "the debugger gets its files from the trace, not from this machine",
	       AT(debug.serve_files)),
	OPTIONS_END,
};

#undef AT

static int replay_to_end(struct replay_options *opt)
{
	int fatal_signal = 0, status;

	/* Other lines on stderr would tear the progress line. */
	opt->progress = isatty(STDERR_FILENO) && !opt->quiet && !opt->stats_interval &&
			!opt->trace_from && !globals.non_interactive;
	status = replay_all(opt, &fatal_signal);
	if (fatal_signal)
		die_by_signal(fatal_signal);
	return status;
}

int cmd_replay(const struct command *cmd, char **argv)
{
	struct replay_command rc = {.autopilot = false};
	struct option_rest rest;
	struct buf dir = BUF_INIT;
	int status;

	command_options(cmd, &rc, OPTIONS_SPLIT, argv, &rest);
	if (rest.n_args > 1)
		return usage_error(cmd, "one trace at a time");
	if (rc.debug.on_process && rc.debug.on_fork)
		return usage_error(cmd, "either -p or -f");
	if (trace_resolve_dir(rest.args[0], &dir))
		return 1;
	rc.debug.replay.dir = buf_str(&dir);
	rc.debug.replay.mark_stdio = globals.mark_stdio;
	rc.debug.rest = rest.behind;
	status = rc.autopilot ? replay_to_end(&rc.debug.replay) : debug_replay(&rc.debug);
	buf_release(&dir);
	return status;
}
