/*
 * An image for people: its patches and their stubs, disassembled; and whether all that it says of
 * itself is so.
 */
#ifndef CLI_IMAGE_SHOW_H
#define CLI_IMAGE_SHOW_H

#include "base/buf.h"
#include "image/image.h"

/* A file's address; those of stubs may be negative. */
void format_vaddr(int64_t vaddr, struct buf *out);

/*
 * Write the windows that have a byte in [start, end), or whose stub has, to stdout: original and
 * patched instructions, the stub's, each with what it is. How many there were.
 */
size_t image_show(const struct image *im, int64_t start, int64_t end);

/*
 * Check an image against the file that it was made from: all text is the file's but for the
 * patches, and these are its bytes; each patch leads to a stub, whose instructions begin where the
 * tables say so; addresses lead from the original to the stub and back. 0, or the number of
 * mistakes, the first of which are described in `why`, a line each.
 */
size_t image_check(const struct image *im, const uint8_t *file, size_t size, struct buf *why);

#endif
