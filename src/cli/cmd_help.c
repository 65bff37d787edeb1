/*
 * rr help: the texts are generated from the tables (commands.c).
 */
#include "cli/cli.h"

const struct option_row help_option_rows[] = {OPTIONS_END};

int cmd_help(const struct command *cmd, char **argv)
{
	const struct command *topic;
	struct option_rest rest;
	struct buf out = BUF_INIT;

	command_options(cmd, NULL, OPTIONS_PERMUTE, argv, &rest);
	if (rest.n_args > 1)
		return usage_error(cmd, "one command at a time");
	if (rest.n_args) {
		topic = command_find(rest.args[0]);
		if (!topic)
			return error("help: '%s' is no command ('rr help' lists them)",
				     rest.args[0]),
			       1;
		command_help(topic, &out);
	} else {
		general_help(&out);
	}
	fputs(buf_str(&out), stdout);
	buf_release(&out);
	return 0;
}
