/*
 * The frame of an ELF file: header, segments, sections; and sets of code addresses.
 *
 * Everything else reads the file through what is here, so this is where offsets and counts are held
 * against its size. Two invariants of an open file bound the work of all users: segments lie in
 * order and apart in memory, and together they show at most twice the file's size, so that what is
 * allocated for each byte of them is linear in the file.
 */
#include "image/elf_tables.h"

#include "base/buf.h"
#include "base/search.h"

#include <errno.h>

#define USER_END     (1ULL << 47)
#define MAX_NAME_LEN 64 /* of a section; longer ones are cut off to "" */

static bool in_file(const struct elf_file *f, uint64_t offset, uint64_t n)
{
	return offset <= f->size && n <= f->size - offset;
}

static bool is_program(const Elf64_Ehdr *eh)
{
	return memcmp(eh->e_ident, ELFMAG, SELFMAG) == 0 && eh->e_ident[EI_CLASS] == ELFCLASS64 &&
	       eh->e_ident[EI_DATA] == ELFDATA2LSB && eh->e_machine == EM_X86_64 &&
	       (eh->e_type == ET_EXEC || eh->e_type == ET_DYN) &&
	       eh->e_phentsize == sizeof(Elf64_Phdr) && eh->e_phnum != PN_XNUM;
}

static int add_segment(struct elf_file *f, const Elf64_Phdr *ph, uint64_t *total)
{
	const struct elf_segment *last = f->n_segments ? &f->segments[f->n_segments - 1] : NULL;

	if (ph->p_memsz == 0)
		return 0;
	if (ph->p_filesz > ph->p_memsz || ph->p_vaddr >= USER_END ||
	    ph->p_memsz > USER_END - ph->p_vaddr)
		return -ENOEXEC;
	if (ph->p_filesz && (!in_file(f, ph->p_offset, ph->p_filesz) ||
			     (ph->p_vaddr - ph->p_offset) % PAGE_SIZE_BYTES))
		return -ENOEXEC;
	if (last && ph->p_vaddr < last->vaddr + last->mem_size)
		return -ENOEXEC;
	*total += ph->p_filesz;
	if (*total > 2 * f->size)
		return -ENOEXEC;
	f->segments[f->n_segments++] = (struct elf_segment){
		.vaddr = ph->p_vaddr,
		.file_size = ph->p_filesz,
		.mem_size = ph->p_memsz,
		.offset = ph->p_filesz ? ph->p_offset : 0,
		.flags = ph->p_flags,
	};
	return 0;
}

static int read_segments(struct elf_file *f, const Elf64_Ehdr *eh)
{
	uint64_t total = 0;

	if (!in_file(f, eh->e_phoff, eh->e_phnum * sizeof(Elf64_Phdr)))
		return -ENOEXEC;
	f->segments = xcalloc(eh->e_phnum + 1, sizeof(*f->segments));
	for (size_t i = 0; i < eh->e_phnum; i++) {
		Elf64_Phdr ph;
		int ret = 0;

		memcpy(&ph, f->bytes + eh->e_phoff + i * sizeof(ph), sizeof(ph));
		if (ph.p_type == PT_LOAD)
			ret = add_segment(f, &ph, &total);
		else if (ph.p_type == PT_GNU_EH_FRAME)
			f->eh_frame_hdr = ph.p_vaddr;
		else if (ph.p_type == PT_DYNAMIC && in_file(f, ph.p_offset, ph.p_filesz)) {
			f->dynamic = f->bytes + ph.p_offset;
			f->n_dynamic = ph.p_filesz / sizeof(Elf64_Dyn);
		}
		if (ret)
			return ret;
	}
	return f->n_segments ? 0 : -ENOEXEC;
}

/* A file without a usable table is one without sections. */
static void read_sections(struct elf_file *f, const Elf64_Ehdr *eh)
{
	uint64_t n = eh->e_shnum, names = eh->e_shstrndx;
	Elf64_Shdr sh;

	if (!eh->e_shoff || eh->e_shentsize != sizeof(sh) || !in_file(f, eh->e_shoff, sizeof(sh)))
		return;
	memcpy(&sh, f->bytes + eh->e_shoff, sizeof(sh));
	if (n == 0)
		n = sh.sh_size;
	if (names == SHN_XINDEX)
		names = sh.sh_link;
	if (n > (f->size - eh->e_shoff) / sizeof(sh))
		return;
	f->sections = f->bytes + eh->e_shoff;
	f->n_sections = n;
	if (names >= n)
		return;
	memcpy(&sh, f->sections + names * sizeof(sh), sizeof(sh));
	if (sh.sh_type != SHT_STRTAB || !in_file(f, sh.sh_offset, sh.sh_size))
		return;
	f->section_names = f->bytes + sh.sh_offset;
	f->n_section_names = sh.sh_size;
}

int elf_open(struct elf_file *f, const void *bytes, size_t size)
{
	Elf64_Ehdr eh;
	int ret;

	*f = (struct elf_file){.bytes = bytes, .size = size};
	if (size < sizeof(eh))
		return -ENOEXEC;
	memcpy(&eh, bytes, sizeof(eh));
	if (!is_program(&eh))
		return -ENOEXEC;
	f->fixed = eh.e_type == ET_EXEC;
	f->entry = eh.e_entry;
	ret = read_segments(f, &eh);
	if (ret) {
		elf_close(f);
		return ret;
	}
	read_sections(f, &eh);
	return 0;
}

void elf_close(struct elf_file *f)
{
	free(f->segments);
	*f = (struct elf_file){0};
}

