/*
 * Records <-> protobuf messages (trace.proto), and what is allowed in them. Both directions check,
 * by the same functions: the writer so that a mistake shows where it is made, the reader because
 * traces are untrusted.
 */
#ifndef TRACE_CODEC_H
#define TRACE_CODEC_H

#include "base/buf.h"
#include "base/map.h"
#include "trace/format.h"
#include "trace/trace.h"

/*
 * Memory that is given back all at once. Allocation fails (NULL) past a limit, since an untrusted
 * record can ask for many times its own length.
 */
struct arena {
	char *base;  /* the chunk that is kept */
	char *cur;   /* the chunk in use, of CHUNK_BYTES like `base` */
	size_t used; /* of `cur` */
	void **more; /* all others, freed at the next reset */
	size_t n_more, more_bytes;
};

void arena_init(struct arena *a);
void arena_release(struct arena *a);
void arena_reset(struct arena *a);
void *arena_alloc(struct arena *a, size_t n);
/* A copy with a NUL behind it; NULL if it contains one, or without memory. */
const char *arena_string(struct arena *a, const void *data, size_t len);

/* What the differences in a block of events refer to; the same when writing and reading. */
struct codec_task {
	uint64_t ticks;
	uint64_t regs[REGS_WORDS];
};

struct event_codec {
	struct map by_tid; /* index into tasks */
	struct codec_task *tasks;
	size_t n_tasks, cap_tasks;
	pid_t last_tid; /* the map's latest answer; 0: none */
	size_t last;
	uint64_t time;
	struct buf scratch;	      /* writing: messages that cannot lie on the stack */
	uint64_t regs[2][REGS_WORDS]; /* reading: where an event's regs and regs_after are */
};

/* Where the bulk of an event lies in the other streams. */
struct event_place {
	uint64_t data_offset, data_len;
	uint64_t maps_offset, maps_len;
};

void codec_init(struct event_codec *c);
void codec_release(struct event_codec *c);
/* A block begins. */
void codec_reset(struct event_codec *c);

/* NULL, or what is wrong with it. */
const char *check_event(const struct trace_event *ev);
const char *check_mapping(const struct trace_mapping *m);
const char *check_task(const struct trace_task *t);

/* Append a record, its length first. -E2BIG if it is too long. The event has been checked. */
int encode_event(struct event_codec *c, const struct trace_event *ev,
		 const struct event_place *place, struct buf *out);
int encode_mapping(const struct trace_mapping *m, event_t event, struct buf *out);
int encode_task(const struct trace_task *t, struct buf *out);

/*
 * Take one record off a block: `*p` advances past it. NULL, or what is wrong (checks included).
 *
 * decode_event leaves the bulk to the caller: the `data` of fpregs, writes[] and file_writes[] is
 * NULL while their lengths are set and add up to place->data_len; n_maps is 0. `maps_event` gets
 * the number in a mapping's record. Results live in the arena (registers: in the codec).
 */
const char *decode_event(struct event_codec *c, struct arena *a, const uint8_t **p,
			 const uint8_t *end, struct trace_event *ev, struct event_place *place);
const char *decode_mapping(struct arena *a, const uint8_t **p, const uint8_t *end,
			   struct trace_mapping *m, event_t *maps_event);
const char *decode_task(struct arena *a, const uint8_t **p, const uint8_t *end,
			struct trace_task *t);

/* For info.c: unpack with the arena as the allocator. `desc` is a ProtobufCMessageDescriptor. */
void *arena_unpack(struct arena *a, const void *desc, const uint8_t *data, size_t len);

#endif
