/*
 * JSON. See json.h.
 */
#include "cli/json.h"

/* Length of the well-formed UTF-8 character at `s` (Unicode, table 3-7); 0 if it is none. */
static size_t utf8_length(const unsigned char *s)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t n;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++) {
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	}
	return n;
}

void json_string(const char *text, struct buf *out)
{
	const unsigned char *s = (const unsigned char *)(text ? text : "");

	buf_addch(out, '"');
	while (*s) {
		size_t n = utf8_length(s);

		if (!n)
			buf_addf(out, "\\udc%02x", *s++);
		else if (*s == '"' || *s == '\\')
			buf_addf(out, "\\%c", *s++);
		else if (*s < 0x20 || *s == 0x7f)
			buf_addf(out, "\\u%04x", *s++);
		else {
			buf_add(out, s, n);
			s += n;
		}
	}
	buf_addch(out, '"');
}

void json_strings(const char *key, const char *const *values, size_t n, bool last, struct buf *out)
{
	buf_addf(out, "  \"%s\": [", key);
	for (size_t i = 0; i < n; i++) {
		buf_addstr(out, i ? ",\n    " : "\n    ");
		json_string(values[i], out);
	}
	buf_addf(out, "\n  ]%s\n", last ? "" : ",");
}
