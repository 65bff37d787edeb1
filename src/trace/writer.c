/*
 * Writing a trace: the caller's side. An event is encoded into the buffer of its stream and its
 * bulk is copied into the data stream's; full buffers go to the thread of block_write.c. Nothing is
 * allocated per event.
 */
#include "trace/trace.h"

#include "base/io.h"
#include "base/log.h"
#include "trace/block_write.h"
#include "trace/codec.h"
#include "trace/info.h"
#include "trace/save.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

struct trace_writer {
	char *dir;
	int dirfd;
	event_t last;	     /* number of the latest event */
	uint64_t flushed_ns; /* time_ns of the event that flushed last */
	int error;	     /* of encoding; those of the thread are in `blocks` */
	struct event_codec codec;
	struct block_writer blocks;
	struct file_saver files;
};

/* trace_new_dir() reserves a name by making the directory. */
static bool is_empty_dir(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *de;
	bool empty = true;

	if (!dir)
		return false;
	while (empty && (de = readdir(dir)))
		empty = !strcmp(de->d_name, ".") || !strcmp(de->d_name, "..");
	closedir(dir);
	return empty;
}

static int make_trace_dir(struct trace_writer *w)
{
	int fd;

	if (mkdir(w->dir, 0700) < 0) {
		if (errno != EEXIST)
			return -errno;
		if (!is_empty_dir(w->dir))
			return -EEXIST;
	}
	w->dirfd = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (w->dirfd < 0)
		return -errno;
	/* Of two recorders that chose the same empty directory, one makes this file. */
	fd = openat(w->dirfd, "incomplete", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		int ret = -errno;

		close(w->dirfd);
		w->dirfd = -1;
		return ret;
	}
	close(fd);
	return 0;
}

int trace_writer_open(struct trace_writer **out, const struct trace_writer_options *opt,
		      const struct trace_info *info)
{
	struct trace_writer *w = xcalloc(1, sizeof(*w));
	int ret;

	w->dir = xstrdup(opt->dir);
	w->dirfd = -1;
	codec_init(&w->codec);
	ret = make_trace_dir(w);
	if (ret)
		goto fail;
	ret = file_saver_open(&w->files, w->dirfd, w->dir, opt->no_file_cloning);
	if (ret)
		goto fail;
	ret = info_write_args(w->dirfd, info);
	if (ret)
		goto fail_files;
	ret = block_writer_open(&w->blocks, w->dirfd);
	if (ret)
		goto fail_files;
	ret = info_write_version(w->dirfd, info);
	if (ret)
		goto fail_blocks;
	*out = w;
	return 0;

fail_blocks:
	block_writer_close(&w->blocks);
fail_files:
	file_saver_close(&w->files);
fail:
	/* The directory was empty, or none: there is nothing but ours in it. */
	if (w->dirfd >= 0) {
		remove_tree(w->dir);
		close(w->dirfd);
	}
	ret = error_ret(ret, "cannot make the trace %s: %s", w->dir,
			ret == -EEXIST ? "there is something already" : strerror(-ret));
	free(w->dir);
	free(w);
	return ret;
}

/* Bulk may be cut anywhere; a full block can go at once, since events follow their data. */
static void add_data(struct trace_writer *w, const struct trace_bytes *b)
{
	const char *p = b->data;
	size_t left = b->len;

	while (left) {
		struct buf *raw = block_buf(&w->blocks, STREAM_DATA);
		size_t n = min_u64(left, DATA_BLOCK_SIZE - raw->len);

		buf_add(raw, p, n);
		p += n;
		left -= n;
		if (raw->len == DATA_BLOCK_SIZE)
			block_push(&w->blocks, STREAM_DATA);
	}
}

static void flush(struct trace_writer *w)
{
	block_push_all(&w->blocks);
	codec_reset(&w->codec);
}

static int add_maps(struct trace_writer *w, const struct trace_event *ev, struct event_place *place)
{
	place->maps_offset = block_tell(&w->blocks, STREAM_MMAPS);
	for (size_t i = 0; i < ev->n_maps; i++) {
		int ret = encode_mapping(&ev->maps[i], w->last + 1,
					 block_buf(&w->blocks, STREAM_MMAPS));

		if (ret)
			return ret;
		block_record_added(&w->blocks, STREAM_MMAPS);
		if (block_buf(&w->blocks, STREAM_MMAPS)->len >= RECORDS_BLOCK_SIZE)
			block_push(&w->blocks, STREAM_MMAPS);
	}
	place->maps_len = block_tell(&w->blocks, STREAM_MMAPS) - place->maps_offset;
	return 0;
}

