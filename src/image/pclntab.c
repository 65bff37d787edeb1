/*
 * Go's table of functions, .gopclntab: the only one in a stripped Go program, which has no
 * .eh_frame. Layouts of Go 1.2, 1.16, 1.18 and 1.20 (runtime/symtab.go, `pcHeader`; the magic
 * number tells them apart):
 *
 *	u32 magic; u8 0, 0; u8 instruction size quantum; u8 pointer size;
 *	1.2:  uintptr nfunc; functab of {uintptr pc, uintptr func}
 *	1.16: uintptr nfunc, nfiles, 4 offsets, offset of functab, the same way
 *	1.18: uintptr nfunc, nfiles, text, 4 offsets, offset of functab of {u32 pc - text, u32 func}
 *
 * `func` is an offset of a record: u32 (before 1.18: uintptr) entry; i32 name, args; u32 offset of
 * the deferreturn call in the function, where it resumes if a panic was recovered.
 */
#include "image/elf_tables.h"

#define MAGIC_2	     0xfffffffbU
#define MAGIC_16     0xfffffffaU
#define MAGIC_18     0xfffffff0U
#define MAGIC_20     0xfffffff1U

#define HEADER_BYTES 8
#define MAX_TRIES    16 /* of what only begins like a table */

/* The magic number, two zeroes, quantum 1, pointer size 8. */
static bool is_header(const uint8_t *p)
{
	uint32_t magic = load32(p);

	return load32(p + 4) == 0x08010000 &&
	       (magic == MAGIC_2 || magic == MAGIC_16 || magic == MAGIC_18 || magic == MAGIC_20);
}

struct wanted {
	uint64_t place, value;
};

static void note_value(void *ctx, uint64_t place, uint64_t value)
{
	struct wanted *w = ctx;

	if (place == w->place)
		w->value = value;
}

/* A word that a relocation may fill in. */
static uint64_t relocated_word(const struct elf_file *f, const struct elf_span *s, uint64_t at)
{
	struct wanted w = {s->vaddr + at, load64(s->p + at)};

	if (!w.value && elf_relocations(f, note_value, &w))
		return 0;
	return w.value;
}

static bool read_header(const struct elf_file *f, struct pclntab *t)
{
	const struct elf_span *s = &t->table;
	uint32_t magic;
	uint64_t at, n, width;

	if (s->n < HEADER_BYTES + 8 * 8 || !is_header(s->p))
		return false;
	magic = load32(s->p);
	t->narrow = magic == MAGIC_18 || magic == MAGIC_20;
	n = load64(s->p + 8);
	if (magic == MAGIC_2)
		at = 16;
	else
		at = load64(s->p + (t->narrow ? 64 : 56));
	t->funcs = magic == MAGIC_2 ? 0 : at;
	width = t->narrow ? 4 : 8;
	if (at > s->n || s->n - at < width || n > (s->n - at - width) / (2 * width))
		return false;
	t->functab = s->p + at;
	t->n = n;
	if (t->narrow)
		t->text = relocated_word(f, s, 24);
	return elf_text(f, t->text + (t->narrow ? load32(t->functab) : load64(t->functab)));
}

/* It is aligned; a linker that puts it into .data.rel.ro hides it from us only by name. */
static bool find_by_magic(const struct elf_file *f, struct pclntab *t)
{
	int tries = 0;

	for (size_t i = 0; i < f->n_segments; i++) {
		const struct elf_segment *s = &f->segments[i];
		const uint8_t *p = f->bytes + s->offset;

		for (uint64_t at = -s->vaddr & 15; at + HEADER_BYTES <= s->file_size; at += 16) {
			if (!is_header(p + at))
				continue;
			*t = (struct pclntab){
				.table = {p + at, s->file_size - at, s->vaddr + at},
			};
			if (read_header(f, t))
				return true;
			if (++tries == MAX_TRIES)
				return false;
		}
	}
	return false;
}

bool pclntab_find(const struct elf_file *f, struct pclntab *t)
{
	struct elf_span s;

	*t = (struct pclntab){0};
	if (elf_section_named(f, ".gopclntab", &t->table) ||
	    elf_section_named(f, ".data.rel.ro.gopclntab", &t->table))
		return read_header(f, t);
	if (f->n_sections && !elf_section_named(f, ".go.buildinfo", &s) &&
	    !elf_section_named(f, ".note.go.buildid", &s))
		return false;
	return find_by_magic(f, t);
}

static uint64_t functab_word(const struct pclntab *t, size_t i)
{
	return t->narrow ? load32(t->functab + 4 * i) : load64(t->functab + 8 * i);
}

static uint64_t resume_point(const struct pclntab *t, uint64_t start, uint64_t at)
{
	uint64_t skipped = t->narrow ? 12 : 16; /* the fields in front */
	uint32_t offset;

	if (at > t->table.n - t->funcs || t->table.n - t->funcs - at < skipped + 4)
		return 0;
	offset = load32(t->table.p + t->funcs + at + skipped);
	return offset ? start + offset : 0;
}

struct code_range pclntab_function(const struct pclntab *t, size_t i, uint64_t *resume)
{
	struct code_range r = {
		t->text + functab_word(t, 2 * i),
		t->text + functab_word(t, 2 * i + 2),
	};

	*resume = resume_point(t, r.start, functab_word(t, 2 * i + 1));
	return r;
}
