/*
 * What holds for every image as a whole, of real programs: checked against a fresh decoding of the
 * file, instruction by instruction. Prints the coverage of loops and the speed.
 * usage: test-whole FILE...
 */
#include "sample.h"

#include "base/io.h"
#include "image/code.h"
#include "mem/insn_site.h"
#include "mem/layout.h"

#include <Zydis/Zydis.h>

#include <time.h>

struct whole {
	const char *path;
	struct image *im;
	struct elf_file elf;
	struct image_stats stats;
	struct code code;
	uint8_t *starts; /* a bit for each stub byte at which an instruction starts */
	ZydisDecoder d;
	uint64_t calls, insns; /* system calls and other instructions that are patched */
	int complaints;
};

#define WANT(w, cond, at)                                                                      \
	do {                                                                                   \
		if (!(cond) && (w)->complaints++ < 10) {                                       \
			printf("%s: %#llx: not so: %s\n", (w)->path, (unsigned long long)(at), \
			       #cond);                                                         \
			failures++;                                                            \
		}                                                                              \
	} while (0)

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The window that `at` is strictly inside of, or NULL. */
static const struct image_patch *inside(const struct whole *w, uint64_t at)
{
	size_t k = image_patch_from(w->im, at);

	return k < w->im->n_patches && w->im->patches[k].start < at ? &w->im->patches[k] : NULL;
}

/* Where the program may be sent to: an instruction, not inside of a window. */
static bool may_be_at(const struct whole *w, uint32_t at)
{
	const struct function *f = code_function(&w->code, at);

	if (inside(w, at))
		return false;
	/* Out of all functions: a PLT, or a target that nobody decoded. */
	if (!f || f->left)
		return at < w->code.size;
	return code_insn(&w->code, f, at) || is_target(&w->code, at);
}

static const uint8_t *patched(const struct whole *w, uint64_t vaddr)
{
	for (size_t k = 0; k < w->im->n_texts; k++) {
		const struct image_text *t = &w->im->texts[k];

		if (vaddr >= t->vaddr && vaddr < t->vaddr + t->size)
			return t->bytes + (vaddr - t->vaddr);
	}
	return NULL;
}

static uint64_t rel32_at(const uint8_t *p, uint64_t next)
{
	int32_t d;

	memcpy(&d, p, 4);
	return next + (uint64_t)(int64_t)d;
}

static bool starts_at(const struct whole *w, uint64_t stub)
{
	return stub < w->im->stub_size && (w->starts[stub / 8] >> stub % 8 & 1);
}

static void check_patches(struct whole *w)
{
	const struct image *im = w->im;
	uint64_t end = 0, kept = 0;

	for (size_t k = 0; k < im->n_patches; k++) {
		const struct image_patch *p = &im->patches[k];
		uint64_t at = im->texts[0].vaddr + p->start;
		const uint8_t *b = patched(w, at);

		WANT(w, p->start >= end, at);
		end = p->start + (uint64_t)p->length;
		WANT(w, p->length >= 5 || (!p->n_insns && p->intact), at);
		WANT(w, p->kept + (uint64_t)p->length <= im->n_kept, at);
		WANT(w, !memcmp(im->kept + p->kept, w->code.text + p->start, p->length), at);
		kept += p->length;
		if (p->n_insns) {
			WANT(w, !code_bits_any(&w->code.targets, at + 1, at + p->length), at);
			WANT(w, b[0] == 0xe9, at);
			for (int n = 5; n < p->length - p->intact; n++)
				WANT(w, b[n] == 0xcc, at + (uint64_t)n);
			WANT(w, 5 + p->intact <= p->length, at);
			WANT(w,
			     !memcmp(b + p->length - p->intact,
				     w->code.text + p->start + p->length - p->intact, p->intact),
			     at);
			WANT(w, starts_at(w, rel32_at(b + 1, at + 5) - (uint64_t)im->stub_vaddr),
			     at);
		} else if (p->intact) {
			WANT(w, b[0] == 0xf4 && p->intact + 1 == p->length, at);
			WANT(w, !memcmp(b + 1, w->code.text + p->start + 1, p->intact), at);
		} else {
			WANT(w, !memcmp(b, w->code.text + p->start, p->length - 4u), at);
			WANT(w,
			     starts_at(w, rel32_at(b + p->length - 4, at + p->length) -
						  (uint64_t)im->stub_vaddr),
			     at);
		}
	}
	WANT(w, kept == im->n_kept, kept);
}

/* What is hidden is what the file has. */
static void check_original(struct whole *w, const struct image *original)
{
	for (size_t k = 0; k < original->n_texts; k++) {
		const struct image_text *t = &original->texts[k];
		uint64_t n = min_u64(t->size, w->elf.size - t->file_offset);

		WANT(w, !memcmp(t->bytes, w->elf.bytes + t->file_offset, n), t->vaddr);
	}
}

static void check_branch(struct whole *w, const ZydisDecodedInstruction *z, uint64_t at)
{
	uint64_t to = at + z->length + z->raw.imm[0].value.u;
	uint64_t stub = to - (uint64_t)w->im->stub_vaddr;

	WANT(w, z->meta.category != ZYDIS_CATEGORY_CALL, at);
	if (stub < w->im->stub_size)
		WANT(w, starts_at(w, stub), at);
	else if (to - w->code.base < w->code.size)
		WANT(w, may_be_at(w, (uint32_t)(to - w->code.base)), at);
}

static const struct insn *original_insn(const struct whole *w, uint32_t at)
{
	const struct function *f = code_function(&w->code, at);

	return f ? code_insn(&w->code, f, at) : NULL;
}

static bool is_call(const struct whole *w, uint32_t at)
{
	const struct insn *i = original_insn(w, at);

	return i && is_syscall(i);
}

/* lea rcx or r11, [rip + distance to `to`] */
static bool is_lea(const struct whole *w, uint32_t stub, const char *opcode, uint64_t to)
{
	const uint8_t *b = w->im->stubs + stub;

	return !memcmp(b, opcode, 3) &&
	       rel32_at(b + 3, (uint64_t)w->im->stub_vaddr + stub + 7) == to;
}

/* The way out, which takes the address of the instruction's copy along. */
static void check_leave(struct whole *w, const struct image_entry *e, uint32_t copy, uint32_t word)
{
	uint64_t at = (uint64_t)w->im->stub_vaddr + e->stub;
	const uint8_t jump[] = {0xff, 0x24, 0x25, word & 0xff, word >> 8 & 0xff, word >> 16, 0};

	WANT(w, is_lea(w, e->stub, "\x48\x8d\x0d", (uint64_t)w->im->stub_vaddr + copy), at);
	WANT(w, !memcmp(w->im->stubs + e->stub + 7, jump, sizeof(jump)), at);
}

/* The way to the agent, which begins with entry `k`: the call itself and its end are the next. */
static void check_call_site(struct whole *w, size_t k)
{
	const struct image_entry *e = &w->im->entries[k];
	uint64_t end = code_vaddr(&w->code, e->original) + 2;
	uint64_t at = (uint64_t)w->im->stub_vaddr + e->stub;

	w->calls++;
	WANT(w, k + 4 < w->im->n_entries, at);
	if (k + 4 >= w->im->n_entries)
		return;
	WANT(w, is_lea(w, e->stub, "\x4c\x8d\x1d", end), at);
	WANT(w, e[1].stub == e->stub + 7 && e[1].where == IMAGE_COUNTING, at);
	check_leave(w, &e[1], e[2].stub, TICK_ENTER_CALL);
	WANT(w, e[2].stub == e[1].stub + 14 && e[2].where == IMAGE_CODE, at);
	WANT(w, e[2].original == e->original, at);
	WANT(w, !memcmp(w->im->stubs + e[2].stub, "\x0f\x05", 2), at);
	WANT(w, e[3].stub == e[2].stub + 2 && e[3].where == IMAGE_CODE, at);
	WANT(w, code_vaddr(&w->code, e[3].original) == end, at);
	WANT(w, is_lea(w, e[3].stub, "\x48\x8d\x0d", end), at);
}

static bool is_site(const struct whole *w, uint32_t at)
{
	const struct insn *i = original_insn(w, at);

	return i && (i->props & INSN_SITE);
}

/* The same for another instruction; that it is copied is checked where all copies are. */
static void check_insn_site(struct whole *w, size_t k)
{
	static const uint8_t save[] = {0x48,
				       0x89,
				       0x0c,
				       0x25,
				       TICK_SAVED_RCX & 0xff,
				       TICK_SAVED_RCX >> 8 & 0xff,
				       TICK_SAVED_RCX >> 16,
				       0};
	const struct image_entry *e = &w->im->entries[k];
	const struct insn *i = original_insn(w, e->original);
	uint64_t at = (uint64_t)w->im->stub_vaddr + e->stub;
	struct insn_site site;

	w->insns++;
	WANT(w, k + 4 < w->im->n_entries, at);
	if (k + 4 >= w->im->n_entries)
		return;
	WANT(w, !memcmp(w->im->stubs + e->stub, save, sizeof(save)), at);
	WANT(w, e[1].stub == e->stub + 8 && e[1].where == IMAGE_COUNTING, at);
	check_leave(w, &e[1], e[3].stub, TICK_ENTER_INSN);
	WANT(w, e[2].stub == e[1].stub + 14 && e[2].where == IMAGE_OUTSIDE, at);
	memcpy(&site, w->im->stubs + e[2].stub, sizeof(site));
	WANT(w, site.kind == i->site && site.length == i->length, at);
	WANT(w, e[3].stub == e[2].stub + sizeof(site) && e[3].where == IMAGE_CODE, at);
	WANT(w, e[3].original == e->original, at);
}

/* Whether it belongs to a way to the agent. */
static bool in_call_site(const struct whole *w, const struct image_entry *e)
{
	if (is_call(w, e->original))
		return true;
	return e->stub >= 2 && is_call(w, e->original - 2) &&
	       is_lea(w, e->stub, "\x48\x8d\x0d", code_vaddr(&w->code, e->original));
}

/* A displaced instruction: the same but for what is relative to its address. */
static void check_copy(struct whole *w, const struct image_entry *e,
		       const ZydisDecodedInstruction *z)
{
	const struct insn *i = original_insn(w, e->original);
	const uint8_t *copy = w->im->stubs + e->stub;
	uint64_t at = (uint64_t)w->im->stub_vaddr + e->stub;

	if (z->raw.imm[0].is_relative)
		return; /* check_branch() */
	if (i && i->kind == INSN_JMP && z->mnemonic == ZYDIS_MNEMONIC_NOP)
		return; /* where it leads follows */
	WANT(w, i && i->length == z->length, at);
	if (!i || i->length != z->length)
		return;
	if (!(i->props & INSN_RIP)) {
		WANT(w, !memcmp(copy, w->code.text + i->at, i->length), at);
		return;
	}
	WANT(w, !memcmp(copy, w->code.text + i->at, i->disp), at);
	WANT(w,
	     !memcmp(copy + i->disp + 4, w->code.text + i->at + i->disp + 4,
		     i->length - i->disp - 4u),
	     at);
	WANT(w,
	     rel32_at(copy + i->disp, at + i->length) ==
		     rel32_at(w->code.text + i->at + i->disp,
			      code_vaddr(&w->code, i->at) + i->length),
	     at);
}

static void mark_starts(struct whole *w)
{
	const struct image *im = w->im;

	for (size_t k = 0; k < im->n_entries; k++) {
		uint64_t end = k + 1 < im->n_entries ? im->entries[k + 1].stub : im->stub_size;

		if (im->entries[k].where == IMAGE_OUTSIDE)
			continue;
		for (uint64_t at = im->entries[k].stub; at < end;) {
			ZydisDecodedInstruction z;

			w->starts[at / 8] |= (uint8_t)(1 << at % 8);
			if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&w->d, NULL, im->stubs + at,
									end - at, &z))) {
				WANT(w, !"an instruction", (uint64_t)im->stub_vaddr + at);
				break;
			}
			at += z.length;
			WANT(w, at <= end, (uint64_t)im->stub_vaddr + at);
		}
	}
}

