/*
 * Files for the client (gdb's manual, "Host I/O Packets"): those that the recorded program had
 * mapped come from the trace under the names that they had, a few of /proc are what they were, and
 * all others are this machine's. Nothing can be written.
 */
#include "base/io.h"
#include "base/log.h"
#include "gdb/session.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define HANDLES_MAX 64
#define PATH_BYTES  4096

/* The protocol's own numbers (gdb's manual, "Protocol-specific Representation of Datatypes"). */
#define FILEIO_ACCMODE	    3
#define FILEIO_CHANGING	    (0x8 | 0x200 | 0x400 | 0x800) /* O_APPEND O_CREAT O_TRUNC O_EXCL */
#define FILEIO_ENAMETOOLONG 91
#define FILEIO_EUNKNOWN	    9999

struct client_file {
	bool open;
	int fd;
};

void files_release(struct server *s)
{
	for (size_t i = 0; s->files && i < HANDLES_MAX; i++)
		if (s->files[i].open)
			close(s->files[i].fd);
	free(s->files);
	s->files = NULL;
}

static void reply_result(struct server *s, int64_t result)
{
	int err = (int)-result;

	if (result >= 0) {
		buf_addf(&s->reply, "F%llx", (unsigned long long)result);
		return;
	}
	if (err == ENAMETOOLONG)
		err = FILEIO_ENAMETOOLONG;
	else if (err > EROFS)
		err = FILEIO_EUNKNOWN;
	buf_addf(&s->reply, "F-1,%x", err);
}

/* --- opening --- */

/* What is behind /proc/PID/ or /proc/PID/task/TID/, and the thread: a process of that number here
 * is another than the recorded one. NULL: it is no such path. */
static const char *scan_proc(struct server *s, const char *path, pid_t *tid)
{
	int pid = 0, used = 0;

	if (sscanf(path, "/proc/%d/task/%d/%n", &pid, tid, &used) == 2 && used)
		return path + used;
	used = 0;
	if (sscanf(path, "/proc/%d/%n", &pid, &used) != 1 || !used)
		return NULL;
	*tid = thread_of(s, pid);
	return path + used;
}

static int open_proc(struct server *s, const char *path)
{
	static const struct {
		const char *name;
		int (*get)(struct timeline *tl, pid_t tid, struct buf *out);
	} files[] = {
		{"maps", timeline_maps},
		{"auxv", timeline_auxv},
		{"cmdline", timeline_cmdline},
	};
	struct buf content = BUF_INIT;
	int fd, ret = -ENOENT;
	pid_t tid;
	const char *what = scan_proc(s, path, &tid);

	for (size_t i = 0; what && i < ARRAY_SIZE(files); i++)
		if (!strcmp(what, files[i].name))
			ret = files[i].get(s->tl, tid, &content);
	fd = ret ? ret : memfd_create("rr-file", MFD_CLOEXEC);
	if (fd >= 0 && (ret = write_full(fd, buf_str(&content), content.len)) < 0) {
		close(fd);
		fd = ret;
	}
	buf_release(&content);
	return fd;
}

static int open_path(struct server *s, const char *path)
{
	int fd;

	if (!strncmp(path, "/proc/", 6))
		return open_proc(s, path);
	fd = timeline_open_file(s->tl, path);
	if (fd == -ENOENT && !s->only_recorded_files) {
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		if (fd < 0)
			fd = -errno;
	}
	return fd;
}

static int add_handle(struct server *s, int fd)
{
	if (!s->files)
		s->files = xcalloc(HANDLES_MAX, sizeof(*s->files));
	for (int i = 0; i < HANDLES_MAX; i++) {
		if (s->files[i].open)
			continue;
		s->files[i] = (struct client_file){true, fd};
		return i;
	}
	close(fd);
	return -EMFILE;
}

/* A path in hexadecimal, up to a comma or the end. */
static bool scan_path(struct scan *args, struct buf *path)
{
	size_t n;
	const char *hex = scan_until(args, ',', &n);

	return n < 2 * PATH_BYTES && hex_decode(path, hex, n) > 0 &&
	       !memchr(path->data, 0, path->len);
}

static void file_open(struct server *s, struct scan *args)
{
	struct buf path = BUF_INIT;
	bool valid = scan_path(args, &path);
	uint64_t flags = scan_hex(args);
	int fd;

	scan_char(args, ',');
	scan_hex(args); /* the mode of a file that is made */
	if (!valid || !scan_at_end(args)) {
		reply_result(s, -EINVAL);
	} else if (flags & (FILEIO_ACCMODE | FILEIO_CHANGING)) {
		reply_result(s, -EROFS);
	} else {
		fd = open_path(s, buf_str(&path));
		reply_result(s, fd < 0 ? fd : add_handle(s, fd));
	}
	buf_release(&path);
}

