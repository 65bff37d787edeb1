/*
 * Saved files, opened once; and the files that were mapped shared, which become memory files of
 * ours that all tracees map. The user's own files are never opened.
 */
#include "base/io.h"
#include "base/log.h"
#include "replay/session.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int file_fd(struct session *s, uint32_t file)
{
	uint64_t value;
	int fd;

	if (map_get(&s->common->files, file, &value))
		return value;
	fd = trace_reader_open_file(s->trace, file);
	if (fd < 0)
		return bad_trace(s, "saved file %u: %s", file, strerror(-fd));
	map_set(&s->common->files, file, fd);
	return fd;
}

static int new_shared_file(struct session *s, uint32_t file)
{
	int src = file_fd(s, file), fd, ret;

	if (src < 0)
		return src;
	fd = memfd_create("rr-shared", MFD_CLOEXEC);
	if (fd < 0)
		return failed(s, errno, "a shared file");
	lseek(src, 0, SEEK_SET);
	ret = copy_file(src, fd, true);
	if (ret) {
		close(fd);
		return failed(s, ret, "a shared file of the trace");
	}
	map_set(&s->shared, file, fd);
	return fd;
}

int shared_file_fd(struct session *s, uint32_t file, uint64_t size)
{
	struct stat st;
	uint64_t value;
	int fd = map_get(&s->shared, file, &value) ? (int)value : new_shared_file(s, file);

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || ((uint64_t)st.st_size != size && ftruncate(fd, size) < 0))
		return failed(s, errno, "the size of a shared file");
	return fd;
}

int apply_file_writes(struct session *s)
{
	for (size_t i = 0; i < s->ev.n_file_writes; i++) {
		const struct trace_file_write *w = &s->ev.file_writes[i];
		int fd = shared_file_fd(s, w->file, w->size), ret;

		if (fd < 0)
			return fd;
		ret = pwrite_full(fd, w->bytes.data, w->bytes.len, w->offset);
		if (ret)
			return failed(s, ret, "a write to a shared file");
	}
	return 0;
}