static const char *check(const struct trace_event *ev)
{
	const char *why = check_event(ev);

	for (size_t i = 0; !why && i < ev->n_maps; i++)
		why = check_mapping(&ev->maps[i]);
	return why;
}

int trace_writer_event(struct trace_writer *w, const struct trace_event *ev, event_t *number)
{
	struct event_place place;
	const char *why = check(ev);
	int ret = block_writer_error(&w->blocks);

	if (!ret)
		ret = w->error;
	if (ret)
		return ret;
	if (why)
		return error_ret(-EINVAL, "trace %s: event %llu cannot be written: %s", w->dir,
				 (unsigned long long)w->last + 1, why);

	place.data_offset = block_tell(&w->blocks, STREAM_DATA);
	add_data(w, &ev->fpregs);
	for (size_t i = 0; i < ev->n_writes; i++)
		add_data(w, &ev->writes[i].bytes);
	for (size_t i = 0; i < ev->n_file_writes; i++)
		add_data(w, &ev->file_writes[i].bytes);
	place.data_len = block_tell(&w->blocks, STREAM_DATA) - place.data_offset;
	ret = add_maps(w, ev, &place);
	if (!ret)
		ret = encode_event(&w->codec, ev, &place, block_buf(&w->blocks, STREAM_EVENTS));
	if (ret) {
		/* The differences in the block have gone wrong: nothing may follow. */
		w->error = ret;
		return ret;
	}
	block_record_added(&w->blocks, STREAM_EVENTS);
	w->last++;
	if (number)
		*number = w->last;
	if (block_buf(&w->blocks, STREAM_EVENTS)->len >= EVENTS_BLOCK_SIZE ||
	    (int64_t)(ev->time_ns - w->flushed_ns) >= (int64_t)FLUSH_INTERVAL_NS) {
		w->flushed_ns = ev->time_ns;
		flush(w);
	}
	return 0;
}

int trace_writer_task(struct trace_writer *w, const struct trace_task *task)
{
	const char *why = check_task(task);
	int ret = block_writer_error(&w->blocks);

	if (ret)
		return ret;
	if (why)
		return error_ret(-EINVAL, "trace %s: task record: %s", w->dir, why);
	ret = encode_task(task, block_buf(&w->blocks, STREAM_TASKS));
	if (ret)
		return ret;
	block_record_added(&w->blocks, STREAM_TASKS);
	if (block_buf(&w->blocks, STREAM_TASKS)->len >= RECORDS_BLOCK_SIZE)
		block_push(&w->blocks, STREAM_TASKS);
	return 0;
}

int trace_writer_save_file(struct trace_writer *w, int fd, const struct stat *st, bool fresh,
			   uint32_t *file)
{
	return file_saver_save(&w->files, fd, fresh, file);
}

int trace_writer_clone_file(struct trace_writer *w, int fd, struct stat *st, uint32_t *file)
{
	return file_saver_clone(&w->files, fd, st, file);
}

bool trace_writer_may_clone(const struct trace_writer *w)
{
	return file_saver_may_clone(&w->files);
}

int trace_writer_save_bytes(struct trace_writer *w, const void *bytes, size_t len, uint32_t *file)
{
	return file_saver_save_bytes(&w->files, bytes, len, file);
}

event_t trace_writer_last_event(const struct trace_writer *w)
{
	return w->last;
}

const char *trace_writer_dir(const struct trace_writer *w)
{
	return w->dir;
}

void trace_writer_flush(struct trace_writer *w)
{
	flush(w);
}

int trace_writer_close(struct trace_writer *w)
{
	int ret = block_writer_close(&w->blocks);

	if (!ret)
		ret = w->error;
	if (!ret && unlinkat(w->dirfd, "incomplete", 0) < 0)
		ret = -errno;
	file_saver_close(&w->files);
	codec_release(&w->codec);
	close(w->dirfd);
	free(w->dir);
	free(w);
	return ret;
}
