/*
 * Files that are mapped and written through system calls as well: what the call did to the file is
 * in the call's event, so that replay can do it to the file that it maps instead.
 */
#include "record/session.h"

#include "base/io.h"
#include "base/log.h"

#include <asm/unistd_64.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define RWF_NOAPPEND_ 0x20 /* linux/fs.h since 6.9 */

/* Which argument is the descriptor that is written, for the calls that move data between files. */
static int written_fd_arg(const struct rtask *t)
{
	switch (t->call.nr) {
	case __NR_tee:
		return 1;
	case __NR_splice:
	case __NR_copy_file_range:
		return 2;
	default:
		return 0;
	}
}

void fd_info(pid_t tid, int fd, int64_t *pos, unsigned int *flags)
{
	struct buf b = BUF_INIT;
	char path[64];
	long long p;

	*pos = -1;
	*flags = 0;
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", tid, fd);
	if (!read_file(path, &b) && sscanf(buf_str(&b), "pos: %lld flags: %o", &p, flags) == 2)
		*pos = p;
	buf_release(&b);
}

/* Where in a file of `size` bytes the call, of SYSF_OUTPUT, has put its `result` bytes; -1: not
 * known. */
static int64_t written_offset(const struct rtask *t, int fd, int64_t result, uint64_t size)
{
	uint64_t rwf = t->call.nr == __NR_pwritev2 ? t->call.arg[5] : 0;
	bool at_offset = false, append;
	unsigned int flags;
	int64_t pos;

	switch (t->call.nr) {
	case __NR_pwrite64:
	case __NR_pwritev:
		at_offset = true;
		break;
	case __NR_pwritev2:
		at_offset = t->call.arg[3] != UINT64_MAX;
	}
	fd_info(t->t.tid, fd, &pos, &flags);
	if (pos < 0)
		return -1;
	/* An offset does not count where all is appended (pwrite(2), BUGS). */
	append = (flags & O_APPEND && !(rwf & RWF_NOAPPEND_)) || rwf & RWF_APPEND;
	if (append)
		return size - result;
	return at_offset ? (int64_t)t->call.arg[3] : pos - result;
}

/* Whether the call opens a file and makes it empty. */
static bool opens_truncating(struct rtask *t)
{
	uint64_t flags = 0;

	switch (t->call.nr) {
	case __NR_creat:
		return true;
	case __NR_open:
		flags = t->call.arg[1];
		break;
	case __NR_openat:
	case __NR_open_by_handle_at:
		flags = t->call.arg[2];
		break;
	case __NR_openat2: /* the first field of struct open_how */
		if (mm_read(t->t.mm, t->call.arg[2], &flags, sizeof(flags)))
			return false;
	}
	return flags & O_TRUNC && !(flags & O_PATH);
}

/* The piece of the file that the call changed; all of it where that is not known. */
static void changed_range(struct rtask *t, int64_t result, uint64_t size, uint64_t *offset,
			  uint64_t *len)
{
	int64_t pos = -1;

	*offset = 0;
	*len = size;
	if (t->call.nr == __NR_ftruncate || t->call.nr == __NR_truncate || opens_truncating(t))
		*len = 0;
	else if (t->row->flags & SYSF_OUTPUT)
		pos = written_offset(t, t->call.arg[written_fd_arg(t)], result, size);
	if (pos >= 0) {
		*offset = pos;
		*len = result;
	}
}

/* The path that argument 0 means to the task, as one of ours. */
static bool resolve_path(const struct rtask *t, struct buf *out)
{
	const char *from = "cwd/";
	struct buf arg = BUF_INIT;
	int ret = mm_read_str(t->t.mm, t->call.arg[0], PATH_MAX, &arg);
	const char *path = buf_str(&arg);

	if (*path == '/')
		from = "root";
	if (!strncmp(path, "/proc/self/", 11)) {
		from = "";
		path += 11;
	}
	buf_addf(out, "/proc/%d/%s%s", t->t.tid, from, path);
	buf_release(&arg);
	return !ret;
}

/* The file that the call may have changed: a path to it, and its identity. */
static bool changed_file(struct rtask *t, int64_t result, struct buf *path, uint64_t *dev,
			 uint64_t *ino)
{
	bool opened = opens_truncating(t);
	struct stat st;

	if (t->row->flags & (SYSF_OUTPUT | SYSF_SPLICES)) {
		*dev = t->target.dev;
		*ino = t->target.ino;
		buf_addf(path, "/proc/%d/fd/%d", t->t.tid, (int)t->call.arg[written_fd_arg(t)]);
		return t->target.regular;
	}
	if (!opened && !(t->row->flags & SYSF_FILE_SIZE))
		return false;
	if (t->call.nr != __NR_truncate)
		buf_addf(path, "/proc/%d/fd/%d", t->t.tid,
			 opened ? (int)result : (int)t->call.arg[0]);
	else if (!resolve_path(t, path))
		return false;
	if (stat(buf_str(path), &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	*dev = st.st_dev;
	*ino = st.st_ino;
	return true;
}

static void add_change(struct event_builder *b, struct rtask *t, struct mapped_file *f, int fd,
		       int64_t result, struct buf *data, struct trace_file_write *fw)
{
	uint64_t offset, len;
	struct stat st;
	ssize_t n;

	/* The descriptor may be another file's by now. */
	if (fstat(fd, &st) < 0 || st.st_dev != f->dev || st.st_ino != f->ino)
		return;
	if (mapped_file_changed(b, f, t, fd, &st))
		return;
	changed_range(t, result, st.st_size, &offset, &len);
	n = pread_full(fd, buf_reserve(data, len), len, offset);
	if (n < 0)
		return;
	buf_extend(data, n);
	*fw = (struct trace_file_write){
		.file = f->file, .offset = offset, .size = st.st_size, .bytes = {data->data, n}};
	b->ev.file_writes = fw;
	b->ev.n_file_writes = 1;
}

void add_file_changes(struct event_builder *b, struct rtask *t, int64_t result, struct buf *data,
		      struct trace_file_write *fw)
{
	struct buf path = BUF_INIT;
	struct mapped_file *f;
	uint64_t dev, ino;
	int fd;

	if (t->row && result >= 0 && changed_file(t, result, &path, &dev, &ino)) {
		f = mapped_file_find(b->rec, dev, ino);
		if (f && (f->file || f->private_copies)) {
			fd = open(buf_str(&path), O_RDONLY | O_CLOEXEC);
			if (fd >= 0) {
				add_change(b, t, f, fd, result, data, fw);
				close(fd);
			}
		}
	}
	buf_release(&path);
}
