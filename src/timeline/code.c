/*
 * What is code of ours in a tracee, and where an instruction of the program really is executed.
 *
 * The kernel says what is mapped (/proc/PID/maps), and inode numbers say which of that are images.
 * That is asked for when somebody wants to know, and forgotten when an event may have changed it:
 * at full speed nobody does.
 */
#include "base/log.h"
#include "base/search.h"
#include "mem/maps.h"
#include "timeline/internal.h"

#include <stdlib.h>
#include <sys/stat.h>

/* The executable places of an image, by original address. */
struct copy {
	uint32_t original; /* minus texts[0].vaddr */
	uint32_t stub;
};

struct image_index {
	struct known_image {
		uint64_t dev, ino;
		struct image *im;	     /* NULL: no image */
		struct copy *copies, *calls; /* calls: hooks at system calls */
		size_t n_copies, n_calls;
		bool indexed;
	} * list;
	size_t n;
	struct map files; /* saved files that were looked at */
};

struct code_cache {
	struct {
		pid_t tgid; /* real */
		struct image_space space;
	} * list;
	size_t n;
};

bool addr_is_rr(raddr_t addr)
{
	return addr_is_ours(addr);
}

/* --- images --- */

static void look_at_file(struct timeline *tl, const struct map_slot *slot)
{
	struct image_index *x = tl->images;
	struct known_image k = {0};
	struct stat st;

	map_set(&x->files, slot->key, 1);
	if (fstat(slot->value, &st) < 0)
		return;
	k.dev = st.st_dev;
	k.ino = st.st_ino;
	if (image_read(slot->value, &k.im))
		k.im = NULL;
	x->list = xrealloc(x->list, (x->n + 1) * sizeof(*x->list));
	x->list[x->n++] = k;
}

static struct known_image *known_by_inode(struct timeline *tl, const struct map_line *l)
{
	uint64_t seen;

	if (!tl->images)
		tl->images = xcalloc(1, sizeof(*tl->images));
	map_for_each (&tl->now->s.common->files, slot) {
		if (!map_get(&tl->images->files, slot->key, &seen))
			look_at_file(tl, slot);
	}
	for (size_t i = 0; i < tl->images->n; i++) {
		struct known_image *k = &tl->images->list[i];

		if (k->im && k->ino == l->ino)
			return k;
	}
	return NULL;
}

static struct known_image *known_image(struct timeline *tl, const struct image *im)
{
	for (size_t i = 0; i < tl->images->n; i++) {
		if (tl->images->list[i].im == im)
			return &tl->images->list[i];
	}
	BUG("an image that nobody knows");
}

/* --- spaces --- */

static void add_line(struct timeline *tl, struct image_space *space, const struct map_line *l)
{
	struct known_image *k = known_by_inode(tl, l);
	uint64_t size = l->end - l->start;
	struct image *im = k ? k->im : NULL;

	if (!im)
		return;
	if (l->offset >= im->stub_offset && l->offset - im->stub_offset < im->stub_size) {
		image_space_add(space, im,
				l->start - (im->stub_vaddr + (l->offset - im->stub_offset)), 0, 0,
				l->start, l->end);
		return;
	}
	for (size_t i = 0; i < im->n_texts; i++) {
		const struct image_text *x = &im->texts[i];

		if (l->offset < x->offset || l->offset - x->offset >= x->size)
			continue;
		image_space_add(space, im, l->start - (x->vaddr + (l->offset - x->offset)),
				l->start, l->start + size, 0, 0);
	}
}

static void read_space(struct timeline *tl, pid_t tid, struct image_space *space)
{
	struct maps maps;

	image_space_init(space);
	if (maps_read(tid, &maps))
		return;
	for (size_t i = 0; i < maps.count; i++) {
		const struct map_line *l = &maps.lines[i];

		if (l->ino && !l->shared)
			add_line(tl, space, l);
	}
	maps_release(&maps);
}

const struct image_space *code_space(struct timeline *tl, struct ptask *p)
{
	struct code_cache *c = tl->code;

	if (!c)
		c = tl->code = xcalloc(1, sizeof(*c));
	for (size_t i = 0; i < c->n; i++) {
		if (c->list[i].tgid == p->t.tgid)
			return &c->list[i].space;
	}
	c->list = xrealloc(c->list, (c->n + 1) * sizeof(*c->list));
	c->list[c->n].tgid = p->t.tgid;
	read_space(tl, p->t.tid, &c->list[c->n].space);
	return &c->list[c->n++].space;
}

