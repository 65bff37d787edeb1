/*
 * The stubs get their place: jumps between text and stubs are filled in, windows are overwritten,
 * and all that was collected becomes the image's tables.
 */
#include "image/emit.h"

#include "base/log.h"
#include "mem/layout.h"

#include <errno.h>

static int by_at(const void *a, const void *b)
{
	const struct window_stub *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

static int by_start(const void *a, const void *b)
{
	const struct image_patch *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* The stub of the window that starts at the address, or NULL: a jump there may go to it at once. */
static const struct window_stub *stub_of(const struct stubs *s, uint64_t vaddr)
{
	struct window_stub key;

	if (!s->n_windows || vaddr - s->c->base >= s->c->size)
		return NULL;
	key.at = (uint32_t)(vaddr - s->c->base);
	return bsearch(&key, s->windows, s->n_windows, sizeof(key), by_at);
}

/* Where stubs of `size` bytes go. */
static int choose_place(const struct stubs *s, uint64_t size, const struct image_options *opt,
			int64_t *out)
{
	const struct elf_file *f = s->c->elf;
	uint64_t low = page_floor(f->segments[0].vaddr);
	const struct elf_segment *last = &f->segments[f->n_segments - 1];

	if (opt->placed) {
		*out = opt->stub_vaddr;
		return 0;
	}
	*out = (int64_t)(low - size);
	if (!f->fixed || (low > size && low - size >= OURS_END + 16 * PAGE_SIZE_BYTES))
		return 0;
	*out = (int64_t)(IMAGE_HIGH_STUBS - size);
	if (size > IMAGE_HIGH_STUBS || page_ceil(last->vaddr + last->mem_size) > (uint64_t)*out)
		return -ERANGE;
	return 0;
}

static bool fits_rel32(int64_t d)
{
	return d == (int32_t)d;
}

static uint8_t *text_at(struct image *im, uint64_t vaddr)
{
	for (size_t k = 0; k < im->n_texts; k++) {
		if (vaddr - im->texts[k].vaddr < im->texts[k].size)
			return im->texts[k].bytes + (vaddr - im->texts[k].vaddr);
	}
	BUG("no text at %#llx", (unsigned long long)vaddr);
}

#define INSN_HLT 0xf4 /* a general-protection fault, as a trapped rdtsc is */

/* 0xe9 and 0xcc behind the rel32 that the fixups write; or a trap. */
static void write_windows(struct stubs *s, struct image *im)
{
	for (size_t k = 0; k < s->n_patches; k++) {
		const struct image_patch *p = &s->patches[k];
		uint8_t *t;

		if (!p->n_insns && !p->intact)
			continue;
		t = text_at(im, code_vaddr(s->c, p->start));
		t[0] = p->n_insns ? 0xe9 : INSN_HLT;
		if (!p->n_insns)
			continue;
		memset(t + JMP_SIZE, 0xcc, p->length - JMP_SIZE - p->intact);
	}
}

static int apply(struct stubs *s, struct image *im, const struct fixup *f)
{
	uint64_t stubs = (uint64_t)im->stub_vaddr;
	uint64_t from, to;
	int64_t d;
	int32_t d32;
	void *where;

	if (f->in_text) {
		from = code_vaddr(s->c, f->pos);
		to = stubs + f->to;
		where = text_at(im, from);
	} else {
		const struct window_stub *w = f->jump ? stub_of(s, f->to) : NULL;

		from = stubs + f->pos;
		to = w ? stubs + w->stub : f->to;
		where = s->bytes.data + f->pos;
	}
	d = (int64_t)(to - (from + 4 + f->tail));
	if (!fits_rel32(d))
		return -ERANGE;
	d32 = (int32_t)d;
	memcpy(where, &d32, 4);
	return 0;
}

int stubs_place(struct stubs *s, struct image *im, const struct image_options *opt)
{
	uint64_t used;
	int err;

	if (!s->n_patches)
		return 0;
	if (!s->bytes.len) { /* only traps: there is an image nevertheless */
		emit_entry(s, IMAGE_OUTSIDE, 0);
		buf_addch(&s->bytes, (char)0xcc);
	}
	used = s->bytes.len;
	if (page_ceil(used) > INT32_MAX)
		return -ERANGE;
	im->stub_size = page_ceil(used);
	if (im->stub_size > used) {
		emit_entry(s, IMAGE_OUTSIDE, 0);
		memset(buf_extend(&s->bytes, im->stub_size - used), 0xcc, im->stub_size - used);
	}
	err = choose_place(s, im->stub_size, opt, &im->stub_vaddr);
	if (err)
		return err;
	if (s->n_windows)
		qsort(s->windows, s->n_windows, sizeof(*s->windows), by_at);
	qsort(s->patches, s->n_patches, sizeof(*s->patches), by_start);
	write_windows(s, im);
	for (size_t k = 0; k < s->n_fixups; k++) {
		err = apply(s, im, &s->fixups[k]);
		if (err)
			return err;
	}
	im->stubs = (uint8_t *)buf_detach(&s->bytes);
	im->n_kept = s->kept.len;
	im->kept = (uint8_t *)buf_detach(&s->kept);
	im->entries = s->entries;
	im->n_entries = s->n_entries;
	im->patches = s->patches;
	im->n_patches = s->n_patches;
	s->entries = NULL;
	s->patches = NULL;
	return 0;
}
