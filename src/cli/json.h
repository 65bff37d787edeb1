/*
 * JSON that scripts read. Text that came from outside may be any bytes: what is not UTF-8 becomes
 * \udcXX (a lone surrogate), from which Python's os.fsencode() makes the same bytes again.
 */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include "base/buf.h"

/* Append `text` as a string; NULL is "". */
void json_string(const char *text, struct buf *out);

/* Append a member of the top object, `  "KEY": [strings],`, without the comma if it is the last. */
void json_strings(const char *key, const char *const *values, size_t n, bool last, struct buf *out);

#endif
