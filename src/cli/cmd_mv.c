/*
 * rr mv: rename a recording, or move it to another directory of the same file system;
 * `latest-trace` follows.
 */
#include "cli/cli.h"
#include "cli/traces.h"

#include <sys/stat.h>

const struct option_row mv_option_rows[] = {OPTIONS_END};

/* What NEW means: a path if there is a slash in it, else a name beside the other traces. */
static int new_path(const char *arg, struct buf *out)
{
	int err;

	if (strchr(arg, '/')) {
		buf_addstr(out, arg);
		return 0;
	}
	if (!*arg || !strcmp(arg, ".") || !strcmp(arg, "..") || !strcmp(arg, "latest-trace"))
		return error_ret(-EINVAL, "mv: '%s' cannot be the name of a trace", arg);
	err = trace_root(out);
	if (!err)
		buf_addf(out, "/%s", arg);
	return err;
}

static bool is_in_root(const char *dir)
{
	struct buf root = BUF_INIT, real = BUF_INIT;
	bool is;

	is = !trace_root_quiet(&root) && !real_path(buf_str(&root), &real) &&
	     !strncmp(dir, buf_str(&real), real.len) && dir[real.len] == '/' &&
	     !strchr(dir + real.len + 1, '/');
	buf_release(&root);
	buf_release(&real);
	return is;
}

static int move_trace(const struct command *cmd, const char *from, const char *to)
{
	struct buf old = BUF_INIT, new = BUF_INIT;
	struct stat st;
	bool latest;
	int err;

	err = find_trace(cmd, from, &old);
	if (!err)
		err = new_path(to, &new);
	if (err)
		goto out;
	/* rename() would replace an empty directory. */
	if (!lstat(buf_str(&new), &st)) {
		err = error_ret(-EEXIST, "mv: %s exists already", buf_str(&new));
		goto out;
	}
	if (trace_dir_incomplete(buf_str(&old)) && trace_user(buf_str(&old)) && !globals.force) {
		err = error_ret(-EBUSY, "mv: %s is being recorded", from);
		goto out;
	}
	latest = latest_is(buf_str(&old));
	if (rename(buf_str(&old), buf_str(&new))) {
		err = -errno;
		error("mv: cannot rename %s to %s: %s", buf_str(&old), buf_str(&new),
		      err == -EXDEV ? "another file system (cp -a it, then rr rm)"
				    : strerror(-err));
		goto out;
	}
	if (latest && !real_path(buf_str(&new), &old) && is_in_root(buf_str(&old)))
		trace_set_latest(buf_str(&old));
	else if (latest)
		latest_repair();
out:
	buf_release(&old);
	buf_release(&new);
	return err;
}

int cmd_mv(const struct command *cmd, char **argv)
{
	struct option_rest rest;

	command_options(cmd, NULL, OPTIONS_PERMUTE, argv, &rest);
	if (rest.n_args != 2)
		return usage_error(cmd, "a trace and its new name are wanted");
	return move_trace(cmd, rest.args[0], rest.args[1]) ? 1 : 0;
}