static void check_entry(struct whole *w, size_t k)
{
	const struct image *im = w->im;
	const struct image_entry *e = &im->entries[k];
	uint64_t end = k + 1 < im->n_entries ? im->entries[k + 1].stub : im->stub_size;
	uint64_t vaddr = (uint64_t)im->stub_vaddr + e->stub;
	bool first = true;

	WANT(w, e->stub < end, vaddr);
	if (e->where == IMAGE_OUTSIDE)
		return;
	if (e->where == IMAGE_TRAP) {
		struct image_point p = image_find(im, vaddr);

		WANT(w, im->stubs[e->stub] == 0xcc && end == e->stub + 1, vaddr);
		WANT(w, starts_at(w, e->resume), vaddr);
		p = image_find(im, p.resume);
		WANT(w, p.where == IMAGE_CODE, vaddr);
		WANT(w, p.original == im->texts[0].vaddr + e->original, vaddr);
	} else {
		WANT(w, im->stubs[e->stub] != 0xcc, vaddr);
	}
	if (e->where != IMAGE_CODE && !is_call(w, e->original) && !is_site(w, e->original))
		WANT(w, may_be_at(w, e->original), vaddr);
	if (e->where == IMAGE_CODE && is_site(w, e->original) && im->stubs[e->stub] == 0x48 &&
	    e[1].where == IMAGE_COUNTING) {
		check_insn_site(w, k);
		return;
	}
	if (e->where == IMAGE_CODE && in_call_site(w, e)) {
		if (im->stubs[e->stub] == 0x4c)
			check_call_site(w, k);
		return;
	}
	for (uint64_t at = e->stub; at < end && e->where != IMAGE_TRAP; first = false) {
		ZydisDecodedInstruction z;

		if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&w->d, NULL, im->stubs + at,
								end - at, &z)))
			break;
		if (z.raw.imm[0].is_relative)
			check_branch(w, &z, (uint64_t)im->stub_vaddr + at);
		else if (e->where == IMAGE_CODE)
			WANT(w, first, vaddr);
		if (first && e->where == IMAGE_CODE)
			check_copy(w, e, &z);
		at += z.length;
	}
}

