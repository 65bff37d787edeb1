/*
 * Addresses of code that data names. To say too many costs a few safepoints; to miss one can break
 * a program: when in doubt, an address is a target.
 */
#include "image/eh_frame.h"

#include <errno.h>

static void set_relocated(void *ctx, uint64_t place, uint64_t value)
{
	code_bits_set(ctx, value);
}

static void set_symbols(struct elf_span s, struct code_bits *out)
{
	Elf64_Sym sym;

	for (; s.n >= sizeof(sym); s.p += sizeof(sym), s.n -= sizeof(sym)) {
		memcpy(&sym, s.p, sizeof(sym));
		if (elf_symbol_has_address(&sym))
			code_bits_set(out, sym.st_value);
	}
}

static void set_array(struct elf_span s, struct code_bits *out)
{
	for (; s.n >= 8; s.p += 8, s.n -= 8)
		code_bits_set(out, load64(s.p));
}

/* What the loader calls. */
static void set_initializers(const struct elf_file *f, struct code_bits *out)
{
	uint64_t vaddr;

	if (elf_dynamic(f, DT_INIT, &vaddr))
		code_bits_set(out, vaddr);
	if (elf_dynamic(f, DT_FINI, &vaddr))
		code_bits_set(out, vaddr);
	set_array(elf_dynamic_table(f, DT_INIT_ARRAY, DT_INIT_ARRAYSZ), out);
	set_array(elf_dynamic_table(f, DT_FINI_ARRAY, DT_FINI_ARRAYSZ), out);
	set_array(elf_dynamic_table(f, DT_PREINIT_ARRAY, DT_PREINIT_ARRAYSZ), out);
}

/* Landing pads, and, if `starts`, where the functions of FDEs start. */
static int set_frames(const struct elf_file *f, bool starts, struct code_bits *out)
{
	uint64_t budget = 2 * f->size;
	struct eh_frames it;
	struct eh_fde fde;

	for (eh_frames_init(&it, f); eh_frames_next(&it, &fde);) {
		int ret = 0;

		if (starts)
			code_bits_set(out, fde.start);
		if (starts && fde.signal_frame)
			code_bits_set(out, fde.start + 1);
		if (fde.lsda)
			ret = eh_landing_pads(f, &fde, out, &budget);
		if (ret == -EINVAL && fde.end - fde.start <= budget) {
			budget -= fde.end - fde.start;
			for (uint64_t a = fde.start; a < fde.end; a++)
				code_bits_set(out, a);
		} else if (ret) {
			return -ENOEXEC;
		}
	}
	return it.error;
}

static void set_go(const struct elf_file *f, bool starts, struct code_bits *out)
{
	struct pclntab t;
	uint64_t resume;

	if (!pclntab_find(f, &t))
		return;
	for (size_t i = 0; i < t.n; i++) {
		uint64_t start = pclntab_function(&t, i, &resume).start;

		if (starts)
			code_bits_set(out, start);
		if (resume)
			code_bits_set(out, resume);
	}
}

/* --- words that look like addresses --- */

static void scan(const struct code_bits_segment *lo, const struct code_bits_segment *hi,
		 const uint8_t *p, uint64_t n, struct code_bits *out)
{
	uint64_t low = lo->start, span = hi->end - low;
	bool high = hi->end > UINT32_MAX;

	/* If all code is below 4 GB, the low half of a long word says all that it can say. */
	for (; n >= 4; p += 4, n -= 4) {
		uint64_t word = load32(p);

		if (word - low < span)
			code_bits_set(out, word);
		if (high && n >= 8 && load64(p) - low < span)
			code_bits_set(out, load64(p));
	}
}

/* [start, end) of a segment, from the first aligned word on. */
static void scan_range(const struct elf_file *f, uint64_t start, uint64_t end,
		       struct code_bits *out)
{
	const uint8_t *p;

	start = (start + 3) & ~3ULL;
	if (!out->n || start >= end || !(p = elf_at(f, start, end - start)))
		return;
	scan(&out->v[0], &out->v[out->n - 1], p, end - start, out);
}

/* Of text, only what is between functions. */
static int scan_words(const struct elf_file *f, struct code_bits *out)
{
	struct code_ranges functions;
	int ret = elf_functions(f, &functions);
	size_t k = 0;

	for (size_t i = 0; !ret && i < f->n_segments; i++) {
		const struct elf_segment *s = &f->segments[i];
		uint64_t at = s->vaddr, end = s->vaddr + s->file_size;

		if (s->flags & PF_X) {
			for (; k < functions.n && functions.v[k].start < end; k++) {
				scan_range(f, at, functions.v[k].start, out);
				at = functions.v[k].end;
			}
		}
		scan_range(f, at, end, out);
	}
	code_ranges_release(&functions);
	return ret;
}

int elf_targets(const struct elf_file *f, struct code_bits *out)
{
	int ret;

	code_bits_set(out, f->entry);
	set_symbols(elf_symbols(f, SHT_SYMTAB), out);
	set_symbols(elf_symbols(f, SHT_DYNSYM), out);
	set_initializers(f, out);
	set_go(f, true, out);
	ret = elf_relocations(f, set_relocated, out);
	if (!ret)
		ret = set_frames(f, true, out);
	if (!ret && f->fixed)
		ret = scan_words(f, out);
	return ret;
}

int elf_landing_pads(const struct elf_file *f, struct code_bits *out)
{
	set_go(f, false, out);
	return set_frames(f, false, out);
}
