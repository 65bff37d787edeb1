/*
 * Whole-file input and output.
 */
#include "base/io.h"

#include "base/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* At `*off`, or at the descriptor's position. */
static int write_all(int fd, const void *data, size_t n, const uint64_t *off)
{
	size_t done = 0;

	while (done < n) {
		const char *from = (const char *)data + done;
		ssize_t w = off ? pwrite(fd, from, n - done, (off_t)(*off + done))
				: write(fd, from, n - done);

		if (w >= 0)
			done += w;
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

int write_full(int fd, const void *data, size_t n)
{
	return write_all(fd, data, n, NULL);
}

int pwrite_full(int fd, const void *data, size_t n, uint64_t off)
{
	return write_all(fd, data, n, &off);
}

static ssize_t read_all(int fd, void *data, size_t n, const uint64_t *off)
{
	size_t got = 0;

	while (got < n) {
		char *to = (char *)data + got;
		ssize_t r =
			off ? pread(fd, to, n - got, (off_t)(*off + got)) : read(fd, to, n - got);

		if (r < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (r == 0)
			break;
		got += r;
	}
	return got;
}

ssize_t read_full(int fd, void *data, size_t n)
{
	return read_all(fd, data, n, NULL);
}

ssize_t pread_full(int fd, void *data, size_t n, uint64_t off)
{
	return read_all(fd, data, n, &off);
}

int read_fd(int fd, struct buf *out)
{
	for (;;) {
		ssize_t r = read(fd, buf_reserve(out, 16384), 16384);

		if (r < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (r == 0)
			return 0;
		buf_extend(out, r);
	}
}

int read_file(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	ret = read_fd(fd, out);
	close(fd);
	return ret;
}

int make_dirs(const char *path, mode_t mode)
{
	char *copy = xstrdup(path);
	int ret = 0;

	for (char *p = copy + 1; !ret; p++) {
		char c = *p;

		if (c && c != '/')
			continue;
		*p = 0;
		if (mkdir(copy, mode) < 0 && errno != EEXIST)
			ret = -errno;
		*p = c;
		if (!c)
			break;
	}
	free(copy);
	return ret;
}

static int remove_entries(int dirfd)
{
	DIR *dir = fdopendir(dirfd);
	struct dirent *de;
	int ret = 0;

	if (!dir) {
		ret = -errno;
		close(dirfd);
		return ret;
	}
	while (!ret && (de = readdir(dir))) {
		int sub;

		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		if (unlinkat(dirfd, de->d_name, 0) == 0)
			continue;
		if (errno != EISDIR && errno != EPERM) {
			ret = -errno;
			break;
		}
		sub = openat(dirfd, de->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		ret = sub < 0 ? -errno : remove_entries(sub);
		if (!ret && unlinkat(dirfd, de->d_name, AT_REMOVEDIR) < 0)
			ret = -errno;
	}
	closedir(dir);
	return ret;
}

int remove_tree(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	ret = remove_entries(fd);
	if (!ret && rmdir(path) < 0)
		ret = -errno;
	return ret;
}

int copy_file(int src, int dst, bool no_clone)
{
	struct buf b = BUF_INIT;
	ssize_t n;
	int ret;

	if (!no_clone && ioctl(dst, FICLONE, src) == 0)
		return 0;
	do {
		n = copy_file_range(src, NULL, dst, NULL, 1 << 30, 0);
	} while (n > 0);
	if (n == 0 && lseek(dst, 0, SEEK_CUR) > 0)
		return 0;
	if (n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO || errno == EFBIG))
		return -errno;
	/* Other file systems, /proc (whose files claim to be empty): by hand, from where it
	 * stopped. */
	do {
		buf_clear(&b);
		n = read_full(src, buf_reserve(&b, 1 << 17), 1 << 17);
		ret = n < 0 ? (int)n : write_full(dst, b.data, n);
	} while (!ret && n > 0);
	buf_release(&b);
	return ret;
}

int user_dir(const struct user_place *places, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		const char *dir = getenv(places[i].variable);

		if (dir && *dir) {
			buf_addf(out, "%s%s", dir, places[i].below);
			return 0;
		}
	}
	return -ENOENT;
}
