/*
 * What the files of a trace share: the streams' names, and a block's checksum.
 */
#include "trace/format.h"

const char *const stream_names[N_STREAMS] = {
	[STREAM_EVENTS] = "events",
	[STREAM_DATA] = "data",
	[STREAM_MMAPS] = "mmaps",
	[STREAM_TASKS] = "tasks",
};

bool trace_skip_checksums;
bool trace_store_blocks;

uint64_t block_checksum(const struct block_header *h, const void *payload)
{
	return xxh64(h, offsetof(struct block_header, checksum), xxh64(payload, h->packed_len, 0));
}
