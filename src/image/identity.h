/*
 * Which file an image was made from.
 *
 * The identity is a checksum of all bytes that image_build() may look at, not the build-id: files
 * of one build-id can differ (stripped, edited). Sections that only debuggers read are left out,
 * since they can be gigabytes. That nothing depends on them is ensured, not assumed:
 * identity_copy(), from which images are built, has zeros there.
 */
#ifndef IMAGE_IDENTITY_H
#define IMAGE_IDENTITY_H

#include "base/types.h"

struct identity {
	uint64_t hash;
	uint64_t size; /* of the file */
};

/* 0; -ENOEXEC: no 64-bit x86 ELF file; -EAGAIN: it became shorter meanwhile; or -errno. */
int identity_of(int fd, struct identity *id);

/* The same, and the bytes that were looked at, others being 0, as a mapping of id->size bytes (to
 * be unmapped by munmap()) that no later change of the file reaches. */
int identity_copy(int fd, struct identity *id, uint8_t **bytes);

/*
 * What the kernel says of a file: as long as this is the same, so is the content. `lasting` tells
 * whether that may be relied on: the file has not been changed for some seconds (timestamps have a
 * grain), and it is on a file system that dates every change, also those through a mapping.
 */
struct stamp {
	uint64_t dev, ino, size, mtime_s, mtime_ns, ctime_s, ctime_ns, fsid;
};

int stamp_of(int fd, struct stamp *s, bool *lasting);

#endif
