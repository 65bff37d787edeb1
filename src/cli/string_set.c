/*
 * A set of strings. See string_set.h.
 */
#include "cli/string_set.h"

#include "base/buf.h"
#include "base/xxh64.h"

/* Where it is, or the key under which it would be: of strings with one hash, the others have the
 * next ones. */
static bool find(const struct string_set *set, const char *s, uint64_t *key)
{
	uint64_t i;

	*key = xxh64(s, strlen(s), 0);
	for (; map_get(&set->by_hash, *key, &i); ++*key) {
		if (!strcmp(set->v[i], s))
			return true;
	}
	return false;
}

bool string_set_has(const struct string_set *set, const char *s)
{
	uint64_t key;

	return find(set, s, &key);
}

bool string_set_add(struct string_set *set, const char *s)
{
	uint64_t key;

	if (find(set, s, &key))
		return false;
	/* The count is a power of two whenever the array is full. */
	if (!(set->n & (set->n - 1)))
		set->v = xrealloc(set->v, (set->n ? 2 * set->n : 1) * sizeof(*set->v));
	map_set(&set->by_hash, key, set->n);
	set->v[set->n++] = xstrdup(s);
	return true;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void string_set_sort(struct string_set *set)
{
	map_release(&set->by_hash);
	if (set->n)
		qsort(set->v, set->n, sizeof(*set->v), by_bytes);
}

void string_set_release(struct string_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		free(set->v[i]);
	free(set->v);
	map_release(&set->by_hash);
	*set = (struct string_set)STRING_SET_INIT;
}
