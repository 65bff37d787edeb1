/*
 * Hash map with linear probing. Deleting moves later entries back, so there are no tombstones.
 */
#include "base/map.h"

#include "base/buf.h"

void map_copy(struct map *dst, const struct map *src)
{
	*dst = *src;
	if (!src->n_slots)
		return;
	dst->slots = xcalloc(src->n_slots, sizeof(*src->slots));
	memcpy(dst->slots, src->slots, src->n_slots * sizeof(*src->slots));
}

static size_t slot_of(const struct map *m, uint64_t key)
{
	return (size_t)((key * 0x9e3779b97f4a7c15ULL) >> 20) & (m->n_slots - 1);
}

static struct map_slot *find(const struct map *m, uint64_t key)
{
	size_t i = slot_of(m, key);

	while (m->slots[i].used && m->slots[i].key != key)
		i = (i + 1) & (m->n_slots - 1);
	return &m->slots[i];
}

void map_init(struct map *m)
{
	*m = (struct map)MAP_INIT;
}

void map_release(struct map *m)
{
	free(m->slots);
	map_init(m);
}

bool map_get(const struct map *m, uint64_t key, uint64_t *value)
{
	struct map_slot *s;

	if (!m->count)
		return false;
	s = find(m, key);
	if (s->used)
		*value = s->value;
	return s->used;
}

static void grow(struct map *m)
{
	struct map old = *m;

	m->n_slots = old.n_slots ? 2 * old.n_slots : 16;
	m->slots = xcalloc(m->n_slots, sizeof(*m->slots));
	for (size_t i = 0; i < old.n_slots; i++)
		if (old.slots[i].used)
			*find(m, old.slots[i].key) = old.slots[i];
	free(old.slots);
}

void map_set(struct map *m, uint64_t key, uint64_t value)
{
	struct map_slot *s;

	if (2 * (m->count + 1) > m->n_slots)
		grow(m);
	s = find(m, key);
	if (!s->used)
		m->count++;
	*s = (struct map_slot){.key = key, .value = value, .used = true};
}

void map_del(struct map *m, uint64_t key)
{
	size_t hole, i;

	if (!m->count)
		return;
	hole = find(m, key) - m->slots;
	if (!m->slots[hole].used)
		return;
	m->count--;
	for (i = hole;;) {
		size_t home;

		i = (i + 1) & (m->n_slots - 1);
		if (!m->slots[i].used)
			break;
		home = slot_of(m, m->slots[i].key);
		/* Entry i may fill the hole unless its home lies cyclically in (hole, i]. */
		if (((i - home) & (m->n_slots - 1)) >= ((i - hole) & (m->n_slots - 1))) {
			m->slots[hole] = m->slots[i];
			hole = i;
		}
	}
	m->slots[hole].used = false;
}
