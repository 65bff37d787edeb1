/*
 * The reading end of a stream: where its blocks are, and their content. Everything in the file is
 * untrusted; a block is handed out only after its header, its place among the others and its
 * checksum were found right.
 */
#ifndef TRACE_BLOCK_READ_H
#define TRACE_BLOCK_READ_H

#include "base/buf.h"
#include "trace/format.h"

#include <zstd.h>

struct block_reader {
	enum stream_id id;
	int fd;
	bool indexed; /* the stream was finished */
	struct index_entry *blocks;
	size_t n_blocks, cap_blocks;
	uint64_t end_pos;     /* where the last block ends in the file */
	uint64_t raw_total;   /* bytes of the stream */
	uint64_t next_record; /* 1 + number of records; 0 in `data` */

	size_t cur; /* the block that is loaded; SIZE_MAX: none */
	struct block_header header;
	uint8_t *raw;
	size_t raw_cap;
	struct buf packed;
	ZSTD_DCtx *dctx;
	struct buf joined;

	/* What an unfinished events stream needs of the others, one per block. */
	struct block_needs {
		uint64_t data_end, mmaps_end;
	} * needs;
};

/*
 * Open the stream in the trace's directory. The index is used if there is one and `use_index`; else
 * all blocks are read and checked, up to the first that is not whole. 0 or -errno (-EBADMSG: not a
 * stream).
 */
int block_reader_open(struct block_reader *br, int dirfd, enum stream_id id, bool use_index);
void block_reader_close(struct block_reader *br);

/* Forget the blocks from number `n` on. */
void block_reader_cut(struct block_reader *br, size_t n);

/* Make block `i` the loaded one. NULL, or what is wrong with it. */
const char *block_load(struct block_reader *br, size_t i);

/* The block that holds record `number` (by_record) or byte `number`, which is in the stream. */
size_t block_find(const struct block_reader *br, uint64_t number, bool by_record);

/*
 * `len` bytes from `offset`; valid until the next call on this stream. NULL, or what is wrong.
 */
const char *block_range(struct block_reader *br, uint64_t offset, uint64_t len,
			const uint8_t **out);

#endif
