/*
 * A hash map from a 64-bit key to a pointer or a number. Open addressing; deletion is allowed while
 * iterating over a copy of the keys only.
 *
 * map_init()/MAP_INIT: empty. map_release(): frees the table, not what the values point to.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/types.h"

struct map_slot {
	uint64_t key;
	uint64_t value;
	bool used;
};

struct map {
	struct map_slot *slots;
	size_t n_slots; /* a power of two, or 0 */
	size_t count;
};

#define MAP_INIT  \
	{         \
		0 \
	}

void map_init(struct map *m);
void map_release(struct map *m);

/* Make `dst`, which is empty, a copy. */
void map_copy(struct map *dst, const struct map *src);

/* The value stored under `key`: true and *value, or false. */
bool map_get(const struct map *m, uint64_t key, uint64_t *value);
/* Store, replacing what was there. */
void map_set(struct map *m, uint64_t key, uint64_t value);
/* Remove; nothing happens if it is not there. */
void map_del(struct map *m, uint64_t key);

static inline void *map_get_ptr(const struct map *m, uint64_t key)
{
	uint64_t v;

	return map_get(m, key, &v) ? (void *)(uintptr_t)v : NULL;
}

static inline void map_set_ptr(struct map *m, uint64_t key, void *p)
{
	map_set(m, key, (uintptr_t)p);
}

/* for each used slot: `struct map_slot *s`. The map must not change meanwhile. */
#define map_for_each(m, s)                                                        \
	for (struct map_slot *s = (m)->slots; s < (m)->slots + (m)->n_slots; s++) \
		if (s->used)

#endif
