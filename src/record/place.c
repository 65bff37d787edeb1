/*
 * An image exists for one distance of its stubs. The usual one fits nearly always; where something
 * is in its way another image is made, for a place that is free. Such places are coarse, so that
 * other processes find the image in the cache.
 */
#include "record/place.h"

#include "mem/layout.h"

#include <errno.h>
#include <unistd.h>

static const struct image_text *text_at(const struct image *im, uint64_t file_offset)
{
	for (size_t i = 0; i < im->n_texts; i++) {
		const struct image_text *x = &im->texts[i];

		if (file_offset >= x->file_offset && file_offset < x->file_offset + x->size)
			return x;
	}
	return NULL;
}

/* Whether the image changes anything in [vaddr, end). */
static bool is_patched(const struct image *im, uint64_t vaddr, uint64_t end)
{
	size_t k = image_patch_from(im, vaddr - im->texts[0].vaddr);

	return k < im->n_patches && im->texts[0].vaddr + im->patches[k].start < end;
}

static int get_image(struct recorder *rec, int elf_fd, const struct image_options *opt,
		     raddr_t start, raddr_t end, uint64_t file_offset, struct placement *p)
{
	const struct image_text *x;
	int ret = image_cache_get(rec->images, elf_fd, opt, &p->im, &p->fd);

	if (ret)
		return ret;
	x = text_at(p->im, file_offset);
	if (!x) {
		ret = -ENOEXEC;
	} else {
		uint64_t skip = file_offset - x->file_offset;
		uint64_t vaddr = x->vaddr + skip, size = min_u64(end - start, x->size - skip);

		p->bias = start - vaddr;
		p->text = start;
		p->text_end = start + size;
		p->offset = x->offset + skip;
		p->stubs = p->im->stub_vaddr + p->bias;
		if (is_patched(p->im, vaddr, vaddr + size))
			return 0;
		ret = size == end - start && !p->im->stats.tsc_left ? -ENODATA : -ENOEXEC;
	}
	image_free(p->im);
	close(p->fd);
	return ret;
}

void placement_release(struct placement *p)
{
	image_free(p->im);
	close(p->fd);
}

/* Nothing is mapped in [start, end), and nothing of ours will be. */
static bool is_free(const struct maps *maps, raddr_t start, raddr_t end)
{
	if (start < OURS_END || end <= start || end > TASK_SIZE_X86_64 || overlaps_ours(start, end))
		return false;
	for (size_t i = 0; i < maps->count; i++)
		if (maps->lines[i].start < end && maps->lines[i].end > start)
			return false;
	return true;
}

#define PLACE_STEP (16ULL << 20) /* coarse, so that other processes need the same variant */
#define PLACE_MAX  (1ULL << 30)

/* Another place for the stubs: below or above the text, not too far. 0 if there is none. */
static raddr_t find_place(const struct maps *maps, const struct placement *p)
{
	uint64_t size = p->im->stub_size;

	for (uint64_t d = PLACE_STEP; d <= PLACE_MAX; d += PLACE_STEP) {
		raddr_t low = page_floor(p->text) - d, high = page_floor(p->text) + d;

		if (low < p->text && is_free(maps, low, low + size))
			return low;
		if (is_free(maps, high, high + size))
			return high;
	}
	return 0;
}

int image_place(struct recorder *rec, struct rtask *t, int elf_fd, const struct map_line *l,
		const struct maps *known, struct placement *p)
{
	struct image_options opt = {0};
	struct maps maps;
	raddr_t at;
	int ret = get_image(rec, elf_fd, &opt, l->start, l->end, l->offset, p);

	if (ret)
		return ret;
	if (known && is_free(known, p->stubs, p->stubs + p->im->stub_size) &&
	    code_has_no_stubs(t, p->stubs, p->stubs + p->im->stub_size))
		return 0;
	ret = maps_read(t->t.tid, &maps);
	if (ret)
		goto fail;
	if (is_free(&maps, p->stubs, p->stubs + p->im->stub_size)) {
		maps_release(&maps);
		return 0;
	}
	at = find_place(&maps, p);
	maps_release(&maps);
	ret = -ENOMEM;
	if (!at)
		goto fail;
	opt.placed = true;
	opt.stub_vaddr = at - p->bias;
	placement_release(p);
	ret = get_image(rec, elf_fd, &opt, l->start, l->end, l->offset, p);
	/* The size could be another. */
	if (ret || p->stubs == at)
		return ret;
	ret = -ERANGE;
fail:
	placement_release(p);
	return ret;
}
