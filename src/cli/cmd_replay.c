/*
 * rr replay: with -a, run a recording again to its end; without, that is the debugger's work.
 */
#include "cli/cli.h"

#include "replay/replay.h"
#include "trace/dir.h"

#include <unistd.h>

struct replay_command {
	struct replay_options opt;
	bool autopilot;
};

#define AT(field) OPT_AT(struct replay_command, field)

const struct option_row replay_option_rows[] = {
	OPTION(FLAG, 'a', "autopilot", NULL, "replay to the end, without a debugger",
	       AT(autopilot)),
	OPTION(U64, 'g', "goto", "EVENT", "with -a: stop when EVENT has been reached",
	       AT(opt.goto_event), .min = 1),
	OPTION(FLAG, 'q', "no-redirect-output", NULL, "do not repeat what the program wrote",
	       AT(opt.quiet)),
	OPTION(U64, 't', "trace", "EVENT", "print every event from EVENT on", AT(opt.trace_from),
	       .min = 1),
	OPTION(FLAG, 'u', "cpu-unbound", NULL, "do not stay on one core", AT(opt.unbound)),
	OPTION(INT, 0, "stats", "N", "print a line of counts every N events",
	       AT(opt.stats_interval), .min = 1),
	OPTION(UNUSED, 0, "retry-transient-errors", NULL, "accepted, and without effect"),
	OPTION(DEBUGGER, 'd', "debugger", "GDB", "the debugger to start"),
	OPTION(DEBUGGER, 'e', "goto-exit", NULL, "start at the exit of the process"),
	OPTION(DEBUGGER, 'f', "onfork", "PID", "start when PID has been forked"),
	OPTION(DEBUGGER, 'p', "onprocess", "PID|CMD", "start when PID or CMD has been executed"),
	OPTION(DEBUGGER, 's', "dbgport", "PORT", "only serve a debugger on PORT (0: choose one)"),
	OPTION(DEBUGGER, 'h', "dbghost", "HOST", "the address to serve at"),
	OPTION(DEBUGGER, 'k', "keep-listening", NULL, "serve again when the debugger has gone"),
	OPTION(DEBUGGER, 'o', "debugger-option", "OPTION", "an option for the debugger"),
	OPTION(DEBUGGER, 'x', "gdb-x", "FILE", "commands for gdb"),
	OPTION(DEBUGGER, 'i', "interpreter", "NAME", "gdb's interpreter"),
	OPTION(DEBUGGER, 0, "fullname", NULL, "as gdb's option"),
	OPTION(DEBUGGER, 0, "tty", "TTY", "as gdb's option"),
	OPTION(DEBUGGER, 0, "serve-files", NULL, "send the trace's files to the debugger"),
	OPTIONS_END,
};

#undef AT

int cmd_replay(const struct command *cmd, char **argv)
{
	struct replay_command rc = {.autopilot = false};
	struct option_rest rest;
	struct buf dir = BUF_INIT;
	int status, fatal_signal = 0;

	command_options(cmd, &rc, OPTIONS_SPLIT, argv, &rest);
	if (!rc.autopilot)
		die("replay without -a needs the debugger, which this version does not have yet: "
		    "use -a");
	if (rest.n_args > 1)
		return usage_error(cmd, "one trace at a time");
	if (trace_resolve_dir(rest.args[0], &dir))
		return 1;
	rc.opt.dir = buf_str(&dir);
	rc.opt.mark_stdio = globals.mark_stdio;
	/* Other lines on stderr would tear the progress line. */
	rc.opt.progress = isatty(STDERR_FILENO) && !rc.opt.quiet && !rc.opt.stats_interval &&
			  !rc.opt.trace_from && !globals.non_interactive;
	status = replay_all(&rc.opt, &fatal_signal);
	buf_release(&dir);
	if (fatal_signal)
		die_by_signal(fatal_signal);
	return status;
}
