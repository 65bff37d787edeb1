/*
 * The writing end of the streams: the caller fills a buffer per stream, a thread compresses and
 * writes full ones in the order in which they were given (format.h, trace.proto).
 *
 * A block given later is on disk later, in whatever stream; that is what lets an event rely on its
 * data. The first error stops all writing: what is on disk then is a prefix of what was given.
 */
#ifndef TRACE_BLOCK_WRITE_H
#define TRACE_BLOCK_WRITE_H

#include "base/buf.h"
#include "trace/format.h"

#include <pthread.h>
#include <stdatomic.h>

struct block_job {
	struct block_job *next;
	struct buf raw;
	enum stream_id stream;
	uint64_t offset, first;
	uint32_t n_records;
	uint64_t data_end, mmaps_end;
};

/* What the thread knows of a stream: nobody else touches it while the thread runs. */
struct block_file {
	int fd;
	uint64_t pos;
	struct buf index; /* struct index_entry[] */
	uint64_t raw_total, next_record;
};

/* What the caller knows of a stream. */
struct block_front {
	struct block_job *job; /* being filled; never NULL */
	uint64_t offset;       /* bytes given before it */
	uint64_t next_record;  /* number that the next record gets */
	uint32_t n_records;    /* in it so far */
};

struct block_writer {
	struct block_front front[N_STREAMS];
	struct block_file file[N_STREAMS];

	atomic_int error; /* the first -errno; 0 */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more, room;
	struct block_job *head, **tail; /* under lock, as are those below */
	struct block_job *spare;
	size_t queued_bytes;
	unsigned n_spare;
	bool closing;
};

/* Create the files in the directory and start the thread; 0 or -errno (then nothing is left open).
 */
int block_writer_open(struct block_writer *bw, int dirfd);

/* Hand over what the stream's buffer holds, if anything. Waits only if far too much is queued. */
void block_push(struct block_writer *bw, enum stream_id stream);
/* All streams, events last. */
void block_push_all(struct block_writer *bw);

/* Write the rest and the indexes, and end the thread. 0 or the first error. */
int block_writer_close(struct block_writer *bw);

static inline int block_writer_error(struct block_writer *bw)
{
	return atomic_load_explicit(&bw->error, memory_order_relaxed);
}

static inline struct buf *block_buf(struct block_writer *bw, enum stream_id stream)
{
	return &bw->front[stream].job->raw;
}

/* Position in the stream of the next byte that goes into the buffer. */
static inline uint64_t block_tell(const struct block_writer *bw, enum stream_id stream)
{
	return bw->front[stream].offset + bw->front[stream].job->raw.len;
}

/* Count the record that the caller just appended to the buffer. */
static inline void block_record_added(struct block_writer *bw, enum stream_id stream)
{
	bw->front[stream].n_records++;
	bw->front[stream].next_record++;
}

#endif
