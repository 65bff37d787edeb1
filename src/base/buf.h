/*
 * A growing byte string. Always NUL-terminated behind `len`, so that text can be used in place.
 *
 * buf_init() makes an empty one that owns nothing (BUF_INIT does so statically); buf_release()
 * frees what it owns and makes it empty again; buf_clear() empties it and keeps the memory. Out of
 * memory ends the program: there is nothing sensible to do about it.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/types.h"

#include <stdarg.h>

struct buf {
	char *data; /* never NULL after the first addition */
	size_t len;
	size_t cap;
};

#define BUF_INIT  \
	{         \
		0 \
	}

/* See above. */
void buf_init(struct buf *b);
void buf_release(struct buf *b);
void buf_clear(struct buf *b);

/* Room for `n` more bytes; returns where they go. The length does not change. */
char *buf_reserve(struct buf *b, size_t n);
/* Lengthen by `n` bytes whose content is undefined; returns the first of them. */
void *buf_extend(struct buf *b, size_t n);

/* Append `n` bytes, a string without its NUL, one byte, or formatted text. */
void buf_add(struct buf *b, const void *data, size_t n);
void buf_addstr(struct buf *b, const char *s);
void buf_addch(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *b, const char *fmt, va_list ap);

/* The text, "" if empty. */
const char *buf_str(const struct buf *b);
/* Give the memory to the caller (free()); the buffer is empty afterwards. */
char *buf_detach(struct buf *b);

/* malloc family that ends the program when memory is out. */
void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
