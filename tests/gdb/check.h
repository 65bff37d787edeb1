/*
 * What the tests of src/gdb share.
 */
#ifndef TESTS_GDB_CHECK_H
#define TESTS_GDB_CHECK_H

#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(cond)                                                                        \
	do {                                                                               \
		if (!(cond)) {                                                             \
			fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #cond); \
			exit(1);                                                           \
		}                                                                          \
	} while (0)

/* Bytes as C would write them, so that what was wrong can be read. */
static inline void add_shown(struct buf *out, const void *data, size_t n)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < n; i++) {
		if (p[i] >= ' ' && p[i] <= '~' && p[i] != '\\')
			buf_addch(out, (char)p[i]);
		else
			buf_addf(out, "\\x%02x", p[i]);
	}
}

#endif
