/*
 * The reader's memory: a bump allocator that is emptied before each record. One chunk serves all
 * ordinary records; what does not fit comes from malloc() until the next reset.
 */
#include "trace/codec.h"

#include "trace.pb-c.h"

#define CHUNK_BYTES (64u << 10)
#define ARENA_MAX   (1u << 30)

void arena_init(struct arena *a)
{
	memset(a, 0, sizeof(*a));
	a->base = a->cur = xmalloc(CHUNK_BYTES);
}

void arena_reset(struct arena *a)
{
	while (a->n_more)
		free(a->more[--a->n_more]);
	a->more_bytes = 0;
	a->cur = a->base;
	a->used = 0;
}

void arena_release(struct arena *a)
{
	arena_reset(a);
	free(a->more);
	free(a->base);
	memset(a, 0, sizeof(*a));
}

static void *alloc_block(struct arena *a, size_t n)
{
	void *p;

	if (n > ARENA_MAX || a->more_bytes + n > ARENA_MAX)
		return NULL;
	p = malloc(n);
	if (!p)
		return NULL;
	/* The table doubles whenever its length is a power of two. */
	if (!(a->n_more & (a->n_more - 1)))
		a->more = xrealloc(a->more, (a->n_more ? 2 * a->n_more : 1) * sizeof(*a->more));
	a->more[a->n_more++] = p;
	a->more_bytes += n;
	return p;
}

void *arena_alloc(struct arena *a, size_t n)
{
	char *p;

	if (n > CHUNK_BYTES / 4)
		return alloc_block(a, n);
	n = (n + 15) & ~(size_t)15;
	if (a->used + n > CHUNK_BYTES) {
		p = alloc_block(a, CHUNK_BYTES);
		if (!p)
			return NULL;
		a->cur = p;
		a->used = 0;
	}
	p = a->cur + a->used;
	a->used += n;
	return p;
}

const char *arena_string(struct arena *a, const void *data, size_t len)
{
	char *s;

	if (len && memchr(data, 0, len))
		return NULL;
	s = arena_alloc(a, len + 1);
	if (!s)
		return NULL;
	if (len)
		memcpy(s, data, len);
	s[len] = 0;
	return s;
}

static void *pb_alloc(void *arena, size_t n)
{
	return arena_alloc(arena, n);
}

static void pb_free(void *arena, void *p)
{
}

void *arena_unpack(struct arena *a, const void *desc, const uint8_t *data, size_t len)
{
	ProtobufCAllocator alloc = {.alloc = pb_alloc, .free = pb_free, .allocator_data = a};

	return protobuf_c_message_unpack(desc, &alloc, len, data);
}
