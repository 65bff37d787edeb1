/*
 * The programs of this machine: what the reader finds in each is what readelf says of it, put
 * together in another way (layers of painted bytes, sets of addresses).
 *
 * Equal must be: FDEs; functions; PLTs; and targets, except that readelf does not know of landing
 * pads, nor of words that look like addresses: such ones must be where these can be.
 *
 * usage: test-elf-system FILE...      one that does not exist is skipped aloud
 */
#include "elf-check.h"

#include "base/map.h"
#include "image/eh_frame.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct said { /* by readelf */
	const struct elf_file *f;
	struct map signal_cies, lsda_cies; /* by offset */
	struct code_ranges frames;	   /* FDEs without those of signal frames */
	struct code_ranges signals, with_lsda;
	struct code_ranges symbols; /* functions with a size */
	struct code_ranges plts;
	struct code_bits targets;
	uint64_t cie;
	bool in_eh_frame;
	size_t n_relocations;
};

static void add_range(struct said *s, struct code_ranges *r, uint64_t start, uint64_t end)
{
	if (start < end && elf_text(s->f, start) &&
	    elf_text(s->f, start) == elf_text(s->f, end - 1))
		code_ranges_add(r, start, end);
}

static void hear_frame(void *ctx, char *line)
{
	struct said *s = ctx;
	uint64_t start, end, unused;

	if (strstr(line, "Contents of the "))
		s->in_eh_frame = strstr(line, " .eh_frame ");
	if (!s->in_eh_frame)
		return;
	if (strstr(line, " CIE")) {
		sscanf(line, "%" SCNx64, &s->cie);
	} else if (strstr(line, "Augmentation: ") && strchr(line, '"')) {
		if (strchr(strchr(line, '"'), 'S'))
			map_set(&s->signal_cies, s->cie + 1, 1);
		if (strchr(strchr(line, '"'), 'L'))
			map_set(&s->lsda_cies, s->cie + 1, 1);
	} else if (sscanf(line, "%*x %*x %*x FDE cie=%" SCNx64 " pc=%" SCNx64 "..%" SCNx64, &s->cie,
			  &start, &end) == 3) {
		bool is_signal = map_get(&s->signal_cies, s->cie + 1, &unused);

		add_range(s, is_signal ? &s->signals : &s->frames, start, end);
		if (map_get(&s->lsda_cies, s->cie + 1, &unused))
			add_range(s, &s->with_lsda, start, end);
		if (start < end) {
			code_bits_set(&s->targets, start);
			if (is_signal)
				code_bits_set(&s->targets, start + 1);
		}
	}
}

static void hear_symbol(void *ctx, char *line)
{
	struct said *s = ctx;
	char size_text[32], type[16], section[16];
	uint64_t value, size;

	if (sscanf(line, " %*d: %" SCNx64 " %31s %15s %*s %*s %15s", &value, size_text, type,
		   section) != 4 ||
	    !strcmp(section, "UND"))
		return;
	size = strtoull(size_text, NULL, 0);
	if (!strcmp(type, "SECTION") || !strcmp(type, "FILE") || !strcmp(type, "TLS"))
		return;
	code_bits_set(&s->targets, value);
	/* V8's are left out on purpose. */
	if ((!strcmp(type, "FUNC") || !strcmp(type, "IFUNC")) && !strstr(line, " Builtins_"))
		add_range(s, &s->symbols, value, value + size);
}

static void set_word_at(struct said *s, uint64_t vaddr)
{
	const uint8_t *p = elf_at(s->f, vaddr, 8);

	if (p)
		code_bits_set(&s->targets, load64(p));
}

/*
 * OFFSET INFO TYPE ADDEND              R_X86_64_RELATIVE
 * OFFSET INFO TYPE VALUE NAME + ADDEND others
 * PLACE                                of RELR
 */
