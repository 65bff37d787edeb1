/*
 * ELF files made to be refused, and files of some megabytes made to be slow: tables that overlap
 * themselves a hundred thousand times. Each must be read, or refused, in time linear in its size.
 */
#include "elf-check.h"

#include "base/clock.h"

#define TEXT	   0x1000 /* offset and address of the text, in all of them */
#define FILE_BYTES (4u << 20)
#define LIMIT_NS   20000000000ULL /* linear ones take under half a second, the others minutes */

/* A file that is filled in from the front (headers) and wherever a test likes. */
struct image {
	uint8_t *bytes;
	size_t n_segments, n_sections;
	uint64_t sections_at;
};

static Elf64_Ehdr *header(struct image *im)
{
	return (Elf64_Ehdr *)im->bytes;
}

static struct image begin(void)
{
	struct image im = {.bytes = xcalloc(1, FILE_BYTES)};

	*header(&im) = (Elf64_Ehdr){
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			    EV_CURRENT},
		.e_type = ET_DYN,
		.e_machine = EM_X86_64,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_shentsize = sizeof(Elf64_Shdr),
	};
	return im;
}

static void add_segment(struct image *im, uint32_t type, uint32_t flags, uint64_t offset,
			uint64_t vaddr, uint64_t size)
{
	Elf64_Phdr *ph = (Elf64_Phdr *)(im->bytes + sizeof(Elf64_Ehdr)) + im->n_segments++;

	*ph = (Elf64_Phdr){type, flags, offset, vaddr, vaddr, size, size, 4096};
	header(im)->e_phnum = im->n_segments;
}

/* All of the file, at its offsets. */
static struct image begin_whole(uint32_t flags)
{
	struct image im = begin();

	add_segment(&im, PT_LOAD, flags, 0, 0, FILE_BYTES);
	return im;
}

static void sections_at(struct image *im, uint64_t offset)
{
	im->sections_at = offset;
	header(im)->e_shoff = offset;
}

static void add_section(struct image *im, uint32_t type, uint32_t name, uint64_t offset,
			uint64_t size)
{
	Elf64_Shdr *sh = (Elf64_Shdr *)(im->bytes + im->sections_at) + im->n_sections++;

	*sh = (Elf64_Shdr){.sh_name = name,
			   .sh_type = type,
			   .sh_flags = SHF_ALLOC,
			   .sh_addr = offset,
			   .sh_offset = offset,
			   .sh_size = size};
	if (im->n_sections < SHN_LORESERVE)
		header(im)->e_shnum = im->n_sections;
}

/* Read it all; what elf_open(), elf_functions() and elf_targets() said. */
static void expect(const char *what, struct image *im, int open, int functions, int targets)
{
	uint64_t start = clock_now_ns(), spent;
	struct code_ranges ranges = {0};
	struct code_bits bits;
	struct elf_file f;
	int ret = elf_open(&f, im->bytes, FILE_BYTES);

	if (ret != open)
		FAIL("%s: opened: %d\n", what, ret);
	if (ret == 0) {
		ret = elf_functions(&f, &ranges);
		if (ret != functions)
			FAIL("%s: functions: %d\n", what, ret);
		code_bits_init(&bits, &f);
		ret = elf_targets(&f, &bits);
		if (ret != targets)
			FAIL("%s: targets: %d\n", what, ret);
		code_bits_release(&bits);
		elf_close(&f);
	}
	spent = clock_now_ns() - start;
	printf("%s: %zu functions, %.1f ms\n", what, ranges.n, spent / 1e6);
	if (spent > LIMIT_NS)
		FAIL("%s: too slow\n", what);
	code_ranges_release(&ranges);
	free(im->bytes);
}

static void put32(struct image *im, uint64_t *at, uint32_t v)
{
	memcpy(im->bytes + *at, &v, 4);
	*at += 4;
}

/* --- refused --- */

