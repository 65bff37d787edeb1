/*
 * What stands at an address: binary searches in an image's tables.
 */
#include "image/image.h"

#include "base/search.h"

#include <string.h>

const struct image_entry *image_entry_at(const struct image *im, uint64_t stub)
{
	size_t i = FIRST_WHERE(k, im->n_entries, im->entries[k].stub > stub);

	return i ? &im->entries[i - 1] : NULL;
}

struct image_point image_find(const struct image *im, uint64_t vaddr)
{
	uint64_t stub = vaddr - (uint64_t)im->stub_vaddr;
	const struct image_entry *e = stub < im->stub_size ? image_entry_at(im, stub) : NULL;

	if (!e || e->where == IMAGE_OUTSIDE)
		return (struct image_point){.where = IMAGE_OUTSIDE, .original = vaddr};
	return (struct image_point){
		.where = e->where,
		.original = im->texts[0].vaddr + e->original,
		.resume = (uint64_t)im->stub_vaddr + e->resume,
	};
}

size_t image_patch_from(const struct image *im, uint64_t at)
{
	return FIRST_WHERE(k, im->n_patches,
			   im->patches[k].start + (uint64_t)im->patches[k].length > at);
}

/* The patched text byte at `vaddr`, or NULL. */
static const uint8_t *text_byte(const struct image *im, uint64_t vaddr, uint64_t n)
{
	for (size_t k = 0; k < im->n_texts; k++) {
		const struct image_text *t = &im->texts[k];

		if (vaddr >= t->vaddr && vaddr - t->vaddr + n <= t->size)
			return t->bytes + (vaddr - t->vaddr);
	}
	return NULL;
}

int64_t image_displaced(const struct image *im, uint64_t vaddr)
{
	uint64_t at = vaddr - im->texts[0].vaddr, start;
	const struct image_patch *p;
	const struct image_entry *e;
	const uint8_t *jump;
	int32_t d;
	size_t k;

	if (!im->n_texts || vaddr < im->texts[0].vaddr)
		return 0;
	k = image_patch_from(im, at);
	if (k == im->n_patches)
		return 0;
	p = &im->patches[k];
	if (!p->n_insns || at <= p->start)
		return 0;
	start = im->texts[0].vaddr + p->start;
	jump = text_byte(im, start, 5);
	if (!jump)
		return 0;
	memcpy(&d, jump + 1, 4);
	e = image_entry_at(im, start + 5 + (uint64_t)(int64_t)d - (uint64_t)im->stub_vaddr);
	/* The stub begins with a count, perhaps; then come the instructions in their order. */
	for (; e && e < im->entries + im->n_entries; e++) {
		if (e->where == IMAGE_CODE && e->original == at)
			return im->stub_vaddr + (int64_t)e->stub;
		if (e->where == IMAGE_CODE && e->original > at)
			break;
	}
	return 0;
}

void image_hide(const struct image *im, uint64_t vaddr, void *buf, size_t n)
{
	uint64_t base = im->texts[0].vaddr;
	uint64_t end = vaddr + n;

	if (!im->n_patches || !n || end < vaddr || end <= base)
		return;
	for (size_t k = vaddr > base ? image_patch_from(im, vaddr - base) : 0; k < im->n_patches;
	     k++) {
		const struct image_patch *p = &im->patches[k];
		uint64_t from = base + p->start, to = from + p->length;

		if (from >= end)
			break;
		from = max_u64(from, vaddr);
		to = min_u64(to, end);
		memcpy((uint8_t *)buf + (from - vaddr),
		       im->kept + p->kept + (from - base - p->start), to - from);
	}
}
