/*
 * Finding, checking and decompressing blocks. Blocks are read with pread(2), not mapped: a file
 * that is truncated under a mapping kills the process.
 */
#include "trace/block_read.h"

#include "base/io.h"
#include "base/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t raw_max(const struct block_reader *br)
{
	return br->id == STREAM_DATA ? DATA_BLOCK_SIZE : BLOCK_RAW_MAX;
}

/*
 * What is wrong with a header by itself. `room`: bytes of the file from the header's start to where
 * its block must have ended.
 */
static const char *check_header(const struct block_reader *br, const struct block_header *h,
				uint32_t magic, uint64_t room)
{
	bool index = magic == INDEX_MAGIC;
	uint64_t most = index ? BLOCK_RAW_MAX : raw_max(br);

	if (h->magic != magic || h->stream != br->id || h->codec > CODEC_ZSTD || h->zero16 ||
	    h->zero32 || h->zero64[0] || h->zero64[1])
		return "no block where one should be";
	if (h->packed_len > room - sizeof(*h))
		return "cut-off block";
	if (h->raw_len > most || (h->codec == CODEC_STORED && h->raw_len != h->packed_len) ||
	    h->offset + h->raw_len < h->offset || h->first + h->n_records < h->first)
		return "bad block header";
	if (!index && (!h->raw_len || (br->id == STREAM_DATA) != !h->n_records))
		return "bad block header";
	return NULL;
}

/* Header and payload of the block at `pos`, checked, into br->packed; `room` as above. */
static const char *read_block(struct block_reader *br, uint64_t pos, uint64_t room, uint32_t magic,
			      struct block_header *h)
{
	const char *why;
	ssize_t n;

	if (room < sizeof(*h) || pread_full(br->fd, h, sizeof(*h), pos) != sizeof(*h))
		return "cut-off block";
	why = check_header(br, h, magic, room);
	if (why)
		return why;
	buf_clear(&br->packed);
	buf_reserve(&br->packed, h->packed_len);
	n = pread_full(br->fd, br->packed.data, h->packed_len, pos + sizeof(*h));
	if (n < 0)
		return strerror(-n);
	if ((size_t)n != h->packed_len)
		return "cut-off block";
	if (!trace_skip_checksums && block_checksum(h, br->packed.data) != h->checksum)
		return "wrong checksum";
	return NULL;
}

/* Decompress br->packed into br->raw. */
static const char *unpack_block(struct block_reader *br, const struct block_header *h)
{
	if (h->codec == CODEC_ZSTD &&
	    ZSTD_getFrameContentSize(br->packed.data, h->packed_len) != h->raw_len)
		return "bad compressed block";
	if (h->raw_len > br->raw_cap || !br->raw) {
		free(br->raw);
		br->raw_cap = max_u64(h->raw_len, 4096);
		br->raw = xmalloc(br->raw_cap);
	}
	if (h->codec == CODEC_STORED)
		memcpy(br->raw, br->packed.data, h->raw_len);
	else if (ZSTD_decompressDCtx(br->dctx, br->raw, h->raw_len, br->packed.data,
				     h->packed_len) != h->raw_len)
		return "bad compressed block";
	return NULL;
}

const char *block_load(struct block_reader *br, size_t i)
{
	const struct index_entry *e = &br->blocks[i];
	bool last = i + 1 == br->n_blocks;
	uint64_t end = last ? br->end_pos : e[1].pos;
	uint64_t raw_end = last ? br->raw_total : e[1].offset;
	uint64_t next = last ? br->next_record : e[1].first;
	const char *why;

	if (br->cur == i)
		return NULL;
	br->cur = SIZE_MAX;
	why = read_block(br, e->pos, end - e->pos, BLOCK_MAGIC, &br->header);
	if (why)
		return why;
	if (br->header.offset != e->offset || br->header.first != e->first ||
	    e->offset + br->header.raw_len != raw_end || e->first + br->header.n_records != next)
		return "block and index do not agree";
	why = unpack_block(br, &br->header);
	if (!why)
		br->cur = i;
	return why;
}