static void hear_relocation(void *ctx, char *line)
{
	struct said *s = ctx;
	uint64_t place, info, value = 0, addend = 0;
	char type[32], *sign;
	int n = sscanf(line, "%" SCNx64 " %" SCNx64 " %31s %" SCNx64, &place, &info, type, &value);

	if (n == 1 && strlen(line) == 16) {
		set_word_at(s, place);
		return;
	}
	if (n < 4 || strncmp(type, "R_X86_64_", 9) != 0 || strstr(type, "TP") ||
	    strstr(type, "COPY"))
		return;
	sign = strstr(line, " + ");
	if (!sign)
		sign = strstr(line, " - ");
	if (info >> 32 && sign)
		addend = strtoull(sign + 3, NULL, 16);
	if (info >> 32 && value == 0)
		return; /* undefined here */
	code_bits_set(&s->targets, sign && sign[1] == '-' ? value - addend : value + addend);
	s->n_relocations++;
}

static void hear_dynamic(void *ctx, char *line)
{
	static uint64_t array;
	static const char *const names[] = {"(INIT_ARRAY)", "(FINI_ARRAY)", "(PREINIT_ARRAY)"};
	static const char *const sizes[] = {"(INIT_ARRAYSZ)", "(FINI_ARRAYSZ)",
					    "(PREINIT_ARRAYSZ)"};
	struct said *s = ctx;
	const char *at = strchr(line, ')');
	uint64_t value = at ? strtoull(at + 1, NULL, 0) : 0;

	if (strstr(line, "(INIT)") || strstr(line, "(FINI)"))
		code_bits_set(&s->targets, value);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strstr(line, names[i]))
			array = value;
		if (strstr(line, sizes[i]))
			for (uint64_t k = 0; k < value; k += 8)
				set_word_at(s, array + k);
	}
}

static void hear_section(void *ctx, char *line)
{
	static const char *const names[] = {".plt", ".plt.sec", ".plt.got"};
	struct said *s = ctx;
	char name[64];
	uint64_t start, offset, size;

	if (sscanf(line, " [%*[^]]] %63s PROGBITS %" SCNx64 " %" SCNx64 " %" SCNx64, name, &start,
		   &offset, &size) == 4)
		for (size_t i = 0; i < ARRAY_SIZE(names); i++)
			if (!strcmp(name, names[i]))
				code_ranges_add(&s->plts, start, start + size);
}

static void ask(struct said *s, const char *path, const char *options, void (*fn)(void *, char *))
{
	char *command = xasprintf("LC_ALL=C readelf -W %s '%s' 2>/dev/null", options, path);

	for_lines(command, fn, s);
	free(command);
}

/* --- functions: layers of paint --- */

static int longest_first(const void *pa, const void *pb)
{
	const struct code_range *a = pa, *b = pb;
	int order = compare_starts(pa, pb);

	return order ? order : (a->end < b->end) - (a->end > b->end);
}

/* Paint in order of address what is not yet painted: paint[] holds numbers of ranges, plus 1. */
static void paint(uint32_t *canvas, uint64_t base, struct code_ranges *r)
{
	if (r->n)
		qsort(r->v, r->n, sizeof(*r->v), longest_first);
	for (size_t i = 0; i < r->n; i++)
		for (uint64_t a = r->v[i].start; a < r->v[i].end; a++)
			if (!canvas[a - base])
				canvas[a - base] = i + 1;
}

/* The ranges on the upper canvas that have nothing under them, and those of the lower one. */
static void develop(const uint32_t *lower, const uint32_t *upper, uint64_t base, uint64_t n,
		    struct code_ranges *out)
{
	for (uint64_t i = 0, end; i < n; i = end) {
		bool covered = false;

		end = i + 1;
		if (lower[i]) {
			while (end < n && lower[end] == lower[i])
				end++;
			code_ranges_add(out, base + i, base + end);
		} else if (upper[i] && (i == 0 || upper[i - 1] != upper[i])) {
			uint64_t k = i;

			for (; k < n && upper[k] == upper[i]; k++)
				covered |= lower[k] != 0;
			if (!covered) {
				end = k;
				code_ranges_add(out, base + i, base + end);
			}
		}
	}
}

