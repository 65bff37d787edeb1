/*
 * rr rm: remove recordings. Only directories that are traces are touched, and `latest-trace` never
 * dangles afterwards.
 */
#include "cli/cli.h"
#include "cli/traces.h"

#include "base/io.h"

#include <unistd.h>

struct rm_command {
	bool force;
};

const struct option_row rm_option_rows[] = {
	OPTION(FLAG, 'f', "force", NULL,
	       "also what is being recorded; no error where there is no such trace",
	       OPT_AT(struct rm_command, force)),
	OPTIONS_END,
};

/* Whether there is anything of that name, as a path or in the root. */
static bool exists(const char *arg)
{
	struct buf path = BUF_INIT;
	bool is = !access(arg, F_OK);

	if (!is && !strchr(arg, '/') && !trace_root_quiet(&path)) {
		buf_addf(&path, "/%s", arg);
		is = !access(buf_str(&path), F_OK);
	}
	buf_release(&path);
	return is;
}

/* Files that this trace shared with none of those beside it are of no use any more. */
static void prune_store(const char *dir)
{
	struct buf parent = BUF_INIT;
	const char *slash = strrchr(dir, '/');

	buf_add(&parent, dir, slash == dir ? 1 : (size_t)(slash - dir));
	trace_store_prune(buf_str(&parent));
	buf_release(&parent);
}

static int remove_trace(const struct command *cmd, const char *arg, bool force)
{
	struct buf real = BUF_INIT;
	bool latest;
	int err;

	if (force && !exists(arg))
		return 0;
	err = find_trace(cmd, arg, &real);
	if (err)
		goto out;
	if (!force && trace_dir_incomplete(buf_str(&real))) {
		pid_t pid = trace_user(buf_str(&real));

		if (pid) {
			err = error_ret(-EBUSY,
					"rm: %s is in use by process %d: use -f to remove it "
					"all the same",
					arg, pid);
			goto out;
		}
	}
	latest = latest_is(buf_str(&real));
	err = remove_tree(buf_str(&real));
	if (err)
		error("rm: cannot remove %s: %s", buf_str(&real), strerror(-err));
	if (latest && !trace_is_trace_dir(buf_str(&real)))
		latest_repair();
	prune_store(buf_str(&real));
out:
	buf_release(&real);
	return err;
}

int cmd_rm(const struct command *cmd, char **argv)
{
	struct rm_command rc = {.force = false};
	struct option_rest rest;
	int status = 0;

	command_options(cmd, &rc, OPTIONS_PERMUTE, argv, &rest);
	if (!rest.n_args && !rc.force)
		return usage_error(cmd, "which trace?");
	for (int i = 0; i < rest.n_args; i++) {
		if (remove_trace(cmd, rest.args[i], rc.force || globals.force))
			status = 1;
	}
	return status;
}
