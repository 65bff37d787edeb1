/*
 * What the tests of image/ share: files in memory, answers of other tools, checks.
 */
#ifndef TESTS_IMAGE_ELF_CHECK_H
#define TESTS_IMAGE_ELF_CHECK_H

#include "../check.h"

#include "base/buf.h"
#include "base/io.h"
#include "base/log.h"
#include "image/elf_tables.h"

#include <inttypes.h>

#define FAIL(...)                                                                              \
	do {                                                                                   \
		if (++failures < 50) /* one mistake may show at each of a million addresses */ \
			printf(__VA_ARGS__);                                                   \
	} while (0)

/* Call `fn` with each line that the command prints; how many there were. */
static inline size_t for_lines(const char *command, void (*fn)(void *ctx, char *line), void *ctx)
{
	FILE *out = popen(command, "r");
	char *line = NULL;
	size_t cap = 0, n = 0;

	if (!out)
		die("%s: %s", command, strerror(errno));
	while (getline(&line, &cap, out) >= 0) {
		line[strcspn(line, "\n")] = 0;
		fn(ctx, line);
		n++;
	}
	free(line);
	if (pclose(out))
		die("%s has failed", command);
	return n;
}

/* Both sorted and of one kind: the same ranges? */
static inline void compare_to(const char *what, const struct code_ranges *got,
			      const struct code_ranges *want)
{
	size_t i = 0, k = 0;

	while (i < got->n || k < want->n) {
		const struct code_range *g = i < got->n ? &got->v[i] : NULL;
		const struct code_range *w = k < want->n ? &want->v[k] : NULL;

		if (g && w && g->start == w->start && g->end == w->end) {
			i++;
			k++;
		} else if (g && (!w || g->start <= w->start)) {
			FAIL("%s: not expected: %" PRIx64 "-%" PRIx64 "\n", what, g->start, g->end);
			i++;
		} else {
			FAIL("%s: missing: %" PRIx64 "-%" PRIx64 "\n", what, w->start, w->end);
			k++;
		}
	}
}

/* The same addresses? */
static inline void compare_bits(const char *what, const struct code_bits *got,
				const struct code_bits *want)
{
	const uint64_t end = 1ULL << 47;
	uint64_t g = code_bits_next(got, 0, end), w = code_bits_next(want, 0, end);

	while (g < end || w < end) {
		if (g < w)
			FAIL("%s: target not expected: %" PRIx64 "\n", what, g);
		else if (w < g)
			FAIL("%s: target missing: %" PRIx64 "\n", what, w);
		if (g <= w && g < end)
			w = g == w ? code_bits_next(want, w + 1, end) : w,
			g = code_bits_next(got, g + 1, end);
		else
			w = code_bits_next(want, w + 1, end);
	}
}

static inline int compare_starts(const void *pa, const void *pb)
{
	const struct code_range *a = pa, *b = pb;

	return (a->start > b->start) - (a->start < b->start);
}

static inline void sort_ranges(struct code_ranges *r)
{
	if (r->n)
		qsort(r->v, r->n, sizeof(*r->v), compare_starts);
}

#endif
