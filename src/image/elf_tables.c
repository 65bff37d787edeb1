/*
 * Symbols and relocations, as the loader finds them (PT_DYNAMIC), or by section headers where a
 * file has no dynamic section.
 */
#include "image/elf_tables.h"

#include <errno.h>

bool elf_dynamic(const struct elf_file *f, int64_t tag, uint64_t *value)
{
	bool found = false;
	Elf64_Dyn d;

	for (size_t i = 0; i < f->n_dynamic; i++) {
		memcpy(&d, f->dynamic + i * sizeof(d), sizeof(d));
		if (d.d_tag == DT_NULL)
			break;
		if (d.d_tag == tag) {
			*value = d.d_un.d_val;
			found = true;
		}
	}
	return found;
}

struct elf_span elf_dynamic_table(const struct elf_file *f, int64_t address, int64_t size)
{
	struct elf_span s = {0};
	uint64_t n;

	if (!elf_dynamic(f, address, &s.vaddr) || !elf_dynamic(f, size, &n))
		return s;
	s.p = elf_rest(f, s.vaddr, &s.n);
	s.n = min_u64(s.n, n);
	return s;
}

/* --- symbols --- */

/* The number of dynamic symbols is in no entry: it is that of DT_HASH's chains... */
static bool count_by_hash(const struct elf_file *f, uint64_t *n)
{
	uint64_t hash;
	const uint8_t *p;

	if (!elf_dynamic(f, DT_HASH, &hash) || !(p = elf_at(f, hash, 8)))
		return false;
	*n = load32(p + 4);
	return true;
}

/* ... or one more than the last of DT_GNU_HASH's last chain. */
static bool count_by_gnu_hash(const struct elf_file *f, uint64_t *n)
{
	uint64_t hash, first, rest, at, n_buckets, last = 0;
	const uint8_t *p;

	if (!elf_dynamic(f, DT_GNU_HASH, &hash) || !(p = elf_rest(f, hash, &rest)) || rest < 16)
		return false;
	n_buckets = load32(p);
	first = load32(p + 4);
	at = 16 + 8 * (uint64_t)load32(p + 8);
	if (at > rest || n_buckets > (rest - at) / 4)
		return false;
	for (uint64_t i = 0; i < n_buckets; i++)
		last = max_u64(last, load32(p + at + 4 * i));
	at += 4 * n_buckets;
	*n = first;
	if (last < first)
		return true; /* all chains are empty */
	for (at += 4 * (last - first); at + 4 <= rest; at += 4, last++) {
		if (load32(p + at) & 1) {
			*n = last + 1;
			return true;
		}
	}
	return false;
}

static struct elf_span dynamic_symbols(const struct elf_file *f)
{
	struct elf_span s = {0};
	uint64_t n;

	if (!elf_dynamic(f, DT_SYMTAB, &s.vaddr) ||
	    (!count_by_hash(f, &n) && !count_by_gnu_hash(f, &n)))
		return s;
	s.p = elf_rest(f, s.vaddr, &s.n);
	s.n = min_u64(s.n, n * sizeof(Elf64_Sym));
	return s;
}

struct elf_span elf_symbols(const struct elf_file *f, uint32_t type)
{
	struct elf_section s;

	for (size_t i = 0; i < f->n_sections; i++)
		if (elf_section(f, i, &s) && s.type == type)
			return s.span;
	return type == SHT_DYNSYM ? dynamic_symbols(f) : (struct elf_span){0};
}

/* --- relocations --- */

struct relocating {
	const struct elf_file *f;
	struct elf_span symbols;
	void (*fn)(void *ctx, uint64_t place, uint64_t value);
	void *ctx;
};

