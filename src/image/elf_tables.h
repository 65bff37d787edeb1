/*
 * The tables in an ELF file, for the files that read them (functions.c, targets.c). A span is
 * always inside of the file's bytes.
 */
#ifndef IMAGE_ELF_TABLES_H
#define IMAGE_ELF_TABLES_H

#include "base/cursor.h"
#include "image/elf.h"

#include <elf.h>

/* Bytes of the file, and where they are in memory. */
struct elf_span {
	const uint8_t *p;
	uint64_t n;
	uint64_t vaddr;
};

/* --- sections (elf.c): a hint, they may be missing or lie --- */

struct elf_section {
	const char *name; /* "" if it has none */
	uint32_t type;
	uint64_t flags;
	struct elf_span span; /* SHT_NOBITS: none */
};

/* Section `i` < f->n_sections; false if it does not lie in the file. */
bool elf_section(const struct elf_file *f, size_t i, struct elf_section *out);
/* The first one of that name that is loaded, and stands where the segments say; false if none. */
bool elf_section_named(const struct elf_file *f, const char *name, struct elf_span *out);
/* Whether its bytes are those that its address has in memory. */
bool elf_section_is_loaded(const struct elf_file *f, const struct elf_section *s);

/* --- dynamic section, symbols, relocations (elf_tables.c) --- */

/* The value of the last entry with this tag, as the loader takes it; false if none. */
bool elf_dynamic(const struct elf_file *f, int64_t tag, uint64_t *value);
/* A table that two entries describe; n = 0 if there is none. Cut to what the file has. */
struct elf_span elf_dynamic_table(const struct elf_file *f, int64_t address, int64_t size);

/* Elf64_Sym of .symtab or .dynsym (`type`: SHT_*); n = 0 if there is none. */
struct elf_span elf_symbols(const struct elf_file *f, uint32_t type);

/* Symbols that name an address: not those of files, sections or thread-local variables. */
static inline bool elf_symbol_has_address(const Elf64_Sym *s)
{
	unsigned int type = ELF64_ST_TYPE(s->st_info);

	return s->st_shndx != SHN_UNDEF && type != STT_SECTION && type != STT_FILE &&
	       type != STT_TLS && type != STT_COMMON;
}

/*
 * Call fn() with the place and the value of each relocation that depends on no other file: load
 * base or symbol, plus addend. 0, or -ENOEXEC: the tables are larger than the file.
 */
int elf_relocations(const struct elf_file *f, void (*fn)(void *ctx, uint64_t place, uint64_t value),
		    void *ctx);

/* --- Go's function table (pclntab.c) --- */

struct pclntab {
	struct elf_span table;
	const uint8_t *functab;
	size_t n;	/* functions; functab has one more address */
	uint64_t text;	/* that offsets in functab count from; 0: they are addresses */
	uint64_t funcs; /* offset in the table that those of functions count from */
	bool narrow;	/* 32-bit offsets */
};

/* false: the file has none (that we can read). */
bool pclntab_find(const struct elf_file *f, struct pclntab *t);
/* Function `i`: its range, and where it resumes after a recovered panic (0: nowhere). */
struct code_range pclntab_function(const struct pclntab *t, size_t i, uint64_t *resume);

/* --- ranges (functions.c) --- */

void code_ranges_add(struct code_ranges *r, uint64_t start, uint64_t end);

#endif
