/*
 * Reading a trace. Nothing in it is trusted: blocks are checked by block_read.c, records by
 * codec.c, and what refers to another stream or to a file here. An error is said once, with the
 * trace, the stream and the event; the reader then stays at it until the next seek.
 *
 * A trace whose recording did not end properly is read up to the last event that is there with all
 * its data.
 */
#include "trace/trace.h"

#include "base/io.h"
#include "base/log.h"
#include "trace/block_read.h"
#include "trace/codec.h"
#include "trace/info.h"

#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

struct record_cursor {
	size_t block; /* that `p` is in, or, if p is NULL, that comes next */
	const uint8_t *p, *end;
	uint64_t next; /* number of the record at p */
	int failed;    /* -errno: said already */
};

struct trace_reader {
	char *dir;
	int dirfd, files_fd;
	struct trace_info info;
	struct arena info_arena;
	bool incomplete;
	struct block_reader streams[N_STREAMS];
	struct event_codec codec;
	struct arena arena, task_arena;
	struct record_cursor events, tasks;
};

/* --- opening --- */

static int open_streams(struct trace_reader *r, bool use_index)
{
	for (int s = 0; s < N_STREAMS; s++) {
		int ret;

		block_reader_close(&r->streams[s]);
		ret = block_reader_open(&r->streams[s], r->dirfd, s, use_index);
		if (ret)
			return error_ret(ret, "trace %s cannot be read: %s: %s", r->dir,
					 stream_names[s],
					 ret == -EBADMSG ? "not a regular file" : strerror(-ret));
		if (!r->streams[s].indexed)
			r->incomplete = true;
	}
	return 0;
}

/* Leave out the events whose data did not reach the disk. */
static void cut_events(struct trace_reader *r)
{
	struct block_reader *events = &r->streams[STREAM_EVENTS];
	size_t n = 0;

	while (n < events->n_blocks &&
	       events->needs[n].data_end <= r->streams[STREAM_DATA].raw_total &&
	       events->needs[n].mmaps_end <= r->streams[STREAM_MMAPS].raw_total)
		n++;
	block_reader_cut(events, n);
}

