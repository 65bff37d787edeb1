/*
 * elf-sample.S, linked in one of several ways: what the reader finds in the file without symbols,
 * with and without section headers, is exactly what the names of the symbols say.
 *
 * usage: test-elf-sample LINKED STRIPPED
 */
#include "elf-check.h"

#define MAX_SYMBOLS 100

static struct symbol {
	char name[64];
	uint64_t vaddr;
	bool dynamic;
} symbols[MAX_SYMBOLS];
static size_t n_symbols;

static void add_symbol(void *ctx, char *line)
{
	struct symbol *s = &symbols[n_symbols];
	bool *dynamic = ctx;
	char type;

	if (n_symbols == MAX_SYMBOLS ||
	    sscanf(line, "%" SCNx64 " %c %63s", &s->vaddr, &type, s->name) != 3)
		return;
	s->dynamic = *dynamic;
	n_symbols++;
}

static const struct symbol *find(const char *name, bool dynamic)
{
	for (size_t i = 0; i < n_symbols; i++)
		if (symbols[i].dynamic == dynamic && !strcmp(symbols[i].name, name))
			return &symbols[i];
	return NULL;
}

static uint64_t end_of(const struct symbol *s)
{
	char *name = xasprintf("%s_end", s->name);
	const struct symbol *end = find(name, false);

	free(name);
	return end ? end->vaddr : 0;
}

/* PLTs, as section headers have them. */
static void add_plt(void *ctx, char *line)
{
	uint64_t start, offset, size;
	const char *at = strstr(line, " .plt");

	if (at &&
	    sscanf(at, " .plt%*s PROGBITS %" SCNx64 " %" SCNx64 " %" SCNx64, &start, &offset,
		   &size) != 3 &&
	    sscanf(at, " .plt PROGBITS %" SCNx64 " %" SCNx64 " %" SCNx64, &start, &offset, &size) !=
		    3)
		at = NULL;
	if (at)
		code_ranges_add(ctx, start, start + size);
}

struct wanted {
	struct code_ranges functions, plts;
	struct code_bits targets;
};

static void want_symbol(struct wanted *w, const struct symbol *s)
{
	uint64_t end = end_of(s);

	char *cut = xasprintf("%s_cut", s->name);
	const struct symbol *overlapped = find(cut, false);

	free(cut);
	/* Of the file without symbols, those of .dynsym are left. */
	if (s->dynamic) {
		if (s->name[0] == 'd')
			code_ranges_add(&w->functions, s->vaddr, end);
		if (overlapped)
			code_ranges_add(&w->functions, overlapped->vaddr, end);
		code_bits_set(&w->targets, s->vaddr);
		return;
	}
	if (!strncmp(s->name, "f_", 2) && end) {
		code_ranges_add(&w->functions, s->vaddr, end);
		code_bits_set(&w->targets, s->vaddr);
	} else if (!strncmp(s->name, "t_", 2) && strcmp(s->name, "t_label") != 0) {
		code_bits_set(&w->targets, s->vaddr);
	} else if (!strncmp(s->name, "s_", 2)) {
		code_bits_set(&w->targets, s->vaddr - 1);
		code_bits_set(&w->targets, s->vaddr);
	} else if (!strncmp(s->name, "a_", 2) && end) {
		for (uint64_t a = s->vaddr; a < end; a++)
			code_bits_set(&w->targets, a);
	}
}

/* Headers in a text segment are full of addresses: those of no function's inside do no harm. */
static void accept_outside(const struct code_bits *got, struct wanted *w)
{
	const uint64_t end = 1ULL << 47;

	for (uint64_t at = 0; (at = code_bits_next(got, at, end)) < end; at++)
		if (!code_ranges_find(&w->functions, at))
			code_bits_set(&w->targets, at);
}

static void check(const char *what, const struct elf_file *f, struct wanted *want)
{
	struct code_ranges functions, plts;
	struct code_bits targets;

	code_bits_init(&targets, f);
	CHECK(elf_functions(f, &functions) == 0 && elf_plts(f, &plts) == 0);
	CHECK(elf_targets(f, &targets) == 0);
	if (f->fixed && (f->segments[0].flags & PF_X))
		accept_outside(&targets, want);
	compare_to(what, &functions, &want->functions);
	compare_to(what, &plts, &want->plts);
	compare_bits(what, &targets, &want->targets);
	code_ranges_release(&functions);
	code_ranges_release(&plts);
	code_bits_release(&targets);
}

/* Every cut of the file is refused or read without harm; a header that is not ours is refused. */
static void check_damage(const struct buf *file)
{
	static const struct {
		size_t at;
		uint8_t value;
	} refused[] = {
		{0, 0},	      {EI_CLASS, ELFCLASS32}, {EI_DATA, ELFDATA2MSB},
		{16, ET_REL}, {18, EM_386},	      {54, 0}, /* e_phentsize */
	};
	struct elf_file f;

	for (size_t n = 0; n < file->len; n += 7) {
		uint8_t *cut = xmalloc(n + 1);
		struct code_ranges functions;

		memcpy(cut, file->data, n);
		if (elf_open(&f, cut, n) == 0) {
			elf_functions(&f, &functions);
			code_ranges_release(&functions);
			elf_close(&f);
		}
		free(cut);
	}
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		char *copy = xmalloc(file->len);

		memcpy(copy, file->data, file->len);
		copy[refused[i].at] = refused[i].value;
		CHECK(elf_open(&f, copy, file->len) == -ENOEXEC);
		free(copy);
	}
}

int main(int argc, char **argv)
{
	char *full, *dynamic, *sections;
	struct wanted want = {0};
	struct buf file = BUF_INIT;
	struct elf_file f, bare;
	bool is_dynamic = false;

	if (argc != 3 || read_file(argv[2], &file))
		die("usage: test-elf-sample LINKED STRIPPED");
	full = xasprintf("nm '%s'", argv[1]);
	dynamic = xasprintf("nm -D '%s' 2>/dev/null", argv[2]);
	sections = xasprintf("readelf -SW '%s' | sed 's/^ *\\[[^]]*\\]//'", argv[1]);
	for_lines(full, add_symbol, &is_dynamic);
	is_dynamic = true;
	for_lines(dynamic, add_symbol, &is_dynamic);

	CHECK(elf_open(&f, file.data, file.len) == 0);
	code_bits_init(&want.targets, &f);
	for_lines(sections, add_plt, &want.plts);
	for (size_t i = 0; i < n_symbols; i++)
		want_symbol(&want, &symbols[i]);
	for (size_t i = 0; i < want.plts.n; i++) /* ld gives them FDEs */
		code_bits_set(&want.targets, want.plts.v[i].start);
	sort_ranges(&want.functions);
	CHECK(want.functions.n >= 5);
	CHECK(find("f_start", false) && f.entry == find("f_start", false)->vaddr);
	check("with sections", &f, &want);

	bare = f;
	bare.n_sections = 0;
	check("without sections", &bare, &want);

	check_damage(&file);
	code_ranges_release(&want.functions);
	code_ranges_release(&want.plts);
	code_bits_release(&want.targets);
	elf_close(&f);
	buf_release(&file);
	free(full);
	free(dynamic);
	free(sections);
	printf("%s\n", failures ? "FAILED" : "ok");
	return failures ? 1 : 0;
}
