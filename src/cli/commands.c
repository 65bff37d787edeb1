/*
 * The table of commands made from commands.def, the options that all of them have, and the help
 * texts, which are generated from these tables alone.
 */
#include "cli/cli.h"

struct global_options globals;

static int set_log(void *dest, const char *arg, struct buf *why)
{
	if (!log_set_spec(arg))
		return 0;
	buf_addstr(why, "is not TOPIC[:LEVEL],... (levels: debug, info, warn, error, fatal)");
	return -1;
}

static int set_fatal_warnings(void *dest, const char *arg, struct buf *why)
{
	log_set_warnings_fatal(true);
	return 0;
}

static int set_checksum(void *dest, const char *arg, struct buf *why)
{
	struct global_options *g = dest;
	uint64_t n;

	if (!strcmp(arg, "on-syscalls")) {
		g->checksum = -1;
	} else if (!strcmp(arg, "on-all-events")) {
		g->checksum = -2;
	} else if (!parse_u64(arg, INT32_MAX, &n) && n) {
		g->checksum = (int)n;
	} else {
		buf_addstr(why, "is not on-syscalls, on-all-events or the number of an event");
		return -1;
	}
	return 0;
}

const struct option_row global_option_rows[] = {
	OPTION(CALL, 0, "log", "SPEC",
	       "debug log of TOPIC[:LEVEL],... or `all` (RR_LOG, RR_LOG_FILE)", .set = set_log),
	OPTION(FLAG, 'M', "mark-stdio", NULL,
	       "begin each line that the tracees write with [rr PID EVENT]",
	       OPT_AT(struct global_options, mark_stdio)),
	OPTION(CALL_FLAG, 'E', "fatal-errors", NULL, "end at the first warning",
	       .set = set_fatal_warnings),
	OPTION(UNUSED, 'S', "suppress-environment-warnings", NULL,
	       "do not warn of the machine's settings (there are no such warnings; see rr doctor)"),
	OPTION(FLAG, 'F', "force-things", NULL, "do what would be refused as unwise",
	       OPT_AT(struct global_options, force)),
	OPTION(CALL, 'C', "checksum", "WHEN",
	       "record checksums of memory, which replay verifies: on-syscalls, on-all-events, or from event "
	       "number WHEN on",
	       .set = set_checksum),
	OPTION(FLAG, 0, "disable-cpuid-faulting", NULL, "do not trap the CPUID instruction",
	       OPT_AT(struct global_options, disable_cpuid_faulting)),
	OPTION(FLAG, 0, "non-interactive", NULL, "ask nothing and draw no progress line",
	       OPT_AT(struct global_options, non_interactive)),
	OPTION(FLAG, 'L', "list-commands", NULL, "list the commands",
	       OPT_AT(struct global_options, list_commands)),
	OPTION(FLAG, 'N', "version", NULL, "print the version",
	       OPT_AT(struct global_options, version)),
	OPTION(FLAG, 0, "help", NULL, "explain the command", OPT_AT(struct global_options, help)),
	OPTION(UNUSED, 'A', "microarch", "NAME", "accepted: no microarchitecture is relied on"),
	OPTION(UNUSED, 0, "resource-path", "DIR", "accepted: rr is one file and needs no others"),
	OPTION(UNUSED, 'K', "check-cached-mmaps", NULL,
	       "accepted: mappings are not cached, the kernel is asked"),
	OPTION(LATER, 'D', "dump-on", "SYSCALL", "dump memory at a system call or signal"),
	OPTION(LATER, 'T', "dump-at", "EVENT", "dump memory at an event"),
	OPTIONS_END,
};

static const struct command commands[] = {
#define COMMAND(name, args, summary, notes) \
	{#name, cmd_##name, name##_option_rows, args, summary, notes},
#include "cli/commands.def"
#undef COMMAND
};

const struct command *command_table(size_t *count)
{
	*count = ARRAY_SIZE(commands);
	return commands;
}

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	}
	return NULL;
}

void command_options(const struct command *cmd, void *dest, enum options_mode mode, char **argv,
		     struct option_rest *rest)
{
	const struct option_set sets[] = {{cmd->options, dest}, {global_option_rows, &globals}};

	if (options_parse(cmd->name, sets, ARRAY_SIZE(sets), mode, argv, rest))
		exit(1);
	if (answer_informative(cmd))
		exit(0);
}

static void usage_line(const struct command *cmd, struct buf *out)
{
	buf_addf(out, RR_NAME " %s", cmd->name);
	if (cmd->options[0].kind != OPT_END)
		buf_addstr(out, " [OPTION]...");
	if (*cmd->args)
		buf_addf(out, " %s", cmd->args);
}

int usage_error(const struct command *cmd, const char *message)
{
	struct buf usage = BUF_INIT;

	usage_line(cmd, &usage);
	error("%s: %s; usage: %s", cmd->name, message, buf_str(&usage));
	buf_release(&usage);
	return 1;
}

void no_arguments(const struct command *cmd, const struct option_rest *rest)
{
	if (rest->n_args)
		die("%s: unexpected argument '%s' (see 'rr help %s')", cmd->name, rest->args[0],
		    cmd->name);
}

void command_help(const struct command *cmd, struct buf *out)
{
	buf_addstr(out, "Usage: ");
	usage_line(cmd, out);
	buf_addf(out, "\n\n%s: %s.\n", cmd->name, cmd->summary);
	if (*cmd->notes)
		buf_addf(out, "\n%s", cmd->notes);
	if (cmd->options[0].kind != OPT_END) {
		buf_addstr(out, "\nOptions:\n");
		options_describe(cmd->options, out);
	}
	buf_addstr(out, "\nAlso the options of every command: see 'rr help'.\n");
}

void general_help(struct buf *out)
{
	buf_addstr(out, "Usage: " RR_NAME " [OPTION]... COMMAND [ARG]...\n"
			"       " RR_NAME " [OPTION]... PROGRAM [ARG]...     records it\n"
			"       " RR_NAME " [OPTION]... TRACE                replays it\n"
			"\nRecord a run of a Linux program, and replay it exactly.\n\nCommands:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		buf_addf(out, "  %-12s  %s\n", commands[i].name, commands[i].summary);
	buf_addstr(out, "\nOptions of every command, before its name or after it:\n");
	options_describe(global_option_rows, out);
	buf_addstr(out, "\n'rr help COMMAND' or 'rr COMMAND --help' explains a command.\n");
}

void list_commands(struct buf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		buf_addf(out, "%s\n", commands[i].name);
}

bool answer_informative(const struct command *cmd)
{
	struct buf out = BUF_INIT;

	if (globals.help && cmd)
		command_help(cmd, &out);
	else if (globals.help)
		general_help(&out);
	else if (globals.version)
		buf_addstr(&out, RR_NAME " version " RR_VERSION "\n");
	else if (globals.list_commands)
		list_commands(&out);
	else
		return false;
	fputs(buf_str(&out), stdout);
	buf_release(&out);
	return true;
}