static int open_all(struct trace_reader *r)
{
	int ret;

	r->dirfd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dirfd < 0)
		return error_ret(-errno, "cannot open the trace %s: %s", r->dir, strerror(errno));
	ret = info_read(r->dirfd, r->dir, &r->info_arena, &r->info);
	if (ret)
		return ret;
	r->files_fd = openat(r->dirfd, "files", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	r->incomplete = faccessat(r->dirfd, "incomplete", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	ret = open_streams(r, true);
	/* All or none: only blocks that were walked say what they need of the others. */
	if (!ret && r->incomplete)
		ret = open_streams(r, false);
	if (ret)
		return ret;
	if (r->incomplete) {
		cut_events(r);
		warn("trace %s is incomplete: it ends at event %" PRIu64, r->dir,
		     trace_reader_last_event(r));
	}
	return 0;
}

static void rewind_cursor(struct record_cursor *c)
{
	*c = (struct record_cursor){.next = 1};
}

int trace_reader_open(struct trace_reader **out, const char *dir)
{
	struct trace_reader *r = xcalloc(1, sizeof(*r));
	int ret;

	r->dir = xstrdup(dir);
	r->dirfd = r->files_fd = -1;
	for (int s = 0; s < N_STREAMS; s++)
		r->streams[s].fd = -1;
	arena_init(&r->info_arena);
	arena_init(&r->arena);
	arena_init(&r->task_arena);
	codec_init(&r->codec);
	rewind_cursor(&r->events);
	rewind_cursor(&r->tasks);
	ret = open_all(r);
	if (ret) {
		trace_reader_close(r);
		return ret;
	}
	*out = r;
	return 0;
}

void trace_reader_close(struct trace_reader *r)
{
	for (int s = 0; s < N_STREAMS; s++)
		block_reader_close(&r->streams[s]);
	arena_release(&r->info_arena);
	arena_release(&r->arena);
	arena_release(&r->task_arena);
	codec_release(&r->codec);
	if (r->files_fd >= 0)
		close(r->files_fd);
	if (r->dirfd >= 0)
		close(r->dirfd);
	free(r->dir);
	free(r);
}

const struct trace_info *trace_reader_info(const struct trace_reader *r)
{
	return &r->info;
}

const char *trace_reader_dir(const struct trace_reader *r)
{
	return r->dir;
}

bool trace_reader_incomplete(const struct trace_reader *r)
{
	return r->incomplete;
}

event_t trace_reader_last_event(const struct trace_reader *r)
{
	return r->streams[STREAM_EVENTS].next_record - 1;
}

/* --- records --- */

/* 1 if a record is at c->p, 0 at the end of the stream; *why if the stream is damaged. */
static int cursor_fill(struct block_reader *br, struct record_cursor *c, const char **why)
{
	*why = NULL;
	if (c->p && c->next == br->header.first + br->header.n_records) {
		if (c->p != c->end) {
			*why = "more bytes than records";
			return 0;
		}
		c->block++;
		c->p = NULL;
	}
	if (c->p)
		return 1;
	if (c->block >= br->n_blocks)
		return 0;
	*why = block_load(br, c->block);
	if (*why)
		return 0;
	c->p = br->raw;
	c->end = br->raw + br->header.raw_len;
	c->next = br->header.first;
	return 1;
}

static int damaged(struct trace_reader *r, struct record_cursor *c, enum stream_id stream,
		   const char *why)
{
	c->failed =
		error_ret(-EBADMSG, "trace %s is damaged: %s, %s %" PRIu64 ": %s", r->dir,
			  stream_names[stream], c == &r->tasks ? "record" : "event", c->next, why);
	return c->failed;
}

static const char *take_data(struct trace_reader *r, struct trace_event *ev,
			     const struct event_place *place)
{
	struct trace_write *w = (struct trace_write *)(uintptr_t)ev->writes;
	struct trace_file_write *f = (struct trace_file_write *)(uintptr_t)ev->file_writes;
	const uint8_t *p;
	const char *why;

	if (!place->data_len)
		return NULL;
	why = block_range(&r->streams[STREAM_DATA], place->data_offset, place->data_len, &p);
	if (why)
		return why;
	ev->fpregs.data = p;
	p += ev->fpregs.len;
	for (size_t i = 0; i < ev->n_writes; i++) {
		w[i].bytes.data = p;
		p += w[i].bytes.len;
	}
	for (size_t i = 0; i < ev->n_file_writes; i++) {
		f[i].bytes.data = p;
		p += f[i].bytes.len;
	}
	return NULL;
}

static const char *take_maps(struct trace_reader *r, struct trace_event *ev,
			     const struct event_place *place)
{
	struct trace_mapping *maps = NULL;
	const uint8_t *p, *end;
	const char *why;
	size_t cap = 0;

	if (!place->maps_len)
		return NULL;
	why = block_range(&r->streams[STREAM_MMAPS], place->maps_offset, place->maps_len, &p);
	if (why)
		return why;
	for (end = p + place->maps_len; !why && p < end;) {
		event_t event;

		if (ev->n_maps == cap) {
			struct trace_mapping *old = maps;

			cap = cap ? 2 * cap : 4;
			maps = arena_alloc(&r->arena, cap * sizeof(*maps));
			if (!maps)
				return "too many mappings";
			if (old)
				memcpy(maps, old, ev->n_maps * sizeof(*maps));
		}
		why = decode_mapping(&r->arena, &p, end, &maps[ev->n_maps++], &event);
		if (!why && event != ev->number)
			why = "mapping of another event";
	}
	ev->maps = maps;
	return why;
}

/* The record of the next event, without its bulk: 1, 0, -errno as trace_reader_next(). */
static int next_record(struct trace_reader *r, struct trace_event *ev, struct event_place *place)
{
	struct block_reader *br = &r->streams[STREAM_EVENTS];
	struct record_cursor *c = &r->events;
	const char *why;
	int ret;

	if (c->failed)
		return c->failed;
	if (!c->p || c->next == br->header.first + br->header.n_records)
		codec_reset(&r->codec);
	ret = cursor_fill(br, c, &why);
	if (why)
		return damaged(r, c, STREAM_EVENTS, why);
	if (!ret)
		return 0;
	arena_reset(&r->arena);
	why = decode_event(&r->codec, &r->arena, &c->p, c->end, ev, place);
	if (why)
		return damaged(r, c, STREAM_EVENTS, why);
	ev->number = c->next++;
	return 1;
}

int trace_reader_next(struct trace_reader *r, struct trace_event *ev)
{
	struct event_place place;
	int ret = next_record(r, ev, &place);
	const char *why;

	if (ret != 1)
		return ret;
	why = take_data(r, ev, &place);
	if (why) {
		r->events.next = ev->number;
		return damaged(r, &r->events, STREAM_DATA, why);
	}
	why = take_maps(r, ev, &place);
	if (why) {
		r->events.next = ev->number;
		return damaged(r, &r->events, STREAM_MMAPS, why);
	}
	return 1;
}

int trace_reader_seek(struct trace_reader *r, event_t number)
{
	struct block_reader *br = &r->streams[STREAM_EVENTS];
	struct record_cursor *c = &r->events;
	struct trace_event ev;
	struct event_place place;

	if (!number || number > trace_reader_last_event(r))
		return -ERANGE;
	/* From where we are if that is in front of it in the same block, else from the block's
	 * start. */
	if (c->failed || !c->p || br->cur != c->block || c->next > number ||
	    number >= br->header.first + br->header.n_records) {
		rewind_cursor(c);
		c->block = block_find(br, number, true);
	}
	while ((c->p ? c->next : br->blocks[c->block].first) < number) {
		int ret = next_record(r, &ev, &place);

		if (ret != 1)
			return ret < 0 ? ret : -EBADMSG;
	}
	return 0;
}

int trace_reader_next_task(struct trace_reader *r, struct trace_task *task)
{
	struct record_cursor *c = &r->tasks;
	const char *why;
	int ret;

	do {
		if (c->failed)
			return c->failed;
		ret = cursor_fill(&r->streams[STREAM_TASKS], c, &why);
		if (why)
			return damaged(r, c, STREAM_TASKS, why);
		if (!ret)
			return 0;
		arena_reset(&r->task_arena);
		why = decode_task(&r->task_arena, &c->p, c->end, task);
		if (why)
			return damaged(r, c, STREAM_TASKS, why);
		c->next++;
	} while (r->incomplete && task->event > trace_reader_last_event(r));
	return 1;
}

void trace_reader_rewind_tasks(struct trace_reader *r)
{
	rewind_cursor(&r->tasks);
}

int trace_reader_open_file(struct trace_reader *r, uint32_t file)
{
	char name[16];
	struct stat st;
	int fd;

	if (!file || r->files_fd < 0)
		return -ENOENT;
	snprintf(name, sizeof(name), "%" PRIu32, file);
	fd = openat(r->files_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return -EBADMSG;
	}
	return fd;
}
