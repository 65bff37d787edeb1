/*
 * rr gdbinit: the commands that `rr replay` defines in the gdb that it starts, for those who start
 * gdb themselves.
 */
#include "cli/cli.h"

#include "gdb/debug.h"

const struct option_row gdbinit_option_rows[] = {OPTIONS_END};

int cmd_gdbinit(const struct command *cmd, char **argv)
{
	struct option_rest rest;

	command_options(cmd, NULL, OPTIONS_PERMUTE, argv, &rest);
	no_arguments(cmd, &rest);
	fputs(gdb_commands, stdout);
	return 0;
}
