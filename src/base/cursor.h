/*
 * Reading numbers out of bytes that nobody vouches for. A position that would run off the end turns
 * bad instead, once and for all; what is read there is 0.
 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include "base/types.h"

#include <string.h>

struct cursor {
	const uint8_t *p, *end;
	uint64_t at; /* of `p`: an address or an offset, as the caller counts */
	bool bad;
};

static inline uint16_t load16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t load32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t load64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t cursor_left(const struct cursor *c)
{
	return (uint64_t)(c->end - c->p);
}

/* The next `n` bytes, or NULL. */
static inline const uint8_t *cursor_take(struct cursor *c, uint64_t n)
{
	const uint8_t *p = c->p;

	if (n > cursor_left(c)) {
		c->bad = true;
		return NULL;
	}
	c->p += n;
	c->at += n;
	return p;
}

static inline uint8_t cursor_u8(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 1);

	return p ? *p : 0;
}

static inline uint16_t cursor_u16(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 2);

	return p ? load16(p) : 0;
}

static inline uint32_t cursor_u32(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 4);

	return p ? load32(p) : 0;
}

static inline uint64_t cursor_u64(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 8);

	return p ? load64(p) : 0;
}

/* LEB128, of either kind (DWARF 5, 7.6); bits above 64 are dropped, and more than 11 bytes are bad.
 */
uint64_t cursor_leb128(struct cursor *c, bool is_signed);
/* A string with its end, which the cursor moves behind; "" if there is no end. */
const char *cursor_string(struct cursor *c);

#endif
