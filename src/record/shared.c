/*
 * Files that are mapped shared and written through system calls as well: what the call did to the
 * file is in the call's event, so that replay can do it to the file that it maps instead.
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

bool shared_file_written(struct recorder *rec, struct rtask *t, int64_t result, struct buf *data,
			 struct trace_file_write *fw)
{
	const uint32_t kinds = SYSF_OUTPUT | SYSF_SPLICES | SYSF_FILE_SIZE;
	struct shared_file *f;
	uint64_t offset, len;
	struct stat st;
	char path[64];
	bool found = false;
	ssize_t n;
	int fd, arg_fd;

	if (!rec->shared.count || !t->row || !(t->row->flags & kinds) || result < 0)
		return false;
	arg_fd = t->call.arg[written_fd_arg(t)];
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", t->t.tid, arg_fd);
	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	f = shared_find(rec, st.st_dev, st.st_ino);
	if (!f)
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	changed_range(t, arg_fd, result, st.st_size, &offset, &len);
	n = pread_full(fd, buf_reserve(data, len), len, offset);
	if (n >= 0) {
		buf_extend(data, n);
		f->size = st.st_size;
		*fw = (struct trace_file_write){.file = f->file,
						.offset = offset,
						.size = st.st_size,
						.bytes = {data->data, n}};
		found = true;
	}
	close(fd);
	return found;
}