static void test_segments(void)
{
	static const struct {
		const char *what;
		uint64_t offset, vaddr, size;
		int result;
	} second[] = {
		{"a sound segment", 0x3000, 0x5000, 0x1000, 0},
		{"adjacent ones", 0x3000, 0x3000, 0x1000, 0},
		{"one out of order", 0x3000, 0x0, 0x1000, -ENOEXEC},
		{"overlapping ones", 0x3fff, 0x2fff, 0x1000, -ENOEXEC},
		{"one behind the file", FILE_BYTES, 0x5000, 1, -ENOEXEC},
		{"one that leaves the file", FILE_BYTES - 0x1000, 0x5000, 0x1001, -ENOEXEC},
		{"an offset that wraps", -0x1000ULL, 0x5000, 0x2000, -ENOEXEC},
		{"one that is not congruent", 0x3001, 0x5000, 0x1000, -ENOEXEC},
		{"an address of the kernel", 0x3000, 0xffffffff80000000, 0x1000, -ENOEXEC},
		{"one that ends above the user's half", 0x3000, 0x7ffffffff000, 0x1001, -ENOEXEC},
	};

	for (size_t i = 0; i < ARRAY_SIZE(second); i++) {
		struct image im = begin();

		add_segment(&im, PT_LOAD, PF_R | PF_X, TEXT, TEXT, 0x2000);
		add_segment(&im, PT_LOAD, PF_R | PF_X, second[i].offset, second[i].vaddr,
			    second[i].size);
		expect(second[i].what, &im, second[i].result, 0, 0);
	}
}

static void test_headers(void)
{
	struct image im = begin();

	expect("no segment", &im, -ENOEXEC, 0, 0);
	im = begin_whole(PF_R);
	header(&im)->e_phnum = 0xffff;
	expect("more segments than have a number", &im, -ENOEXEC, 0, 0);
	im = begin_whole(PF_R);
	header(&im)->e_phoff = FILE_BYTES - 1;
	expect("headers outside", &im, -ENOEXEC, 0, 0);
	im = begin_whole(PF_R);
	header(&im)->e_phoff = -8ULL;
	expect("headers that wrap", &im, -ENOEXEC, 0, 0);
	im = begin_whole(PF_R | PF_X);
	header(&im)->e_shoff = FILE_BYTES - 64;
	header(&im)->e_shnum = 2;
	expect("sections outside are none", &im, 0, 0, 0);
}

/* The same bytes in many places would have to be looked at many times. */
static void test_multiplied(void)
{
	struct image im = begin();

	for (uint64_t i = 0; i < 1000; i++)
		add_segment(&im, PT_LOAD, PF_R | PF_X, 0, i * FILE_BYTES, FILE_BYTES);
	expect("a file shown a thousand times", &im, -ENOEXEC, 0, 0);

	im = begin();
	for (uint64_t i = 0; i < 60000; i++)
		add_segment(&im, PT_LOAD, PF_R | PF_X, 0, i * PAGE_SIZE_BYTES, 100);
	expect("60000 segments", &im, 0, 0, 0);
}

/* --- slow --- */

static const char section_names[] = "\0.eh_frame\0.plt\0.strtab";
enum { NAME_EH_FRAME = 1, NAME_PLT = 11 };

static struct image begin_sections(uint32_t flags, uint64_t at)
{
	struct image im = begin_whole(flags);

	memcpy(im.bytes + TEXT, section_names, sizeof(section_names));
	sections_at(&im, at);
	add_section(&im, SHT_STRTAB, 0, TEXT, sizeof(section_names));
	header(&im)->e_shstrndx = 0;
	return im;
}

static void test_sections(uint32_t name, const char *what, int result)
{
	struct image im = begin_sections(PF_R | PF_X, 0x10000);

	while (im.n_sections < 60000)
		add_section(&im, SHT_PROGBITS, name, 0x2000, FILE_BYTES - 0x2000);
	expect(what, &im, 0, result, result);
}

static void test_relocation_sections(void)
{
	struct image im = begin_sections(PF_R | PF_X, 0x10000);

	while (im.n_sections < 60000)
		add_section(&im, SHT_RELA, 0, 0x2000, FILE_BYTES - 0x2000);
	expect("60000 tables of relocations in one place", &im, 0, 0, -ENOEXEC);
}

