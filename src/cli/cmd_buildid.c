/*
 * rr buildid: build ids for a program that asks for one file after the other: a path a line on
 * stdin, a line with the id on stdout for each.
 */
#include "cli/cli.h"
#include "cli/elf_debug.h"

#include <fcntl.h>
#include <unistd.h>

const struct option_row buildid_option_rows[] = {OPTIONS_END};

/* 0 or -errno, said. */
static int answer(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), ret;
	struct buf id = BUF_INIT;

	if (fd < 0)
		return error_ret(-errno, "buildid: %s: %s", path, strerror(errno));
	ret = elf_build_id(fd, &id);
	close(fd);
	if (ret == -ENOEXEC)
		return error_ret(ret, "buildid: %s: not an ELF file", path);
	puts(buf_str(&id));
	fflush(stdout);
	buf_release(&id);
	return 0;
}

int cmd_buildid(const struct command *cmd, char **argv)
{
	struct option_rest rest;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int ret = 0;

	command_options(cmd, NULL, OPTIONS_PERMUTE, argv, &rest);
	no_arguments(cmd, &rest);
	while (!ret && (n = getline(&line, &cap, stdin)) > 0) {
		if (line[n - 1] == '\n')
			line[--n] = 0;
		if (!n)
			break;
		ret = answer(line);
	}
	free(line);
	return ret ? 1 : 0;
}
