/*
 * What of one address space is instrumented: which images are mapped, and where. Pure data, kept by
 * whoever maps and unmaps: the recorder, the replayer. All addresses are the process's own.
 *
 * image_space_init() (or zeros) makes an empty one; image_space_clear() empties it again, as an
 * exec does, and owns nothing then; image_space_copy() is for a fork.
 */
#ifndef IMAGE_SPACE_H
#define IMAGE_SPACE_H

#include "image/image.h"

struct image_range {
	raddr_t start, end;
	uint64_t bias; /* process address minus the file's */
	struct image *image;
	bool stubs; /* else patched text */
};

struct image_space {
	struct image_range *ranges; /* sorted, without overlaps */
	size_t n, cap;
};

void image_space_init(struct image_space *s);
void image_space_clear(struct image_space *s);
/* Make `dst`, which is empty, a copy. */
void image_space_copy(struct image_space *dst, const struct image_space *src);

/*
 * An image was mapped with its first address 0 at `bias` (so text of it lies at its vaddr + bias):
 * patched text at [text, text_end), of any part of its texts, and stubs at [stubs, stubs_end); an
 * empty range is none. What was known of these addresses is forgotten: the mapping replaced it. The
 * space becomes one more user of the image (image_share()).
 */
void image_space_add(struct image_space *s, struct image *im, uint64_t bias, raddr_t text,
		     raddr_t text_end, raddr_t stubs, raddr_t stubs_end);
/* [start, end) was unmapped, or something else was mapped there. */
void image_space_remove(struct image_space *s, raddr_t start, raddr_t end);

/* The range that `addr` lies in, or NULL. Valid until the space changes. */
const struct image_range *image_space_find(const struct image_space *s, raddr_t addr);

/* image_find(): what stands at `addr`, with the addresses of the process. */
struct image_point image_space_point(const struct image_space *s, raddr_t addr);
/* The logical address of a task at `ip` (minus 1 if a trap stopped it): itself, unless `ip` lies in
 * a stub. */
raddr_t image_space_original(const struct image_space *s, raddr_t ip);
/* image_displaced(): where a task has to go on that is to be at the original `addr`: `addr` itself,
 * unless a patch stands there that this address is inside of. */
raddr_t image_space_entry(const struct image_space *s, raddr_t addr);
/* image_hide(): put the original bytes into buf[0..n), which was read from `addr`. */
void image_space_hide(const struct image_space *s, raddr_t addr, void *buf, size_t n);

#endif
