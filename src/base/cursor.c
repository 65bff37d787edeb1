/*
 * What of cursor.h is longer than a line.
 */
#include "base/cursor.h"

uint64_t cursor_leb128(struct cursor *c, bool is_signed)
{
	uint64_t v = 0;
	unsigned int shift = 0;

	for (;;) {
		uint8_t byte = cursor_u8(c);

		if (shift < 64)
			v |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
		if (byte & 0x80) {
			if (shift > 70)
				c->bad = true;
			if (!c->bad)
				continue;
		} else if (is_signed && shift < 64 && (byte & 0x40)) {
			v |= ~0ULL << shift;
		}
		return c->bad ? 0 : v;
	}
}

const char *cursor_string(struct cursor *c)
{
	const uint64_t left = cursor_left(c);
	const uint8_t *end = left ? memchr(c->p, 0, left) : NULL;

	if (!end) {
		c->bad = true;
		return "";
	}
	return (const char *)cursor_take(c, (uint64_t)(end - c->p) + 1);
}
