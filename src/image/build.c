/*
 * From an ELF file to its image: texts, decoding, planning, emitting, placing.
 */
#include "image/plan.h"

#include <elf.h>
#include <errno.h>

/* The executable segments as whole pages of the file, as the kernel maps them. */
static int take_texts(struct image *im, const struct elf_file *f)
{
	for (size_t k = 0; k < f->n_segments && im->n_texts < IMAGE_MAX_TEXTS; k++) {
		const struct elf_segment *seg = &f->segments[k];
		struct image_text *t = &im->texts[im->n_texts];
		uint64_t before = seg->vaddr & (PAGE_SIZE_BYTES - 1), n;

		if (!(seg->flags & PF_X) || (seg->flags & PF_W) || !seg->file_size ||
		    before > seg->offset)
			continue;
		*t = (struct image_text){
			.vaddr = seg->vaddr - before,
			.size = page_ceil(seg->file_size + before),
			.file_offset = seg->offset - before,
		};
		if (t->file_offset >= f->size)
			continue;
		n = min_u64(t->size, f->size - t->file_offset);
		t->bytes = xcalloc(1, t->size);
		memcpy(t->bytes, f->bytes + t->file_offset, n);
		im->n_texts++;
		im->stats.text_bytes += seg->file_size;
	}
	return im->n_texts ? 0 : -ENODATA;
}

#define INSN_ROOM 16 /* so that the last instruction may be looked at as if it were longer */

/* All texts in one piece, as places are distances in it. */
static int flatten(struct code *c, const struct image *im)
{
	const struct image_text *last = &im->texts[im->n_texts - 1];

	c->base = im->texts[0].vaddr;
	c->size = last->vaddr + last->size - c->base;
	if (c->size > INT32_MAX)
		return -ERANGE;
	c->text_copy = xcalloc(1, c->size + INSN_ROOM);
	for (size_t k = 0; k < im->n_texts; k++)
		memcpy(c->text_copy + (im->texts[k].vaddr - c->base), im->texts[k].bytes,
		       im->texts[k].size);
	c->text = c->text_copy;
	return 0;
}

static void copy_bits(struct code_bits *to, const struct code_bits *from)
{
	for (size_t k = 0; k < from->n; k++)
		memcpy(to->v[k].bits, from->v[k].bits, (from->v[k].end - from->v[k].start + 7) / 8);
}

int code_open(struct code *c, const struct image *im)
{
	int err = flatten(c, im);

	if (err)
		return err;
	code_bits_init(&c->targets, c->elf);
	code_bits_init(&c->named, c->elf);
	code_bits_init(&c->tables, c->elf);
	code_bits_init(&c->pads, c->elf);
	code_bits_init(&c->data, c->elf);
	err = elf_targets(c->elf, &c->named);
	if (!err)
		err = elf_landing_pads(c->elf, &c->pads);
	if (err)
		return err;
	copy_bits(&c->targets, &c->named);
	err = elf_plts(c->elf, &c->plts);
	if (err)
		return err;
	err = code_decode(c);
	if (err)
		return err;
	code_jump_tables(c);
	code_call_graph(c);
	return 0;
}

/* Those that are not in a function that was planned. */
static void count_undecoded(struct image_site_stats *s)
{
	s->undecoded = s->found - (s->patched + s->no_room + s->flags + s->sigreturn);
}

static int instrument(struct image *im, const struct elf_file *f, const struct image_options *opt)
{
	struct code c = {.elf = f, .stats = &im->stats};
	struct stubs s = {.c = &c};
	int err;

	err = code_open(&c, im);
	if (err)
		goto out;
	for (size_t k = 0; k < c.n_functions; k++) {
		if (!c.functions[k].left)
			plan_function(&c, &c.functions[k], &s);
	}
	count_undecoded(&im->stats.syscalls);
	count_undecoded(&im->stats.insns);
	im->stats.tsc_left = plan_tsc_left(&c);
	err = stubs_place(&s, im, opt);
	im->syscalls = c.syscalls;
	im->n_syscalls = c.n_syscalls;
	c.syscalls = NULL;
out:
	stubs_release(&s);
	code_release(&c);
	return err;
}

int image_build(const void *elf, size_t size, const struct image_options *opt, struct image **out)
{
	struct image *im;
	struct elf_file f;
	int err = elf_open(&f, elf, size);

	if (err)
		return err;
	im = xcalloc(1, sizeof(*im));
	err = take_texts(im, &f);
	if (!err)
		err = instrument(im, &f, opt);
	else if (err == -ENODATA) /* no code: nothing to patch */
		err = 0;
	elf_close(&f);
	if (err) {
		image_free(im);
		return err;
	}
	*out = im;
	return 0;
}
