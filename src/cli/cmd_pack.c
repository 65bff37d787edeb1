/*
 * rr pack: make recordings fit to be moved to another machine, or kept. All that replay needs lies
 * in a trace's directory already; what is left to do is to read every byte of it once, so that
 * damage shows now and not there, and to give the trace files of its own where it shares them with
 * others (hard links, which an archiver follows or not).
 */
#include "cli/cli.h"
#include "cli/traces.h"

#include "agentctl/records.h"
#include "base/io.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPORARY "tmp-pack" /* in files/; readers look for numbers only */

const struct option_row pack_option_rows[] = {
	OPTION(UNUSED, 0, "symlink", NULL, "accepted: traces have copies of all files"),
	OPTION(UNUSED, 0, "pack-dir", "DIR", "accepted: no files are left to be packed elsewhere"),
	OPTIONS_END,
};

/* The file has that many bytes. */
static int check_file(struct trace_reader *r, uint32_t file, uint64_t offset, uint64_t size)
{
	int fd = trace_reader_open_file(r, file), ret = fd < 0 ? fd : 0;
	struct stat st;

	if (!ret && fstat(fd, &st) < 0)
		ret = -errno;
	if (!ret && size && (offset > (uint64_t)st.st_size || size > (uint64_t)st.st_size - offset))
		ret = -ENODATA;
	if (fd >= 0)
		close(fd);
	return ret ? error_ret(ret, "pack: %s: file %u: %s", trace_reader_dir(r), file,
			       strerror(-ret))
		   : 0;
}

/* What was read of files that the trace has clones of. */
static int check_calls(struct trace_reader *r, const struct trace_event *ev)
{
	struct buf calls = BUF_INIT;
	struct agent_record last = {0};
	const struct agent_record *c;
	size_t at = 0;
	int ret = 0;

	if (ev->type != EV_BUFFER || ev->n_writes != 1)
		return 0;
	buf_add(&calls, ev->writes[0].bytes.data, ev->writes[0].bytes.len);
	while (!ret && (c = agent_next_record(calls.data, calls.len, &at, &last))) {
		for (const struct agent_piece *p = agent_first_piece(c); !ret && p;
		     p = agent_next_piece(c, p)) {
			const struct agent_part *part = agent_part_of(c, p);

			if (part)
				ret = check_file(r, c->file, part->offset, part->size);
		}
	}
	buf_release(&calls);
	return ret;
}

static int check_files(struct trace_reader *r, const struct trace_event *ev)
{
	int ret = check_calls(r, ev);

	for (size_t i = 0; !ret && i < ev->n_maps; i++) {
		if (ev->maps[i].file)
			ret = check_file(r, ev->maps[i].file, 0, 0);
	}
	return ret;
}

/* The whole trace can be read. */
static int check_trace(const char *dir)
{
	struct trace_reader *r;
	struct trace_event ev;
	int ret;

	if (trace_is_trace_dir(dir) && trace_dir_incomplete(dir))
		return error_ret(-EINVAL,
				 "pack: %s is incomplete: it is being recorded, or was cut off",
				 dir);
	ret = trace_reader_open(&r, dir);
	if (ret)
		return ret;
	while (!ret && (ret = trace_reader_next(r, &ev)) == 1)
		ret = check_files(r, &ev);
	trace_reader_close(r);
	return ret;
}

static int copy_to(int files, const char *name, const struct stat *st)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	int from = openat(files, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), to, ret;

	if (from < 0)
		return -errno;
	unlinkat(files, TEMPORARY, 0);
	to = openat(files, TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ret = to < 0 ? -errno : copy_file(from, to, false);
	if (!ret && (fchmod(to, st->st_mode & 07777) < 0 || futimens(to, times) < 0))
		ret = -errno;
	if (to >= 0 && close(to) < 0 && !ret)
		ret = -errno;
	close(from);
	if (!ret && renameat(files, TEMPORARY, files, name) < 0)
		ret = -errno;
	if (ret)
		unlinkat(files, TEMPORARY, 0);
	return ret;
}

static int unshare_files(const char *dir)
{
	struct buf path = BUF_INIT;
	struct dirent *e;
	int ret = 0;
	DIR *d;

	buf_addf(&path, "%s/files", dir);
	d = opendir(buf_str(&path));
	if (!d) {
		ret = errno == ENOENT ? 0 : -errno;
		goto out;
	}
	while (!ret && (e = readdir(d))) {
		struct stat st;

		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			ret = -errno;
		else if (S_ISREG(st.st_mode) && st.st_nlink > 1)
			ret = copy_to(dirfd(d), e->d_name, &st);
	}
	closedir(d);
out:
	if (ret)
		error("pack: %s: %s", buf_str(&path), strerror(-ret));
	buf_release(&path);
	return ret;
}

static int pack(const char *arg)
{
	struct buf dir = BUF_INIT;
	int ret = trace_resolve_dir(arg, &dir);

	if (!ret)
		ret = check_trace(buf_str(&dir));
	if (!ret)
		ret = unshare_files(buf_str(&dir));
	buf_release(&dir);
	return ret;
}

int cmd_pack(const struct command *cmd, char **argv)
{
	struct option_rest rest;
	int status = 0;

	command_options(cmd, NULL, OPTIONS_PERMUTE, argv, &rest);
	if (!rest.n_args)
		return pack(NULL) ? 1 : 0;
	for (int i = 0; i < rest.n_args; i++) {
		if (pack(rest.args[i]))
			status = 1;
	}
	return status;
}