void code_forget(struct timeline *tl)
{
	struct code_cache *c = tl->code;

	for (size_t i = 0; c && i < c->n; i++)
		image_space_clear(&c->list[i].space);
	if (c)
		c->n = 0;
}

void timeline_code_release(struct timeline *tl)
{
	code_forget(tl);
	if (tl->code)
		free(tl->code->list);
	free(tl->code);
	for (size_t i = 0; tl->images && i < tl->images->n; i++) {
		image_free(tl->images->list[i].im);
		free(tl->images->list[i].copies);
		free(tl->images->list[i].calls);
	}
	if (tl->images) {
		map_release(&tl->images->files);
		free(tl->images->list);
	}
	free(tl->images);
}

/* --- boundaries --- */

/* The window that starts at the address, if its instructions were displaced; or that it lies in. */
static const struct image_patch *window_at(const struct image *im, uint64_t vaddr)
{
	uint64_t at = vaddr - im->texts[0].vaddr;
	size_t k = image_patch_from(im, at);
	const struct image_patch *p = &im->patches[k];

	if (k == im->n_patches || p->start > at || !p->n_insns)
		return NULL;
	/* Bytes at its end may be the original ones. */
	return at < p->start + (uint64_t)p->length - p->intact ? p : NULL;
}

/* Original bytes of the image's text: how many of `n` there are. */
static size_t original_bytes(const struct image *im, uint64_t vaddr, uint8_t *buf, size_t n)
{
	for (size_t i = 0; i < im->n_texts; i++) {
		const struct image_text *x = &im->texts[i];

		if (vaddr < x->vaddr || vaddr - x->vaddr >= x->size)
			continue;
		n = min_u64(n, x->size - (vaddr - x->vaddr));
		memcpy(buf, x->bytes + (vaddr - x->vaddr), n);
		image_hide(im, vaddr, buf, n);
		return n;
	}
	return 0;
}

/* Where the original jump at `vaddr` leads to; 0 if there is no direct one. */
static uint64_t jump_target(const struct image *im, uint64_t vaddr)
{
	uint8_t code[16] = {0};
	size_t n = original_bytes(im, vaddr, code, sizeof(code) - 8), i = 0;
	int32_t d;

	while (i < n && (code[i] == 0xf2 || code[i] == 0x66 || code[i] == 0x2e || code[i] == 0x3e ||
			 (code[i] & 0xf0) == 0x40))
		i++;
	if (code[i] == 0xeb)
		return vaddr + i + 2 + (uint64_t)(int64_t)(int8_t)code[i + 1];
	if (code[i] != 0xe9)
		return 0;
	memcpy(&d, code + i + 1, 4);
	return vaddr + i + 5 + (uint64_t)(int64_t)d;
}

/* A jump in a stub may be the program's, displaced, or lead out of the stub. */
static bool is_our_jump(const struct image *im, const struct image_entry *e)
{
	const uint8_t *code = im->stubs + e->stub;
	uint64_t to, target;
	struct image_point there;
	int32_t d;

	if (code[0] != 0xe9 || e->stub + 5 > im->stub_size)
		return false;
	target = jump_target(im, im->texts[0].vaddr + e->original);
	if (!target)
		return true;
	memcpy(&d, code + 1, 4);
	to = (uint64_t)im->stub_vaddr + e->stub + 5 + (uint64_t)(int64_t)d;
	there = image_find(im, to);
	return (there.where == IMAGE_OUTSIDE ? to : there.original) != target;
}

/* The second of two places for one instruction: behind code of ours that has begun it already. */
static bool is_second_place(const struct image *im, const struct image_entry *e)
{
	return e >= im->entries + 2 && e[-1].where == IMAGE_COUNTING &&
	       e[-1].original == e->original && e[-2].where == IMAGE_CODE &&
	       e[-2].original == e->original;
}

/* Behind such a second place, a system call, what it leaves in registers is put right. */
static bool is_aftermath(const struct image *im, const struct image_entry *e)
{
	return e > im->entries && is_second_place(im, e - 1);
}

/* The first of the two, of a system call that the agent makes if it can. */
static bool is_call(const struct image *im, const struct image_entry *e)
{
	const uint8_t *second;

	if (e + 2 >= im->entries + im->n_entries || !is_second_place(im, e + 2) ||
	    e[2].stub + 2 > im->stub_size)
		return false;
	second = im->stubs + e[2].stub;
	return second[0] == 0x0f && second[1] == 0x05;
}

static bool is_instruction(const struct image *im, const struct image_entry *e)
{
	if (e->where != IMAGE_CODE)
		return false;
	/* Of several entries at one place, the last counts. */
	if (e + 1 < im->entries + im->n_entries && e[1].stub == e->stub)
		return false;
	return !is_our_jump(im, e) && !is_second_place(im, e) && !is_aftermath(im, e);
}

