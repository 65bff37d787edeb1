/*
 * Strings, each once, in the order in which they were added.
 */
#ifndef CLI_STRING_SET_H
#define CLI_STRING_SET_H

#include "base/map.h"

struct string_set {
	char **v;
	size_t n;
	struct map by_hash;
};

#define STRING_SET_INIT   \
	{                 \
		.v = NULL \
	}

/* Whether it was not there yet; a copy is kept. */
bool string_set_add(struct string_set *set, const char *s);
bool string_set_has(const struct string_set *set, const char *s);
/* By bytes. Nothing can be added or asked for afterwards. */
void string_set_sort(struct string_set *set);
void string_set_release(struct string_set *set);

#endif