/* The segment whose file bytes include the one at `vaddr`, or NULL. */
static const struct elf_segment *segment_at(const struct elf_file *f, uint64_t vaddr)
{
	size_t i = FIRST_WHERE(k, f->n_segments, f->segments[k].vaddr > vaddr);
	const struct elf_segment *s = i ? &f->segments[i - 1] : NULL;

	return s && vaddr - s->vaddr < s->file_size ? s : NULL;
}

const uint8_t *elf_rest(const struct elf_file *f, uint64_t vaddr, uint64_t *n)
{
	const struct elf_segment *s = segment_at(f, vaddr);

	*n = 0;
	if (!s)
		return NULL;
	*n = s->file_size - (vaddr - s->vaddr);
	return f->bytes + s->offset + (vaddr - s->vaddr);
}

const uint8_t *elf_at(const struct elf_file *f, uint64_t vaddr, uint64_t n)
{
	uint64_t rest;
	const uint8_t *p = elf_rest(f, vaddr, &rest);

	return p && n <= rest ? p : NULL;
}

const struct elf_segment *elf_text(const struct elf_file *f, uint64_t vaddr)
{
	const struct elf_segment *s = segment_at(f, vaddr);

	return s && (s->flags & PF_X) ? s : NULL;
}

/* --- sections --- */

static const char *section_name(const struct elf_file *f, uint64_t at)
{
	const char *name;

	if (at >= f->n_section_names)
		return "";
	name = (const char *)f->section_names + at;
	return memchr(name, 0, min_u64(f->n_section_names - at, MAX_NAME_LEN)) ? name : "";
}

bool elf_section(const struct elf_file *f, size_t i, struct elf_section *out)
{
	Elf64_Shdr sh;

	memcpy(&sh, f->sections + i * sizeof(sh), sizeof(sh));
	*out = (struct elf_section){
		.name = section_name(f, sh.sh_name),
		.type = sh.sh_type,
		.flags = sh.sh_flags,
		.span.vaddr = sh.sh_addr,
	};
	if (sh.sh_type == SHT_NOBITS || sh.sh_type == SHT_NULL)
		return true;
	if (!in_file(f, sh.sh_offset, sh.sh_size))
		return false;
	out->span.p = f->bytes + sh.sh_offset;
	out->span.n = sh.sh_size;
	return true;
}

bool elf_section_is_loaded(const struct elf_file *f, const struct elf_section *s)
{
	return (s->flags & SHF_ALLOC) && s->span.n &&
	       elf_at(f, s->span.vaddr, s->span.n) == s->span.p;
}

bool elf_section_named(const struct elf_file *f, const char *name, struct elf_span *out)
{
	struct elf_section s;

	for (size_t i = 0; i < f->n_sections; i++) {
		if (elf_section(f, i, &s) && !strcmp(s.name, name) &&
		    elf_section_is_loaded(f, &s)) {
			*out = s.span;
			return true;
		}
	}
	return false;
}

/* --- sets of addresses --- */

void code_bits_init(struct code_bits *b, const struct elf_file *f)
{
	*b = (struct code_bits){.f = f};
	b->v = xcalloc(f->n_segments + 1, sizeof(*b->v));
	for (size_t i = 0; i < f->n_segments; i++) {
		const struct elf_segment *s = &f->segments[i];

		if (!(s->flags & PF_X) || !s->file_size)
			continue;
		/* A word more, so that whole words can be read. */
		b->v[b->n++] = (struct code_bits_segment){
			.start = s->vaddr,
			.end = s->vaddr + s->file_size,
			.bits = xcalloc(1, s->file_size / 8 + 1 + sizeof(uint64_t)),
		};
	}
}

void code_bits_release(struct code_bits *b)
{
	for (size_t i = 0; i < b->n; i++)
		free(b->v[i].bits);
	free(b->v);
	*b = (struct code_bits){0};
}

/* The first segment that ends above `vaddr`, or b->n. */
static size_t bits_segment(const struct code_bits *b, uint64_t vaddr)
{
	return FIRST_WHERE(k, b->n, vaddr < b->v[k].end);
}

void code_bits_set(struct code_bits *b, uint64_t vaddr)
{
	size_t i = bits_segment(b, vaddr);

	if (i < b->n && vaddr >= b->v[i].start) {
		vaddr -= b->v[i].start;
		b->v[i].bits[vaddr / 8] |= 1U << vaddr % 8;
	}
}

bool code_bits_test(const struct code_bits *b, uint64_t vaddr)
{
	size_t i = bits_segment(b, vaddr);

	if (i == b->n || vaddr < b->v[i].start)
		return false;
	vaddr -= b->v[i].start;
	return b->v[i].bits[vaddr / 8] >> vaddr % 8 & 1;
}

static uint64_t next_bit(const uint8_t *bits, uint64_t from, uint64_t to)
{
	while (from < to) {
		uint64_t word = load64(bits + from / 8) >> from % 8;

		if (word)
			return min_u64(from + __builtin_ctzll(word), to);
		from += 64 - from % 8;
	}
	return to;
}

uint64_t code_bits_next(const struct code_bits *b, uint64_t start, uint64_t end)
{
	for (size_t i = bits_segment(b, start); i < b->n && b->v[i].start < end; i++) {
		const struct code_bits_segment *s = &b->v[i];
		uint64_t from = max_u64(start, s->start), to = min_u64(end, s->end);
		uint64_t at = s->start + next_bit(s->bits, from - s->start, to - s->start);

		if (at < to)
			return at;
	}
	return end;
}

bool code_bits_any(const struct code_bits *b, uint64_t start, uint64_t end)
{
	return start < end && code_bits_next(b, start, end) < end;
}
