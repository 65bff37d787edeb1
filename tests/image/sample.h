/*
 * What the unit tests of image/ share: an image made by hand, and checks.
 */
#ifndef TESTS_IMAGE_SAMPLE_H
#define TESTS_IMAGE_SAMPLE_H

#include "../check.h"

#include "image/image.h"

/*
 * Text at 0x1000-0x3000 and 0x5000-0x6000; stubs at -0x2000-0; three stubs, whose windows are at
 * 0x1010 (5 bytes), 0x1020 (7 bytes, two instructions) and 0x5100 (a branch retargeted).
 */
static inline struct image *sample_image(void)
{
	static const struct image_entry entries[] = {
		{0x00, IMAGE_COUNTING, {0}, 0x10, 0},	{0x10, IMAGE_CODE, {0}, 0x10, 0},
		{0x1a, IMAGE_TRAP, {0}, 0x10, 0x10},	{0x1b, IMAGE_OUTSIDE, {0}, 0, 0},
		{0x20, IMAGE_COUNTING, {0}, 0x20, 0},	{0x30, IMAGE_CODE, {0}, 0x20, 0},
		{0x33, IMAGE_CODE, {0}, 0x23, 0},	{0x37, IMAGE_CODE, {0}, 0x27, 0},
		{0x3c, IMAGE_TRAP, {0}, 0x20, 0x30},	{0x3d, IMAGE_OUTSIDE, {0}, 0, 0},
		{0x40, IMAGE_COUNTING, {0}, 0x4100, 0}, {0x50, IMAGE_CODE, {0}, 0x4080, 0},
		{0x55, IMAGE_TRAP, {0}, 0x4080, 0x50},	{0x56, IMAGE_OUTSIDE, {0}, 0, 0},
	};
	static const struct image_patch patches[] = {
		{0x10, 0, 5, 1, 0, 0},
		{0x20, 5, 7, 2, 0, 0},
		{0x4100, 12, 5, 0, 0, 0},
	};
	struct image *im = xcalloc(1, sizeof(*im));

	im->n_texts = 2;
	im->texts[0] = (struct image_text){.vaddr = 0x1000, .size = 0x2000, .file_offset = 0x1000};
	im->texts[1] = (struct image_text){.vaddr = 0x5000, .size = 0x1000, .file_offset = 0x4000};
	for (size_t i = 0; i < im->n_texts; i++) {
		im->texts[i].bytes = xmalloc(im->texts[i].size);
		memset(im->texts[i].bytes, 0x90 + (int)i, im->texts[i].size);
	}
	/* Windows begin with a jump to their stub's entry. */
	memcpy(im->texts[0].bytes + 0x10, "\xe9\xeb\xcf\xff\xff", 5);
	memcpy(im->texts[0].bytes + 0x20, "\xe9\xfb\xcf\xff\xff\xcc\xcc", 7);
	im->stub_vaddr = -0x2000;
	im->stub_size = 0x2000;
	im->stubs = xmalloc(im->stub_size);
	memset(im->stubs, 0xcc, im->stub_size);
	im->n_entries = ARRAY_SIZE(entries);
	im->entries = xmalloc(sizeof(entries));
	memcpy(im->entries, entries, sizeof(entries));
	im->n_patches = ARRAY_SIZE(patches);
	im->patches = xmalloc(sizeof(patches));
	memcpy(im->patches, patches, sizeof(patches));
	im->n_kept = 17;
	im->kept = xmalloc(im->n_kept);
	for (size_t i = 0; i < im->n_kept; i++)
		im->kept[i] = (uint8_t)(0x40 + i);
	im->n_syscalls = 1;
	im->syscalls = xmalloc(sizeof(uint32_t));
	im->syscalls[0] = 0x1000;
	im->stats.syscalls.found = 1;
	im->identity[0] = 0x1234;
	return im;
}

#endif
