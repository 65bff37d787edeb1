/*
 * Images on disk, for cache.c: files and links with given names in directories of the user's.
 *
 * Files of `images` appear whole, by rename(2), and never change. They are not synced: after a
 * power failure one can be damaged, and checksums tell. Removing one never harms a user, who has it
 * open. Where a file cannot be instrumented, a symbolic link under the image's name says so. Links
 * in `index` lead from stamps to checksums.
 *
 * The directory is only used if nobody else can write to it or read it: what is mapped into
 * programs comes from there.
 */
#ifndef IMAGE_STORE_H
#define IMAGE_STORE_H

#include "image/cache.h"
#include "image/identity.h"

struct image_store {
	char *dir;
	int images, index; /* directories; -1: not on disk */
	int error;	   /* as in struct image_cache_status */
	bool no_exec;
	uint64_t limit;
	bool trimmed_index;
};

/* Find and open it; what is wrong is in `error`, and said if it is the user's matter. */
void image_store_open(struct image_store *s);
void image_store_close(struct image_store *s);

/*
 * The image in the file `name`, which must say `identity` of itself, and a descriptor to map it
 * from, which is the caller's. 0; -ENOENT: there is none (or no longer, as it was damaged); what it
 * was refused for; -errno of opening it.
 */
int image_store_load(const struct image_store *s, const char *name, const uint64_t identity[2],
		     struct image **out, int *fd);
/* Write an image to the file `name`, or else to memory: a descriptor to read and map it from, or
 * -errno (-EINVAL: it breaks a rule of images). */
int image_store_save(struct image_store *s, const char *name, struct image *im);
/* Note that what has this name cannot be instrumented, if `err` says that. */
void image_store_refuse(const struct image_store *s, const char *name, int err);

/* The identity of a file whose stamp lasts: whether it is known. */
bool image_store_recall(const struct image_store *s, const struct stamp *stamp,
			struct identity *id);
void image_store_remember(const struct image_store *s, const struct stamp *stamp,
			  const struct identity *id);

/* Remove what is too much. */
void image_store_trim(struct image_store *s);
/* What there is; `built` is left alone. */
void image_store_status(const struct image_store *s, struct image_cache_status *out);

#endif
