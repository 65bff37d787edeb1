/*
 * rr filename: the files that a recording's programs have mapped, each once, in the order in which
 * they came.
 */
#include "cli/cli.h"
#include "cli/mapped_files.h"
#include "cli/string_set.h"
#include "cli/traces.h"

const struct option_row filename_option_rows[] = {OPTIONS_END};

static void print_new(void *ctx, uint32_t file, const char *name)
{
	struct buf line = BUF_INIT;

	if (!string_set_add(ctx, name))
		return;
	format_printable(name, &line);
	puts(buf_str(&line));
	buf_release(&line);
}

int cmd_filename(const struct command *cmd, char **argv)
{
	struct string_set names = STRING_SET_INIT;
	struct trace_reader *r = open_only_trace(cmd, NULL, argv);
	int ret;

	if (!r)
		return 1;
	ret = each_mapped_file(r, print_new, &names);
	string_set_release(&names);
	trace_reader_close(r);
	return ret ? 1 : 0;
}
