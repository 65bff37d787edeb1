/*
 * Images of files: built once per file and machine, kept on disk.
 *
 * The cache is `images` in $_RR_CACHE_DIR, else $XDG_CACHE_HOME/rr, else ~/.cache/rr. Any number of
 * recorders use it at once. What cannot be kept there (it is read-only, full, not private) is built
 * all the same, and lives in memory. It is kept below $_RR_CACHE_SIZE megabytes (default 2048; 0:
 * no cache on disk) by removing what was not used for longest.
 */
#ifndef IMAGE_CACHE_H
#define IMAGE_CACHE_H

#include "image/image.h"

struct image_cache;

/* Always 0: a cache without a directory works too. */
int image_cache_open(struct image_cache **out);
/* Images that were given out stay with their users. */
void image_cache_close(struct image_cache *c);

/*
 * The image of the ELF file open at `elf_fd`, whose file offset does not change. 0 and: *out, one
 * more user of it, verified, to be given back by image_free(); *image_fd (if not NULL), a new
 * read-only descriptor of the image's own file, which never changes: it can be mapped, copied,
 * or hard-linked (unless it is a memfd, or was removed from the cache meanwhile: then linkat()
 * gives EXDEV or ENOENT, so be ready to copy). Or an error of image_build(), or -errno of reading
 * the file
 * (-EAGAIN: it is being truncated).
 */
int image_cache_get(struct image_cache *c, int elf_fd, const struct image_options *opt,
		    struct image **out, int *image_fd);

/* Build without any cache, from a copy of the file: as image_cache_get(). */
int image_cache_build(int elf_fd, const struct image_options *opt, struct image **out);

/* What there is on disk; for people. */
struct image_cache_status {
	struct buf dir; /* to be released */
	uint64_t bytes, limit;
	size_t images;
	int error; /* 0: in use; -errno: there is no cache on disk. -EPERM: the directory is not
		    * private; -ENOENT: no place is known */
	bool writable;
	bool no_exec;	/* cannot be mapped from there: copied to memory first */
	unsigned built; /* by this process, through this cache */
};

void image_cache_status(struct image_cache *c, struct image_cache_status *out);
/* The name of the file in the cache's directory that an image of this file has or would have. */
int image_cache_name(int elf_fd, const struct image_options *opt, struct buf *out);
/* Remove what is too much; done after each new image. */
void image_cache_trim(struct image_cache *c);

#endif