static const struct image_entry *entry_exactly_at(const struct image *im, uint64_t stub)
{
	const struct image_entry *e = image_entry_at(im, stub);

	return e && e->stub == stub ? e : NULL;
}

static const struct image_entry *entry_of(const struct image_range *r, raddr_t addr)
{
	return entry_exactly_at(r->image, addr - r->bias - (uint64_t)r->image->stub_vaddr);
}

bool code_is_ours(struct timeline *tl, struct ptask *p, raddr_t addr)
{
	const struct image_range *r;
	const struct image_entry *e;

	if (addr_is_rr(addr))
		return true;
	r = image_space_find(code_space(tl, p), addr);
	if (!r)
		return false;
	if (!r->stubs)
		return window_at(r->image, addr - r->bias) != NULL;
	e = entry_of(r, addr);
	return !e || !is_instruction(r->image, e);
}

bool code_is_hook(struct timeline *tl, struct ptask *p, raddr_t addr)
{
	const struct image_range *r = image_space_find(code_space(tl, p), addr);

	return r && r->stubs;
}

bool code_is_call(struct timeline *tl, struct ptask *p, raddr_t addr)
{
	const struct image_range *r = image_space_find(code_space(tl, p), addr);
	const struct image_entry *e = r && r->stubs ? entry_of(r, addr) : NULL;

	return e && is_call(r->image, e);
}

raddr_t code_original(struct timeline *tl, struct ptask *p, raddr_t addr)
{
	return image_space_original(code_space(tl, p), addr);
}

bool code_trap(struct timeline *tl, struct ptask *p, raddr_t trap, raddr_t *resume)
{
	struct image_point point = image_space_point(code_space(tl, p), trap);

	*resume = point.resume;
	return point.where == IMAGE_TRAP;
}

/* --- copies --- */

static int by_original(const void *a, const void *b)
{
	const struct copy *x = a, *y = b;

	return x->original != y->original ? (x->original < y->original ? -1 : 1)
	       : x->stub < y->stub	  ? -1
					  : x->stub > y->stub;
}

static void index_copies(struct known_image *k)
{
	const struct image *im = k->im;

	k->indexed = true;
	k->copies = xcalloc(im->n_entries + 1, sizeof(*k->copies));
	k->calls = xcalloc(im->n_syscalls + 1, sizeof(*k->calls));
	for (size_t i = 0; i < im->n_entries; i++) {
		const struct image_entry *e = &im->entries[i];

		if (is_instruction(im, e))
			k->copies[k->n_copies++] = (struct copy){e->original, e->stub};
		if (is_call(im, e) && k->n_calls <= im->n_syscalls)
			k->calls[k->n_calls++] = (struct copy){e->original, e->stub};
	}
	qsort(k->copies, k->n_copies, sizeof(*k->copies), by_original);
}

size_t code_copies(struct timeline *tl, struct ptask *p, raddr_t addr, raddr_t *out, size_t max)
{
	const struct image_space *space = code_space(tl, p);
	const struct image_range *r = image_space_find(space, addr);
	struct known_image *k;
	uint32_t original;
	size_t n = 0, i;

	if (!r || r->stubs) {
		out[n++] = addr;
		return n;
	}
	k = known_image(tl, r->image);
	if (!window_at(r->image, addr - r->bias))
		out[n++] = addr;
	if (!k->indexed)
		index_copies(k);
	original = addr - r->bias - r->image->texts[0].vaddr;
	i = FIRST_WHERE(j, k->n_copies, k->copies[j].original >= original);
	for (; i < k->n_copies && k->copies[i].original == original && n < max; i++)
		out[n++] = r->bias + (uint64_t)r->image->stub_vaddr + k->copies[i].stub;
	return n;
}

void code_each_call(struct timeline *tl, struct ptask *p, code_place_fn fn)
{
	const struct image_space *space = code_space(tl, p);

	for (size_t i = 0; i < space->n; i++) {
		const struct image_range *r = &space->ranges[i];
		const struct image *im = r->image;
		struct known_image *k;

		if (!r->stubs)
			continue;
		k = known_image(tl, im);
		if (!k->indexed)
			index_copies(k);
		for (size_t j = 0; j < k->n_calls; j++) {
			raddr_t at = r->bias + (uint64_t)im->stub_vaddr + k->calls[j].stub;

			if (at >= r->start && at < r->end)
				fn(tl, p, at, r->bias + im->texts[0].vaddr + k->calls[j].original);
		}
	}
}