static void drop_plts(struct code_ranges *r, const struct code_ranges *plts)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		bool keep = true;

		for (size_t k = 0; k < plts->n; k++)
			keep &= r->v[i].end <= plts->v[k].start || plts->v[k].end <= r->v[i].start;
		if (keep)
			r->v[n++] = r->v[i];
	}
	r->n = n;
}

static void expect_functions(struct said *s, struct code_ranges *out)
{
	const struct elf_file *f = s->f;
	uint64_t base = f->segments[0].vaddr;
	const struct elf_segment *last = &f->segments[f->n_segments - 1];
	uint64_t n = last->vaddr + last->mem_size - base;
	uint32_t *lower = xcalloc(n, sizeof(*lower)), *upper = xcalloc(n, sizeof(*upper));

	paint(lower, base, &s->frames);
	paint(upper, base, &s->symbols);
	develop(lower, upper, base, n, out);
	drop_plts(out, &s->plts);
	free(lower);
	free(upper);
}

/* --- checks --- */

static void check_frames(const char *path, const struct elf_file *f, struct said *s)
{
	struct code_ranges frames = {0}, signals = {0};
	struct eh_frames it;
	struct eh_fde fde;

	for (eh_frames_init(&it, f); eh_frames_next(&it, &fde);)
		code_ranges_add(fde.signal_frame ? &signals : &frames, fde.start, fde.end);
	CHECK(it.error == 0);
	sort_ranges(&frames);
	sort_ranges(&signals);
	sort_ranges(&s->frames);
	sort_ranges(&s->signals);
	compare_to(path, &frames, &s->frames);
	compare_to(path, &signals, &s->signals);
	code_ranges_release(&frames);
	code_ranges_release(&signals);
}

static size_t check_functions(const char *path, const struct elf_file *f, struct said *s)
{
	struct code_ranges functions, plts, want = {0};
	size_t n;

	CHECK(elf_functions(f, &functions) == 0 && elf_plts(f, &plts) == 0);
	expect_functions(s, &want);
	sort_ranges(&s->plts);
	compare_to(path, &functions, &want);
	compare_to(path, &plts, &s->plts);
	n = functions.n;
	code_ranges_release(&functions);
	code_ranges_release(&plts);
	code_ranges_release(&want);
	return n;
}

/* All aligned words of the file, wherever they stand. */
static void add_words(const struct elf_file *f, struct code_bits *b)
{
	for (size_t i = 0; f->fixed && i < f->n_segments; i++) {
		const struct elf_segment *s = &f->segments[i];

		for (uint64_t at = 0; at + 4 <= s->file_size; at += 4) {
			code_bits_set(b, load32(f->bytes + s->offset + at));
			if (at + 8 <= s->file_size)
				code_bits_set(b, load64(f->bytes + s->offset + at));
		}
	}
}

/* In data that can be written, every word must have been seen. */
static void want_words(const struct elf_file *f, struct code_bits *b)
{
	for (size_t i = 0; f->fixed && i < f->n_segments; i++) {
		const struct elf_segment *s = &f->segments[i];

		for (uint64_t at = -s->vaddr & 7; at + 8 <= s->file_size; at += 8)
			if (!(s->flags & PF_X))
				code_bits_set(b, load64(f->bytes + s->offset + at));
	}
}

static size_t check_targets(const char *path, const struct elf_file *f, struct said *s)
{
	const uint64_t end = 1ULL << 47;
	struct code_bits targets, words;
	size_t n = 0;

	code_bits_init(&targets, f);
	code_bits_init(&words, f);
	CHECK(elf_targets(f, &targets) == 0);
	code_bits_set(&s->targets, f->entry);
	add_words(f, &words);
	want_words(f, &s->targets);
	sort_ranges(&s->with_lsda);
	for (uint64_t at = 0; (at = code_bits_next(&targets, at, end)) < end; at++, n++)
		if (code_ranges_find(&s->with_lsda, at) || code_bits_test(&words, at))
			code_bits_set(&s->targets, at);
	compare_bits(path, &targets, &s->targets);
	code_bits_release(&targets);
	code_bits_release(&words);
	return n;
}

