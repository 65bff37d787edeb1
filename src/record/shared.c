/*
 * Files that are mapped and written through system calls as well: what the call did to the file is
 * in the call's event, so that replay can do it to the file that it maps instead.
 */
#include "record/session.h"

#include "base/io.h"
#include "base/log.h"

#include <asm/unistd_64.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* Where the descriptor's offset is now; -1 if it cannot be told (proc(5), fdinfo). */
static int64_t fd_position(pid_t tid, int fd)
{
	struct buf b = BUF_INIT;
	char path[64];
	long long pos = -1;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", tid, fd);
	if (!read_file(path, &b) && sscanf(buf_str(&b), "pos: %lld", &pos) != 1)
		pos = -1;
	buf_release(&b);
	return pos;
}

/* The piece of the file that the call changed; all of it where that is not known. */
static void changed_range(const struct rtask *t, int fd, int64_t result, uint64_t size,
			  uint64_t *offset, uint64_t *len)
{
	int64_t pos = -1;

	*offset = 0;
	*len = size;
	if (t->call.nr == __NR_ftruncate) {
		*len = 0;
		return;
	}
	if (!(t->row->flags & SYSF_OUTPUT))
		return;
	switch (t->call.nr) {
	case __NR_pwrite64:
	case __NR_pwritev:
	case __NR_pwritev2:
		pos = t->call.arg[3];
		break;
	default:
		pos = fd_position(t->t.tid, fd) - result;
	}
	if (pos >= 0) {
		*offset = pos;
		*len = result;
	}
}

/* The file that the call may have changed: its path in /proc and its identity. */
static bool changed_file(struct rtask *t, char *path, size_t size, uint64_t *dev, uint64_t *ino)
{
	struct stat st;
	int fd = t->call.arg[written_fd_arg(t)];

	if ((t->row->flags & (SYSF_OUTPUT | SYSF_SPLICES)) && !t->target.regular)
		return false;
	snprintf(path, size, "/proc/%d/fd/%d", t->t.tid, fd);
	*dev = t->target.dev;
	*ino = t->target.ino;
	if (t->row->flags & SYSF_FILE_SIZE) {
		if (stat(path, &st) < 0)
			return false;
		*dev = st.st_dev;
		*ino = st.st_ino;
	}
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
	changed_range(t, t->call.arg[written_fd_arg(t)], result, st.st_size, &offset, &len);
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
	const uint32_t kinds = SYSF_OUTPUT | SYSF_SPLICES | SYSF_FILE_SIZE;
	struct mapped_file *f;
	uint64_t dev, ino;
	char path[64];
	int fd;

	if (!t->row || !(t->row->flags & kinds) || result < 0 ||
	    !changed_file(t, path, sizeof(path), &dev, &ino))
		return;
	f = mapped_file_find(b->rec, dev, ino);
	if (!f || (!f->file && !f->private_copies))
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	add_change(b, t, f, fd, result, data, fw);
	close(fd);
}