static void relocate(const struct relocating *r, const Elf64_Rela *rel)
{
	uint64_t at = ELF64_R_SYM(rel->r_info) * sizeof(Elf64_Sym);
	Elf64_Sym sym = {0};

	switch (ELF64_R_TYPE(rel->r_info)) {
	case R_X86_64_64:
	case R_X86_64_32:
	case R_X86_64_32S:
	case R_X86_64_GLOB_DAT:
	case R_X86_64_JUMP_SLOT:
		if (at >= r->symbols.n || r->symbols.n - at < sizeof(sym))
			return;
		memcpy(&sym, r->symbols.p + at, sizeof(sym));
		if (at && !elf_symbol_has_address(&sym))
			return;
		break;
	case R_X86_64_RELATIVE:
	case R_X86_64_RELATIVE64:
	case R_X86_64_IRELATIVE:
		break;
	default:
		return;
	}
	r->fn(r->ctx, rel->r_offset, sym.st_value + rel->r_addend);
}

static void relocate_rela(const struct relocating *r, struct elf_span s)
{
	Elf64_Rela rel;

	for (; s.n >= sizeof(rel); s.p += sizeof(rel), s.n -= sizeof(rel)) {
		memcpy(&rel, s.p, sizeof(rel));
		relocate(r, &rel);
	}
}

static void relocate_rel(const struct relocating *r, struct elf_span s)
{
	for (; s.n >= sizeof(Elf64_Rel); s.p += sizeof(Elf64_Rel), s.n -= sizeof(Elf64_Rel)) {
		Elf64_Rela rel = {.r_offset = load64(s.p), .r_info = load64(s.p + 8)};
		const uint8_t *p = elf_at(r->f, rel.r_offset, 8);

		rel.r_addend = p ? load64(p) : 0;
		relocate(r, &rel);
	}
}

static void relocate_in_place(const struct relocating *r, uint64_t place)
{
	const uint8_t *p = elf_at(r->f, place, 8);

	if (p)
		r->fn(r->ctx, place, load64(p));
}

/* An even word is a place; an odd one a bitmap of the 63 words behind the last. */
static void relocate_relr(const struct relocating *r, struct elf_span s)
{
	uint64_t place = 0;

	for (; s.n >= 8; s.p += 8, s.n -= 8) {
		uint64_t word = load64(s.p);

		if (!(word & 1)) {
			relocate_in_place(r, word);
			place = word + 8;
			continue;
		}
		for (uint64_t bits = word >> 1; bits; bits &= bits - 1)
			relocate_in_place(r, place + 8 * (uint64_t)__builtin_ctzll(bits));
		place += 63 * 8;
	}
}

/* A static program at fixed addresses: its IRELATIVE ones are only in sections. */
static int relocate_sections(const struct relocating *r)
{
	uint64_t budget = r->f->size;
	struct elf_section s;

	for (size_t i = 0; i < r->f->n_sections; i++) {
		if (!elf_section(r->f, i, &s) || s.type != SHT_RELA ||
		    !elf_section_is_loaded(r->f, &s))
			continue;
		if (s.span.n > budget)
			return -ENOEXEC;
		budget -= s.span.n;
		relocate_rela(r, s.span);
	}
	return 0;
}

int elf_relocations(const struct elf_file *f, void (*fn)(void *ctx, uint64_t place, uint64_t value),
		    void *ctx)
{
	struct relocating r = {f, elf_symbols(f, SHT_DYNSYM), fn, ctx};
	struct elf_span plt = elf_dynamic_table(f, DT_JMPREL, DT_PLTRELSZ);
	uint64_t kind = DT_RELA;

	if (!f->n_dynamic)
		return relocate_sections(&r);
	relocate_rela(&r, elf_dynamic_table(f, DT_RELA, DT_RELASZ));
	relocate_rel(&r, elf_dynamic_table(f, DT_REL, DT_RELSZ));
	relocate_relr(&r, elf_dynamic_table(f, DT_RELR, DT_RELRSZ));
	elf_dynamic(f, DT_PLTREL, &kind);
	if (kind == DT_REL)
		relocate_rel(&r, plt);
	else
		relocate_rela(&r, plt);
	return 0;
}