/* Each displaced instruction is found, and lies at its own place. */
static void check_displaced(struct whole *w)
{
	for (size_t k = 0; k < w->im->n_patches; k++) {
		const struct image_patch *p = &w->im->patches[k];
		const struct function *f = code_function(&w->code, p->start);
		const struct insn *i = f ? code_insn(&w->code, f, p->start) : NULL;

		WANT(w, i, w->code.base + p->start);
		for (int n = 1; i && n < p->n_insns; n++) {
			uint64_t vaddr = code_vaddr(&w->code, i[n].at);
			int64_t to = image_displaced(w->im, vaddr);
			struct image_point at = image_find(w->im, (uint64_t)to);

			WANT(w, to && at.where == IMAGE_CODE && at.original == vaddr, vaddr);
		}
	}
}

static void check_file(const char *path)
{
	struct image_options opt = {0};
	struct whole w = {.path = path};
	struct buf b = BUF_INIT;
	struct image original;
	double t;

	if (read_file(path, &b)) {
		printf("%s: SKIPPED: not there\n", path);
		return;
	}
	t = now();
	CHECK(image_build(b.data, b.len, &opt, &w.im) == 0);
	t = now() - t;
	if (!w.im)
		return;
	printf("%s: %.1f MB/s; back-edges %llu, uncovered %llu; system calls %llu, patched %llu\n",
	       path, (double)w.im->stats.text_bytes / 1e6 / t,
	       (unsigned long long)w.im->stats.back_edges,
	       (unsigned long long)w.im->stats.uncovered,
	       (unsigned long long)w.im->stats.syscalls.found,
	       (unsigned long long)w.im->stats.syscalls.patched);
	/* Those that stay are before uses of the flags, or of rt_sigreturn. */
	CHECK(w.im->stats.syscalls.no_room * 50 <= w.im->stats.syscalls.found);
	printf("  instructions %llu, patched %llu\n", (unsigned long long)w.im->stats.insns.found,
	       (unsigned long long)w.im->stats.insns.patched);
	CHECK(w.im->stats.uncovered * 2000 <= w.im->stats.back_edges + 2000);
	CHECK(w.im->stats.back_edges > 0);
	CHECK(elf_open(&w.elf, b.data, b.len) == 0);
	w.code = (struct code){.elf = &w.elf, .stats = &w.stats};
	original = *w.im;
	for (size_t k = 0; k < original.n_texts; k++) {
		struct image_text *x = &original.texts[k];
		uint8_t *copy = xmalloc(x->size);

		memcpy(copy, x->bytes, x->size);
		image_hide(w.im, x->vaddr, copy, x->size);
		x->bytes = copy;
	}
	check_original(&w, &original);
	CHECK(code_open(&w.code, &original) == 0);
	w.starts = xcalloc(1, w.im->stub_size / 8 + 1);
	ZydisDecoderInit(&w.d, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	CHECK(w.im->n_entries > 0 && w.im->entries[0].stub == 0);
	mark_starts(&w);
	for (size_t k = 0; k < w.im->n_entries; k++)
		check_entry(&w, k);
	check_patches(&w);
	check_displaced(&w);
	CHECK(w.calls == w.im->stats.syscalls.patched);
	CHECK(w.insns == w.im->stats.insns.patched);
	for (size_t k = 0; k < original.n_texts; k++)
		free(original.texts[k].bytes);
	free(w.starts);
	code_release(&w.code);
	elf_close(&w.elf);
	image_free(w.im);
	buf_release(&b);
}

int main(int argc, char **argv)
{
	for (int k = 1; k < argc; k++)
		check_file(argv[k]);
	return check_status("image whole");
}
