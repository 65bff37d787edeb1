/*
 * Blocks on their way to the disk. One thread does the compression and all writing, so that the
 * recorder, which shares a core with its tracees, never does; one thread and one queue also give
 * the order of the streams for free.
 *
 * The thread runs on any core, whatever the recorder was bound to, and takes no signal; a file size
 * limit therefore shows as EFBIG, not as SIGXFSZ.
 */
#include "trace/block_write.h"

#include "base/io.h"
#include "base/log.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/uio.h>
#include <unistd.h>
#include <zstd.h>

#define ZSTD_LEVEL 1
#define MAX_SPARE  (QUEUE_MAX_BYTES / DATA_BLOCK_SIZE)

static const uint32_t first_capacity[N_STREAMS] = {
	[STREAM_EVENTS] = EVENTS_BLOCK_SIZE + 4096,
	[STREAM_DATA] = DATA_BLOCK_SIZE + 4096,
	[STREAM_MMAPS] = 4096,
	[STREAM_TASKS] = 4096,
};

struct packer {
	ZSTD_CCtx *ctx;
	struct buf out;
};

/* `*payload`: what the block for `raw` has behind `h`, which lacks only what that says. */
static int pack_block(struct packer *p, struct block_header *h, const struct buf *raw,
		      const void **payload)
{
	size_t bound = ZSTD_compressBound(raw->len);
	size_t n;

	buf_clear(&p->out);
	*payload = buf_reserve(&p->out, bound);
	n = ZSTD_compressCCtx(p->ctx, p->out.data, bound, raw->data, raw->len, ZSTD_LEVEL);
	if (ZSTD_isError(n))
		return -ENOMEM;
	h->codec = CODEC_ZSTD;
	if (n >= raw->len || trace_store_blocks) {
		h->codec = CODEC_STORED;
		n = raw->len;
		*payload = raw->data;
	}
	h->raw_len = raw->len;
	h->packed_len = n;
	h->checksum = block_checksum(h, *payload);
	return 0;
}

/* In one call; what that cannot do, two say why, or do it piece by piece. */
static int write_both(int fd, const struct block_header *h, const void *payload, uint64_t pos)
{
	const struct iovec v[] = {{(void *)h, sizeof(*h)}, {(void *)payload, h->packed_len}};
	int ret;

	if (pwritev(fd, v, 2, (off_t)pos) == (ssize_t)(sizeof(*h) + h->packed_len))
		return 0;
	ret = pwrite_full(fd, h, sizeof(*h), pos);
	return ret ? ret : pwrite_full(fd, payload, h->packed_len, pos + sizeof(*h));
}

static int append(struct block_file *f, const struct block_header *h, const void *payload)
{
	int ret = write_both(f->fd, h, payload, f->pos);

	if (ret) {
		/* Not needed for reading it, but gives the space back when it is short. */
		if (ftruncate(f->fd, f->pos) < 0)
			log_debug("ftruncate: %s", strerror(errno));
		return ret;
	}
	f->pos += sizeof(*h) + h->packed_len;
	return 0;
}

static int write_job(struct block_writer *bw, struct packer *p, const struct block_job *job)
{
	struct block_file *f = &bw->file[job->stream];
	struct index_entry entry = {.pos = f->pos, .offset = job->offset, .first = job->first};
	struct block_header h = {
		.magic = BLOCK_MAGIC,
		.stream = job->stream,
		.offset = job->offset,
		.first = job->first,
		.n_records = job->n_records,
		.data_end = job->data_end,
		.mmaps_end = job->mmaps_end,
	};
	const void *payload;
	int ret = pack_block(p, &h, &job->raw, &payload);

	if (!ret)
		ret = append(f, &h, payload);
	if (ret)
		return ret;
	buf_add(&f->index, &entry, sizeof(entry));
	f->raw_total = job->offset + job->raw.len;
	f->next_record = job->first + job->n_records;
	return 0;
}

static int write_index(struct block_file *f, struct packer *p, enum stream_id stream)
{
	struct index_trailer trailer = {.index_pos = f->pos, .magic = TRAILER_MAGIC};
	struct block_header h = {
		.magic = INDEX_MAGIC,
		.stream = stream,
		.offset = f->raw_total,
		.first = f->next_record,
		.n_records = f->index.len / sizeof(struct index_entry),
	};
	const void *payload;
	int ret;

	buf_reserve(&f->index, 1); /* never NULL */
	if (f->index.len > BLOCK_RAW_MAX)
		return -EFBIG;
	ret = pack_block(p, &h, &f->index, &payload);
	if (!ret)
		ret = append(f, &h, payload);
	return ret ? ret : pwrite_full(f->fd, &trailer, sizeof(trailer), f->pos);
}

static void recycle(struct block_writer *bw, struct block_job *job)
{
	/* A buffer that a huge record made grow is not worth keeping. */
	if (bw->n_spare < MAX_SPARE && job->raw.cap <= 2 * DATA_BLOCK_SIZE) {
		job->next = bw->spare;
		bw->spare = job;
		bw->n_spare++;
		return;
	}
	buf_release(&job->raw);
	free(job);
}

static void run_on_all_cpus(void)
{
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all));
	if (sched_setaffinity(0, sizeof(all), &all) < 0)
		log_debug("sched_setaffinity: %s", strerror(errno));
}