/* --- using --- */

static struct client_file *scan_handle(struct server *s, struct scan *args)
{
	uint64_t n = scan_hex(args);

	return s->files && n < HANDLES_MAX && s->files[n].open ? &s->files[n] : NULL;
}

static void file_close(struct server *s, struct scan *args)
{
	struct client_file *h = scan_handle(s, args);

	if (h)
		close(h->fd);
	if (h)
		h->open = false;
	reply_result(s, h ? 0 : -EBADF);
}

static void file_pread(struct server *s, struct scan *args)
{
	struct client_file *h = scan_handle(s, args);
	struct buf bytes = BUF_INIT;
	uint64_t n, offset;
	ssize_t got = -EBADF;

	scan_char(args, ',');
	n = min_u64(scan_hex(args), PACKET_MAX / 2 - 32);
	scan_char(args, ',');
	offset = scan_hex(args);
	if (!scan_at_end(args))
		got = -EINVAL;
	else if (h)
		got = pread_full(h->fd, buf_extend(&bytes, n), n, offset);
	reply_result(s, got);
	if (got >= 0) {
		buf_addch(&s->reply, ';');
		buf_add(&s->reply, buf_str(&bytes), got);
	}
	buf_release(&bytes);
}

static void add_big_endian(struct buf *out, uint64_t v, int n)
{
	while (n--)
		buf_addch(out, (char)(v >> 8 * n));
}

/* The protocol's struct stat. */
static void add_stat(struct buf *out, const struct stat *st)
{
	add_big_endian(out, st->st_dev, 4);
	add_big_endian(out, st->st_ino, 4);
	add_big_endian(out, st->st_mode, 4);
	add_big_endian(out, st->st_nlink, 4);
	add_big_endian(out, st->st_uid, 4);
	add_big_endian(out, st->st_gid, 4);
	add_big_endian(out, st->st_rdev, 4);
	add_big_endian(out, st->st_size, 8);
	add_big_endian(out, st->st_blksize, 8);
	add_big_endian(out, st->st_blocks, 8);
	add_big_endian(out, st->st_atime, 4);
	add_big_endian(out, st->st_mtime, 4);
	add_big_endian(out, st->st_ctime, 4);
}

static void file_fstat(struct server *s, struct scan *args)
{
	struct client_file *h = scan_handle(s, args);
	struct buf bytes = BUF_INIT;
	struct stat st;

	if (!h || fstat(h->fd, &st) < 0) {
		reply_result(s, -EBADF);
		return;
	}
	add_stat(&bytes, &st);
	reply_result(s, bytes.len);
	buf_addch(&s->reply, ';');
	buf_add(&s->reply, bytes.data, bytes.len);
	buf_release(&bytes);
}

static ssize_t read_link(struct server *s, const char *path, char link[PATH_BYTES])
{
	struct timeline_task task;
	const char *what;
	ssize_t n;
	pid_t tid;

	if (strncmp(path, "/proc/", 6)) {
		n = readlink(path, link, PATH_BYTES);
		return n < 0 ? -errno : n;
	}
	what = scan_proc(s, path, &tid);
	if (!what || strcmp(what, "exe") || timeline_task(s->tl, tid, &task) || !*task.exe)
		return -ENOENT;
	n = (ssize_t)min_u64(strlen(task.exe), PATH_BYTES);
	memcpy(link, task.exe, n);
	return n;
}

static void file_readlink(struct server *s, struct scan *args)
{
	struct buf path = BUF_INIT;
	char link[PATH_BYTES];
	ssize_t n = -EINVAL;

	if (scan_path(args, &path))
		n = read_link(s, buf_str(&path), link);
	reply_result(s, n);
	if (n >= 0) {
		buf_addch(&s->reply, ';');
		buf_add(&s->reply, link, n);
	}
	buf_release(&path);
}

static void file_refuse(struct server *s, struct scan *args)
{
	reply_result(s, -EROFS);
}

/* All processes see the same files. */
static void file_setfs(struct server *s, struct scan *args)
{
	reply_result(s, 0);
}

void handle_file(struct server *s, struct scan args)
{
	static const struct {
		const char *name;
		void (*handle)(struct server *s, struct scan *args);
	} operations[] = {
		{"open:", file_open},	  {"close:", file_close},   {"pread:", file_pread},
		{"fstat:", file_fstat},	  {"setfs:", file_setfs},   {"readlink:", file_readlink},
		{"pwrite:", file_refuse}, {"unlink:", file_refuse},
	};

	scan_char(&args, ':');
	for (size_t i = 0; i < ARRAY_SIZE(operations); i++) {
		if (!scan_if_text(&args, operations[i].name))
			continue;
		operations[i].handle(s, &args);
		return;
	}
}
