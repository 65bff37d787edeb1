/*
 * Names of traces. The root is a directory of the user's; a trace in it is found by its name, and
 * the newest by the symbolic link `latest-trace`.
 */
#include "trace/dir.h"

#include "base/io.h"
#include "base/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define LATEST	       "latest-trace"
#define NAME_MAX_BYTES 200

int trace_root_quiet(struct buf *out)
{
	static const struct user_place places[] = {
		{"_RR_TRACE_DIR", ""},
		{"XDG_DATA_HOME", "/rr"},
		{"HOME", "/.local/share/rr"},
	};

	return user_dir(places, ARRAY_SIZE(places), out);
}

int trace_root(struct buf *out)
{
	int ret = trace_root_quiet(out);

	if (ret)
		error("there is no directory for traces: set _RR_TRACE_DIR or HOME");
	return ret;
}

static bool is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool trace_is_trace_dir(const char *dir)
{
	char *path = xasprintf("%s/version", dir);
	struct stat st;
	bool yes = lstat(path, &st) == 0 && S_ISREG(st.st_mode);

	free(path);
	return yes;
}

int trace_new_dir(const char *exe, struct buf *out)
{
	const char *slash = strrchr(exe, '/');
	const char *name = slash ? slash + 1 : exe;
	struct buf root = BUF_INIT;
	int ret = trace_root(&root);

	if (ret)
		goto out;
	ret = make_dirs(buf_str(&root), 0700);
	if (ret) {
		error("cannot make the directory for traces %s: %s", buf_str(&root),
		      strerror(-ret));
		goto out;
	}
	/* Names with a dot in front are ours (the store). */
	if (!*name || *name == '.')
		name = "trace";
	for (unsigned n = 0;; n++) {
		buf_clear(out);
		buf_addf(out, "%s/%.*s-%u", buf_str(&root), NAME_MAX_BYTES, name, n);
		if (mkdir(buf_str(out), 0700) == 0)
			break;
		if (errno != EEXIST) {
			ret = error_ret(-errno, "cannot make the trace directory %s: %s",
					buf_str(out), strerror(errno));
			break;
		}
	}
out:
	buf_release(&root);
	return ret;
}

/* Split off the last component, ignoring slashes at the end; *dir is what lies before it, or ".".
 */
static void split_path(const char *path, struct buf *dir, struct buf *name)
{
	size_t end = strlen(path), start;

	while (end > 1 && path[end - 1] == '/')
		end--;
	for (start = end; start && path[start - 1] != '/'; start--)
		;
	buf_add(name, path + start, end - start);
	if (start)
		buf_add(dir, path, start > 1 ? start - 1 : 1);
	else
		buf_addch(dir, '.');
}

static bool same_dir(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int trace_set_latest(const char *dir)
{
	struct buf root = BUF_INIT, parent = BUF_INIT, name = BUF_INIT;
	char *temp = NULL, *link = NULL;
	uint64_t random = 0;
	int ret = trace_root_quiet(&root);

	if (ret)
		goto out;
	split_path(dir, &parent, &name);
	if (!same_dir(buf_str(&root), buf_str(&parent)))
		goto out;
	if (getrandom(&random, sizeof(random), 0) < 0) {
		ret = -errno;
		goto out;
	}
	temp = xasprintf("%s/." LATEST "-%016llx", buf_str(&root), (unsigned long long)random);
	link = xasprintf("%s/" LATEST, buf_str(&root));
	if (symlink(buf_str(&name), temp) < 0) {
		ret = -errno;
	} else if (rename(temp, link) < 0) {
		ret = -errno;
		unlink(temp);
	}
out:
	free(temp);
	free(link);
	buf_release(&root);
	buf_release(&parent);
	buf_release(&name);
	return ret;
}

/* The trace that `latest-trace` means, by its own name where the link has one in the root. */
static int resolve_latest(const char *root, struct buf *out)
{
	char *link = xasprintf("%s/" LATEST, root);
	char target[512];
	ssize_t n = readlink(link, target, sizeof(target));
	int ret = 0;

	if (n <= 0 || n == (ssize_t)sizeof(target)) {
		ret = error_ret(-ENOENT, "there is no trace in %s yet: make one with `rr record`",
				root);
	} else if (target[0] == '/') {
		buf_add(out, target, n);
	} else {
		buf_addf(out, "%s/%.*s", root, (int)n, target);
	}
	if (!ret && !is_dir(buf_str(out)))
		ret = error_ret(-ENOENT, "the latest trace, %s, is gone: name another one",
				buf_str(out));
	free(link);
	return ret;
}

int trace_resolve_dir(const char *arg, struct buf *out)
{
	struct buf root = BUF_INIT;
	char *in_root = NULL;
	int ret = 0;

	if (!arg) {
		ret = trace_root(&root);
		if (!ret)
			ret = resolve_latest(buf_str(&root), out);
		goto out;
	}
	if (trace_is_trace_dir(arg)) {
		buf_addstr(out, arg);
		goto out;
	}
	if (*arg && !strchr(arg, '/') && !trace_root_quiet(&root)) {
		in_root = xasprintf("%s/%s", buf_str(&root), arg);
		if (is_dir(in_root)) {
			buf_addstr(out, in_root);
			goto out;
		}
	}
	/* The reader will say what is wrong with it. */
	if (is_dir(arg))
		buf_addstr(out, arg);
	else if (in_root)
		ret = error_ret(-ENOENT, "there is no trace %s, here or in %s", arg,
				buf_str(&root));
	else
		ret = error_ret(-ENOENT, "there is no trace %s", arg);
out:
	free(in_root);
	buf_release(&root);
	return ret;
}

int trace_for_each(int (*fn)(void *ctx, const char *name, const char *dir), void *ctx)
{
	struct buf root = BUF_INIT;
	struct dirent *de;
	DIR *dir;
	int ret = trace_root(&root);

	if (ret)
		goto out;
	dir = opendir(buf_str(&root));
	if (!dir) {
		ret = errno == ENOENT ? 0 : -errno;
		goto out;
	}
	while (!ret && (de = readdir(dir))) {
		char *path;

		if (de->d_name[0] == '.' || !strcmp(de->d_name, LATEST))
			continue;
		path = xasprintf("%s/%s", buf_str(&root), de->d_name);
		if (trace_is_trace_dir(path))
			ret = fn(ctx, de->d_name, path);
		free(path);
	}
	closedir(dir);
out:
	buf_release(&root);
	return ret;
}