static void *writing_thread(void *arg)
{
	struct block_writer *bw = arg;
	struct packer p = {.ctx = ZSTD_createCCtx(), .out = BUF_INIT};
	struct block_job *job;
	int ret = p.ctx ? 0 : -ENOMEM;

	run_on_all_cpus();
	pthread_mutex_lock(&bw->lock);
	for (;;) {
		while (!bw->head && !bw->closing)
			pthread_cond_wait(&bw->more, &bw->lock);
		job = bw->head;
		if (!job)
			break;
		bw->head = job->next;
		if (!bw->head)
			bw->tail = &bw->head;
		pthread_mutex_unlock(&bw->lock);

		if (!ret)
			ret = write_job(bw, &p, job);
		if (ret)
			atomic_store(&bw->error, ret);

		pthread_mutex_lock(&bw->lock);
		bw->queued_bytes -= job->raw.len;
		pthread_cond_signal(&bw->room);
		recycle(bw, job);
	}
	pthread_mutex_unlock(&bw->lock);

	/* The events' index last: with it, the others are there. */
	for (int s = N_STREAMS - 1; !ret && s >= 0; s--)
		ret = write_index(&bw->file[s], &p, s);
	if (ret)
		atomic_store(&bw->error, ret);
	ZSTD_freeCCtx(p.ctx);
	buf_release(&p.out);
	return NULL;
}

/* An empty buffer for the stream; under lock. */
static struct block_job *new_job(struct block_writer *bw, enum stream_id stream)
{
	struct block_job *job = bw->spare;

	if (job) {
		bw->spare = job->next;
		bw->n_spare--;
		buf_clear(&job->raw);
	} else {
		job = xcalloc(1, sizeof(*job));
	}
	buf_reserve(&job->raw, first_capacity[stream]);
	return job;
}

void block_push(struct block_writer *bw, enum stream_id stream)
{
	struct block_front *f = &bw->front[stream];
	struct block_job *job = f->job;
	bool counts = stream != STREAM_DATA;

	if (!job->raw.len)
		return;
	job->next = NULL;
	job->stream = stream;
	job->offset = f->offset;
	job->n_records = f->n_records;
	job->first = counts ? f->next_record - f->n_records : 0;
	job->data_end = stream == STREAM_EVENTS ? block_tell(bw, STREAM_DATA) : 0;
	job->mmaps_end = stream == STREAM_EVENTS ? block_tell(bw, STREAM_MMAPS) : 0;
	f->offset += job->raw.len;
	f->n_records = 0;

	pthread_mutex_lock(&bw->lock);
	while (bw->queued_bytes && bw->queued_bytes + job->raw.len > QUEUE_MAX_BYTES)
		pthread_cond_wait(&bw->room, &bw->lock);
	*bw->tail = job;
	bw->tail = &job->next;
	bw->queued_bytes += job->raw.len;
	pthread_cond_signal(&bw->more);
	f->job = new_job(bw, stream);
	pthread_mutex_unlock(&bw->lock);
}

void block_push_all(struct block_writer *bw)
{
	block_push(bw, STREAM_DATA);
	block_push(bw, STREAM_MMAPS);
	block_push(bw, STREAM_TASKS);
	block_push(bw, STREAM_EVENTS);
}

static int start_thread(struct block_writer *bw)
{
	sigset_t all, old;
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = -pthread_create(&bw->thread, NULL, writing_thread, bw);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return ret;
}

static void release(struct block_writer *bw)
{
	struct block_job *job;

	for (int s = 0; s < N_STREAMS; s++) {
		if (bw->file[s].fd >= 0)
			close(bw->file[s].fd);
		buf_release(&bw->file[s].index);
		if (bw->front[s].job) {
			buf_release(&bw->front[s].job->raw);
			free(bw->front[s].job);
		}
	}
	while ((job = bw->spare)) {
		bw->spare = job->next;
		buf_release(&job->raw);
		free(job);
	}
	pthread_mutex_destroy(&bw->lock);
	pthread_cond_destroy(&bw->more);
	pthread_cond_destroy(&bw->room);
}

int block_writer_open(struct block_writer *bw, int dirfd)
{
	int ret = 0;

	memset(bw, 0, sizeof(*bw));
	bw->tail = &bw->head;
	pthread_mutex_init(&bw->lock, NULL);
	pthread_cond_init(&bw->more, NULL);
	pthread_cond_init(&bw->room, NULL);
	for (int s = 0; s < N_STREAMS; s++) {
		struct block_file *f = &bw->file[s];

		f->fd = openat(dirfd, stream_names[s],
			       O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (f->fd < 0 && !ret)
			ret = -errno;
		f->next_record = bw->front[s].next_record = s == STREAM_DATA ? 0 : 1;
		bw->front[s].job = new_job(bw, s);
	}
	if (!ret)
		ret = start_thread(bw);
	if (ret)
		release(bw);
	return ret;
}

int block_writer_close(struct block_writer *bw)
{
	block_push_all(bw);
	pthread_mutex_lock(&bw->lock);
	bw->closing = true;
	pthread_cond_signal(&bw->more);
	pthread_mutex_unlock(&bw->lock);
	pthread_join(bw->thread, NULL);
	release(bw);
	return block_writer_error(bw);
}
