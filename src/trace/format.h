/*
 * How a trace lies in its files: block headers, limits, checksums. Private to src/trace and its
 * tests; trace.proto tells the same to others. Structs are read and written as they are: x86 is
 * little-endian, and the asserts hold their layout.
 *
 * The limits are what a reader accepts of an untrusted trace; the writer keeps them too.
 */
#ifndef TRACE_FORMAT_H
#define TRACE_FORMAT_H

#include "base/types.h"
#include "base/xxh64.h"

#define BLOCK_MAGIC   0x31427272u	    /* "rrB1" */
#define INDEX_MAGIC   0x31497272u	    /* "rrI1" */
#define TRAILER_MAGIC 0x315845444e497272ull /* "rrINDEX1" */

enum stream_id {
	STREAM_EVENTS,
	STREAM_DATA,
	STREAM_MMAPS,
	STREAM_TASKS,
	N_STREAMS,
};

extern const char *const stream_names[N_STREAMS]; /* of the files */

enum block_codec {
	CODEC_STORED,
	CODEC_ZSTD,
};

struct block_header {
	uint32_t magic;
	uint8_t stream;
	uint8_t codec;
	uint16_t zero16;
	uint32_t raw_len;
	uint32_t packed_len;
	uint64_t offset; /* bytes of the stream before this block */
	uint64_t first;	 /* number of its first record */
	uint32_t n_records;
	uint32_t zero32;
	uint64_t data_end;  /* events: length of `data` that they need */
	uint64_t mmaps_end; /* events: length of `mmaps` that they need */
	uint64_t zero64[2];
	uint64_t checksum;
};
_Static_assert(sizeof(struct block_header) == 80, "on disk");
_Static_assert(offsetof(struct block_header, checksum) == 72, "on disk");

struct index_entry {
	uint64_t pos; /* of the block in the file */
	uint64_t offset;
	uint64_t first;
};
_Static_assert(sizeof(struct index_entry) == 24, "on disk");

struct index_trailer {
	uint64_t index_pos;
	uint64_t magic;
};
_Static_assert(sizeof(struct index_trailer) == 16, "on disk");

/*
 * An events block is decoded from its start to reach an event in it, so it is small; `data` blocks
 * are only limited by what a read wants to decompress for a few bytes.
 */
#define EVENTS_BLOCK_SIZE  (64u << 10)
#define RECORDS_BLOCK_SIZE (256u << 10)
#define DATA_BLOCK_SIZE	   (1u << 20)
#define BLOCK_RAW_MAX	   (256u << 20)	   /* a single record may be as long as that */
#define QUEUE_MAX_BYTES	   (16u << 20)	   /* that wait for the writing thread */
#define FLUSH_INTERVAL_NS  250000000ull	   /* at most that much is lost by kill -9 */
#define EVENT_DATA_MAX	   (2304ull << 20) /* more than one read(2) or writev(2) can transfer */
#define FPREGS_MAX	   (64u << 10)
#define INFO_MAX	   (64u << 20) /* version, args_env */
#define REGS_WORDS	   27	       /* struct user_regs_struct */
#define SIGINFO_BYTES	   128
#define STACK_BYTES_MAX	   1024 /* of a point that is no safepoint */
#define WORDS_BYTES_MAX	   1024 /* likewise */
#define N_TRACE_ARCHS	   2	/* enum abi_arch, which lies above this layer */

uint64_t block_checksum(const struct block_header *h, const void *payload);

/* Set by fuzzers: accept any checksum, so that what lies behind it is reached. */
extern bool trace_skip_checksums;
/* Set by those who make their seeds: do not compress, so that a changed byte is a changed byte. */
extern bool trace_store_blocks;

#endif
