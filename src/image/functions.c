/*
 * Which bytes of an ELF file are functions.
 *
 * Three sources of falling trust are merged: FDEs, Go's table, symbols. Each is sorted and freed of
 * overlaps by itself; then what intersects nothing better is merged in. That costs a sort and a few
 * linear passes, whatever the file says.
 */
#include "image/eh_frame.h"

#include "base/buf.h"
#include "base/search.h"

#include <errno.h>

void code_ranges_add(struct code_ranges *r, uint64_t start, uint64_t end)
{
	if (r->n == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 256;
		r->v = xrealloc(r->v, r->cap * sizeof(*r->v));
	}
	r->v[r->n++] = (struct code_range){start, end};
}

void code_ranges_release(struct code_ranges *r)
{
	free(r->v);
	*r = (struct code_ranges){0};
}

const struct code_range *code_ranges_find(const struct code_ranges *r, uint64_t vaddr)
{
	size_t i = FIRST_WHERE(k, r->n, vaddr < r->v[k].end);

	return i < r->n && r->v[i].start <= vaddr ? &r->v[i] : NULL;
}

/* By start; of equal ones the longest first. */
static int compare_ranges(const void *pa, const void *pb)
{
	const struct code_range *a = pa, *b = pb;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return (a->end < b->end) - (a->end > b->end);
}

static bool is_sorted(const struct code_ranges *r)
{
	for (size_t i = 1; i < r->n; i++)
		if (compare_ranges(&r->v[i - 1], &r->v[i]) > 0)
			return false;
	return true;
}

/* Sort, and cut off what an earlier range covers. */
static void normalize(struct code_ranges *r)
{
	uint64_t end = 0;
	size_t n = 0;

	if (!is_sorted(r))
		qsort(r->v, r->n, sizeof(*r->v), compare_ranges);
	for (size_t i = 0; i < r->n; i++) {
		struct code_range range = r->v[i];

		if (range.end <= end)
			continue;
		range.start = max_u64(range.start, end);
		end = range.end;
		r->v[n++] = range;
	}
	r->n = n;
}

/* Merge into `r` those of `more` that do not intersect any of it; both are normal. */
static void merge(struct code_ranges *r, struct code_ranges *more)
{
	struct code_ranges out = {0};
	size_t i = 0, k = 0;

	if (!more->n)
		return;
	out.cap = r->n + more->n;
	out.v = xmalloc(out.cap * sizeof(*out.v));
	while (i < r->n || k < more->n) {
		if (k == more->n || (i < r->n && r->v[i].end <= more->v[k].start))
			out.v[out.n++] = r->v[i++];
		else if (i == r->n || more->v[k].end <= r->v[i].start)
			out.v[out.n++] = more->v[k++];
		else
			k++;
	}
	code_ranges_release(r);
	*r = out;
}

/* Remove those that intersect one of `others`. */
static void drop(struct code_ranges *r, const struct code_ranges *others)
{
	size_t n = 0, k = 0;

	for (size_t i = 0; i < r->n; i++) {
		while (k < others->n && others->v[k].end <= r->v[i].start)
			k++;
		if (k == others->n || r->v[i].end <= others->v[k].start)
			r->v[n++] = r->v[i];
	}
	r->n = n;
}

/* Ranges that are not in one executable segment are nothing. */
static void add_checked(const struct elf_file *f, struct code_ranges *r, uint64_t start,
			uint64_t end)
{
	const struct elf_segment *text = elf_text(f, start);

	if (text && start < end && end - text->vaddr <= text->file_size)
		code_ranges_add(r, start, end);
}

static int add_frames(const struct elf_file *f, struct code_ranges *r)
{
	struct eh_frames it;
	struct eh_fde fde;

	for (eh_frames_init(&it, f); eh_frames_next(&it, &fde);)
		if (!fde.signal_frame)
			code_ranges_add(r, fde.start, fde.end);
	return it.error;
}

static void add_go(const struct elf_file *f, struct code_ranges *r)
{
	struct pclntab t;
	uint64_t resume;

	if (!pclntab_find(f, &t))
		return;
	for (size_t i = 0; i < t.n; i++) {
		struct code_range range = pclntab_function(&t, i, &resume);

		add_checked(f, r, range.start, range.end);
	}
}

/* .strtab, of the symbols in .symtab. */
static struct elf_span symbol_names(const struct elf_file *f)
{
	struct elf_section s;

	for (size_t i = 0; i < f->n_sections; i++)
		if (elf_section(f, i, &s) && s.type == SHT_STRTAB && !strcmp(s.name, ".strtab"))
			return s.span;
	return (struct elf_span){0};
}

/*
 * V8's built-in functions: the program copies them to be near the code that it generates, and
 * copies of patched code would jump to nowhere. Nothing describes them but these symbols.
 */
static bool is_copied(struct elf_span names, uint32_t name)
{
	static const char prefix[] = "Builtins_";

	return name < names.n && names.n - name >= sizeof(prefix) &&
	       !memcmp(names.p + name, prefix, sizeof(prefix) - 1);
}