size_t block_find(const struct block_reader *br, uint64_t number, bool by_record)
{
	size_t lo = 0, hi = br->n_blocks;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;
		const struct index_entry *e = &br->blocks[mid];

		if ((by_record ? e->first : e->offset) <= number)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

const char *block_range(struct block_reader *br, uint64_t offset, uint64_t len, const uint8_t **out)
{
	const char *why;
	size_t i;

	if (offset > br->raw_total || len > br->raw_total - offset)
		return "refers to bytes that are not there";
	if (!len) {
		*out = (const uint8_t *)"";
		return NULL;
	}
	i = block_find(br, offset, false);
	why = block_load(br, i);
	if (why)
		return why;
	if (offset + len <= br->header.offset + br->header.raw_len) {
		*out = br->raw + (offset - br->header.offset);
		return NULL;
	}
	buf_clear(&br->joined);
	while (len) {
		uint64_t skip = offset - br->header.offset;
		uint64_t n = min_u64(len, br->header.raw_len - skip);

		buf_add(&br->joined, br->raw + skip, n);
		offset += n;
		len -= n;
		if (len && (why = block_load(br, ++i)))
			return why;
	}
	*out = (const uint8_t *)br->joined.data;
	return NULL;
}

/* --- the list of blocks --- */

static void add_block(struct block_reader *br, const struct index_entry *e,
		      const struct block_needs *needs)
{
	if (br->n_blocks == br->cap_blocks) {
		br->cap_blocks = br->cap_blocks ? 2 * br->cap_blocks : 64;
		br->blocks = xrealloc(br->blocks, br->cap_blocks * sizeof(*br->blocks));
		br->needs = xrealloc(br->needs, br->cap_blocks * sizeof(*br->needs));
	}
	br->needs[br->n_blocks] = *needs;
	br->blocks[br->n_blocks++] = *e;
}

/* Without an index: block after block, as long as they are whole and follow on each other. */
static void walk(struct block_reader *br, uint64_t file_size)
{
	struct block_header h;

	while (br->end_pos < file_size &&
	       !read_block(br, br->end_pos, file_size - br->end_pos, BLOCK_MAGIC, &h)) {
		struct index_entry e = {br->end_pos, h.offset, h.first};
		struct block_needs needs = {h.data_end, h.mmaps_end};

		if (h.offset != br->raw_total || h.first != br->next_record)
			break;
		add_block(br, &e, &needs);
		br->end_pos += sizeof(h) + h.packed_len;
		br->raw_total += h.raw_len;
		br->next_record += h.n_records;
	}
}

/* The entries must lie in order and inside the file, and leave room for a header. */
static bool index_ok(const struct block_reader *br, const struct index_entry *e, size_t n,
		     uint64_t index_pos, const struct block_header *h)
{
	uint64_t first = br->id == STREAM_DATA ? 0 : 1;
	struct index_entry end = {index_pos, h->offset, h->first};

	if (!n)
		return index_pos == 0 && h->offset == 0 && h->first == first;
	if (e[0].pos || e[0].offset || e[0].first != first)
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct index_entry *next = i + 1 < n ? &e[i + 1] : &end;

		if (next->pos < e[i].pos || next->pos - e[i].pos <= sizeof(struct block_header) ||
		    next->offset <= e[i].offset || next->offset - e[i].offset > raw_max(br))
			return false;
		if (br->id == STREAM_DATA ? next->first != 0 : next->first <= e[i].first)
			return false;
	}
	return true;
}

static bool load_index(struct block_reader *br, uint64_t file_size)
{
	const struct block_needs no_needs = {0, 0};
	struct index_trailer t;
	struct block_header h;
	uint64_t trailer_pos = file_size - sizeof(t);
	const struct index_entry *e;

	if (file_size < sizeof(t) + sizeof(h) ||
	    pread_full(br->fd, &t, sizeof(t), trailer_pos) != sizeof(t) ||
	    t.magic != TRAILER_MAGIC || t.index_pos > trailer_pos - sizeof(h))
		return false;
	if (read_block(br, t.index_pos, trailer_pos - t.index_pos, INDEX_MAGIC, &h) ||
	    h.raw_len != (uint64_t)h.n_records * sizeof(*e) ||
	    t.index_pos + sizeof(h) + h.packed_len != trailer_pos || unpack_block(br, &h))
		return false;
	e = (const struct index_entry *)br->raw;
	if (!index_ok(br, e, h.n_records, t.index_pos, &h))
		return false;
	for (size_t i = 0; i < h.n_records; i++)
		add_block(br, &e[i], &no_needs);
	br->end_pos = t.index_pos;
	br->raw_total = h.offset;
	br->next_record = h.first;
	return true;
}

int block_reader_open(struct block_reader *br, int dirfd, enum stream_id id, bool use_index)
{
	struct stat st;
	int ret = 0;

	memset(br, 0, sizeof(*br));
	br->id = id;
	br->cur = SIZE_MAX;
	br->fd = openat(dirfd, stream_names[id],
			O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (br->fd < 0)
		return -errno;
	br->dctx = ZSTD_createDCtx();
	if (!br->dctx)
		ret = -ENOMEM;
	else if (fstat(br->fd, &st) < 0)
		ret = -errno;
	else if (!S_ISREG(st.st_mode))
		ret = -EBADMSG;
	if (ret) {
		block_reader_close(br);
		return ret;
	}
	br->next_record = id == STREAM_DATA ? 0 : 1;
	br->indexed = load_index(br, st.st_size);
	if (br->indexed && use_index)
		return 0;
	br->n_blocks = 0;
	br->end_pos = br->raw_total = 0;
	br->next_record = id == STREAM_DATA ? 0 : 1;
	walk(br, st.st_size);
	return 0;
}

void block_reader_close(struct block_reader *br)
{
	if (br->fd >= 0)
		close(br->fd);
	if (br->dctx)
		ZSTD_freeDCtx(br->dctx);
	free(br->blocks);
	free(br->needs);
	free(br->raw);
	buf_release(&br->packed);
	buf_release(&br->joined);
	memset(br, 0, sizeof(*br));
	br->fd = -1;
}

void block_reader_cut(struct block_reader *br, size_t n)
{
	if (n >= br->n_blocks)
		return;
	br->end_pos = br->blocks[n].pos;
	br->raw_total = br->blocks[n].offset;
	br->next_record = br->blocks[n].first;
	br->n_blocks = n;
	br->cur = SIZE_MAX;
}