/* FDEs that all claim the first 2 MB, and the LSDA at `lsda`. */
static struct image begin_frames(uint64_t lsda)
{
	static const uint8_t cie[] = {20, 0, 0, 0, 0, 0,    0,	  0, 1, 'z', 'R', 'L',
				      0,  1, 1, 1, 2, 0x03, 0x03, 0, 0, 0,   0,	  0};
	const uint64_t frames = 0x200000, size = 0x1f0000;
	struct image im = begin_sections(PF_R | PF_X, 0x2000);
	uint64_t at = frames;

	add_section(&im, SHT_PROGBITS, NAME_EH_FRAME, frames, size);
	memcpy(im.bytes + at, cie, sizeof(cie));
	at += sizeof(cie);
	while (at + 24 <= frames + size) {
		put32(&im, &at, 20);
		put32(&im, &at, at - frames);
		put32(&im, &at, TEXT);
		put32(&im, &at, 0x1f0000);
		im.bytes[at++] = 4; /* length of the augmentation */
		put32(&im, &at, lsda);
		at += 3;
	}
	return im;
}

static void test_frames(void)
{
	const uint64_t lsda = 0x3f8000;
	struct image im = begin_frames(0);

	expect("80000 FDEs of one function", &im, 0, 0, 0);
	im = begin_frames(FILE_BYTES);
	expect("... whose landing pads cannot be read", &im, 0, 0, -ENOEXEC);
	im = begin_frames(lsda);
	memcpy(im.bytes + lsda, (uint8_t[]){0xff, 0xff, 1, 0x80, 0x80, 1}, 6);
	expect("... with one large table of landing pads", &im, 0, 0, -ENOEXEC);
}

/* Numbers of 2 GB in what has to be counted. */
static void test_hash(void)
{
	const uint64_t dynamic = 0x2000, hash = 0x3000;
	struct image im = begin_whole(PF_R | PF_X);
	Elf64_Dyn *d = (Elf64_Dyn *)(im.bytes + dynamic);
	uint64_t at = hash;

	add_segment(&im, PT_DYNAMIC, PF_R, dynamic, dynamic, 0x1000);
	d[0] = (Elf64_Dyn){DT_GNU_HASH, {hash}};
	d[1] = (Elf64_Dyn){DT_SYMTAB, {0x4000}};
	d[2] = (Elf64_Dyn){DT_RELA, {0x4000}};
	d[3] = (Elf64_Dyn){DT_RELASZ, {UINT64_MAX}};
	d[4] = (Elf64_Dyn){DT_RELR, {0x4000}};
	d[5] = (Elf64_Dyn){DT_RELRSZ, {UINT64_MAX}};
	d[6] = (Elf64_Dyn){DT_INIT_ARRAY, {UINT64_MAX - 8}};
	d[7] = (Elf64_Dyn){DT_INIT_ARRAYSZ, {UINT64_MAX}};
	put32(&im, &at, 100000); /* buckets, the first symbol, words of the filter, its shift */
	put32(&im, &at, 1);
	put32(&im, &at, 1);
	put32(&im, &at, 0);
	at += 8;
	put32(&im, &at, 0xffffffff);
	memset(im.bytes + 0x10000, 0xff, FILE_BYTES - 0x10000); /* bitmaps of RELR */
	expect("tables without an end", &im, 0, 0, 0);
}

static void test_go(void)
{
	static const uint8_t magic[] = {0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8};
	struct image im = begin_whole(PF_R | PF_X);

	for (uint64_t at = 0x2000; at < FILE_BYTES; at += 16)
		memcpy(im.bytes + at, magic, sizeof(magic));
	expect("Go tables everywhere", &im, 0, 0, 0);
}

int main(void)
{
	test_headers();
	test_segments();
	test_multiplied();
	test_sections(NAME_EH_FRAME, "60000 .eh_frame in one place", -ENOEXEC);
	test_sections(NAME_PLT, "60000 .plt in one place", 0);
	test_relocation_sections();
	test_frames();
	test_hash();
	test_go();
	printf("%s\n", failures ? "FAILED" : "ok");
	return failures ? 1 : 0;
}