static bool has_defined(struct elf_span s)
{
	Elf64_Sym sym;

	for (; s.n >= sizeof(sym); s.p += sizeof(sym), s.n -= sizeof(sym)) {
		memcpy(&sym, s.p, sizeof(sym));
		if (sym.st_shndx != SHN_UNDEF)
			return true;
	}
	return false;
}

/* Without section headers, and without .symtab, all is as before. */
static void check_bare(const char *path, const struct elf_file *f)
{
	struct code_ranges functions, bare_functions, plts, bare_plts;
	struct elf_span all = elf_symbols(f, SHT_DYNSYM), bare_symbols, symtab;
	struct code_bits targets, bare_targets;
	struct elf_file bare = *f;
	struct pclntab t;

	bare.n_sections = 0;
	bare_symbols = elf_symbols(&bare, SHT_DYNSYM);
	CHECK(bare_symbols.n <= all.n && (!all.n || bare_symbols.p == all.p || !bare_symbols.n));
	all.p += bare_symbols.n; /* only those that are looked up can be counted */
	all.n -= bare_symbols.n;
	CHECK(!has_defined(all));

	symtab = elf_symbols(f, SHT_SYMTAB);
	if (symtab.n)
		return;
	CHECK(!pclntab_find(f, &t) && !pclntab_find(&bare, &t));
	code_bits_init(&targets, f);
	code_bits_init(&bare_targets, &bare);
	CHECK(elf_functions(f, &functions) == 0 && elf_functions(&bare, &bare_functions) == 0);
	CHECK(elf_plts(f, &plts) == 0 && elf_plts(&bare, &bare_plts) == 0);
	CHECK(elf_targets(f, &targets) == 0 && elf_targets(&bare, &bare_targets) == 0);
	compare_to(path, &bare_functions, &functions);
	compare_to(path, &bare_plts, &plts);
	compare_bits(path, &bare_targets, &targets);
	code_ranges_release(&functions);
	code_ranges_release(&bare_functions);
	code_ranges_release(&plts);
	code_ranges_release(&bare_plts);
	code_bits_release(&targets);
	code_bits_release(&bare_targets);
}

static void check_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct said s = {0};
	struct elf_file f;
	struct stat st;
	size_t functions, targets;
	void *bytes;

	if (fd < 0 || fstat(fd, &st)) {
		printf("%s: SKIPPED: %s\n", path, strerror(errno));
		return;
	}
	bytes = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (bytes == MAP_FAILED || elf_open(&f, bytes, st.st_size)) {
		FAIL("%s: cannot be read\n", path);
		return;
	}
	s.f = &f;
	code_bits_init(&s.targets, &f);
	ask(&s, path, "--debug-dump=frames,no-follow-links", hear_frame);
	ask(&s, path, "--syms", hear_symbol);
	ask(&s, path, "--relocs", hear_relocation);
	ask(&s, path, "--dynamic", hear_dynamic);
	ask(&s, path, "--sections", hear_section);
	check_frames(path, &f, &s);
	functions = check_functions(path, &f, &s);
	targets = check_targets(path, &f, &s);
	check_bare(path, &f);
	CHECK(s.frames.n > 2 && functions > 2);
	printf("%s: %zu FDEs, %zu functions, %zu targets, %zu relocations of code or data\n", path,
	       s.frames.n, functions, targets, s.n_relocations);
	map_release(&s.signal_cies);
	map_release(&s.lsda_cies);
	code_ranges_release(&s.frames);
	code_ranges_release(&s.signals);
	code_ranges_release(&s.with_lsda);
	code_ranges_release(&s.symbols);
	code_ranges_release(&s.plts);
	code_bits_release(&s.targets);
	elf_close(&f);
	munmap(bytes, st.st_size);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		check_file(argv[i]);
	check_file(argv[0]);
	printf("%s\n", failures ? "FAILED" : "ok");
	return failures ? 1 : 0;
}
