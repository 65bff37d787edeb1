/*
 * Where the image of a file goes in an address space: over its text, and its stubs at a distance at
 * which nothing else is.
 */
#ifndef RECORD_PLACE_H
#define RECORD_PLACE_H

#include "record/session.h"

#include "mem/maps.h"

struct placement {
	struct image *im;
	int fd; /* of the image's file */
	uint64_t bias;
	raddr_t text, text_end, stubs;
	uint64_t offset; /* of the text in the image's file */
};

/*
 * The image of what the line says is mapped, from the file `elf_fd`, whose stubs fit somewhere;
 * `known`, if not NULL, is what is mapped but for images. 0; -ENODATA: there is nothing to patch,
 * and nothing that is not known either; or -errno.
 */
int image_place(struct recorder *rec, struct rtask *t, int elf_fd, const struct map_line *l,
		const struct maps *known, struct placement *p);
void placement_release(struct placement *p);

#endif