/*
 * Mono's compiled files have a PLT of their own, `jmp *got(%rip)` and a number, and the runtime
 * looks at the instruction to find the slot's place in the table.
 */
static bool is_mono_slot(const struct elf_file *f, const Elf64_Sym *sym)
{
	enum { SLOT = 10 };
	const uint8_t *p = elf_at(f, sym->st_value, SLOT);

	return sym->st_size == SLOT && p && !memcmp(p, "\xff\x25", 2);
}

static void add_symbols(const struct elf_file *f, struct code_ranges *r, struct elf_span s,
			struct elf_span names, bool left_alone)
{
	Elf64_Sym sym;

	for (; s.n >= sizeof(sym); s.p += sizeof(sym), s.n -= sizeof(sym)) {
		unsigned int type;

		memcpy(&sym, s.p, sizeof(sym));
		type = ELF64_ST_TYPE(sym.st_info);
		if ((type == STT_FUNC || type == STT_GNU_IFUNC) && elf_symbol_has_address(&sym) &&
		    sym.st_size <= f->size &&
		    (is_copied(names, sym.st_name) || is_mono_slot(f, &sym)) == left_alone)
			add_checked(f, r, sym.st_value, sym.st_value + sym.st_size);
	}
}

int elf_functions(const struct elf_file *f, struct code_ranges *out)
{
	struct code_ranges more = {0}, plts = {0};
	int ret;

	*out = (struct code_ranges){0};
	ret = add_frames(f, out);
	if (ret)
		return ret;
	normalize(out);

	add_go(f, &more);
	normalize(&more);
	merge(out, &more);
	code_ranges_release(&more);

	add_symbols(f, &more, elf_symbols(f, SHT_SYMTAB), symbol_names(f), false);
	add_symbols(f, &more, elf_symbols(f, SHT_DYNSYM), (struct elf_span){0}, false);
	normalize(&more);
	merge(out, &more);
	code_ranges_release(&more);

	ret = elf_plts(f, &plts);
	if (!ret)
		drop(out, &plts);
	code_ranges_release(&plts);
	return ret;
}

/* --- PLTs --- */

#define PLT_SLOT 16

static bool has(const uint8_t **p, const char *code, size_t n)
{
	if (memcmp(*p, code, n))
		return false;
	*p += n;
	return true;
}

/*
 * One of the forms of the psABI: `jmp *got(%rip)`, `push $n; jmp plt0`, and the first one, `push
 * got(%rip); jmp *got(%rip)`; each perhaps with endbr64 and bnd in front.
 */
static bool is_plt_slot(const uint8_t *p)
{
	has(&p, "\xf3\x0f\x1e\xfa", 4);
	has(&p, "\xf2", 1);
	if (has(&p, "\xff\x25", 2))
		return true;
	if (!has(&p, "\x68", 1) && !has(&p, "\xff\x35", 2))
		return false;
	p += 4;
	has(&p, "\xf2", 1);
	return has(&p, "\xe9", 1) || has(&p, "\xff\x25", 2);
}

static bool is_plt(const struct elf_file *f, const struct eh_fde *fde)
{
	const uint8_t *p = elf_at(f, fde->start, fde->end - fde->start);
	uint64_t n = fde->end - fde->start;

	if (fde->start % 8 || n < 8 || n % 8)
		return false;
	for (; n >= PLT_SLOT; p += PLT_SLOT, n -= PLT_SLOT)
		if (!is_plt_slot(p))
			return false;
	return n == 0 || memcmp(p, "\xff\x25", 2) == 0; /* the last of an odd number of .plt.got */
}

/* Without section headers: ld gives each PLT an FDE. Where others do not, it is no function. */
static int find_plts(const struct elf_file *f, struct code_ranges *out)
{
	struct eh_frames it;
	struct eh_fde fde;

	for (eh_frames_init(&it, f); eh_frames_next(&it, &fde);)
		if (is_plt(f, &fde))
			code_ranges_add(out, fde.start, fde.end);
	return it.error;
}

int elf_plts(const struct elf_file *f, struct code_ranges *out)
{
	static const char *const names[] = {".plt", ".plt.sec", ".plt.got", ".plt.bnd", ".iplt"};
	struct elf_section s;
	int ret = 0;

	*out = (struct code_ranges){0};
	if (!f->n_sections)
		ret = find_plts(f, out);
	for (size_t i = 0; i < f->n_sections; i++) {
		if (!elf_section(f, i, &s))
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(names); k++)
			if (!strcmp(s.name, names[k]) && elf_section_is_loaded(f, &s))
				add_checked(f, out, s.span.vaddr, s.span.vaddr + s.span.n);
	}
	normalize(out);
	return ret;
}

int elf_left_alone(const struct elf_file *f, struct code_ranges *out)
{
	int ret = elf_plts(f, out);

	if (!ret) {
		add_symbols(f, out, elf_symbols(f, SHT_SYMTAB), symbol_names(f), true);
		normalize(out);
	}
	return ret;
}
