/*
 * What the instrumenter needs to know of an ELF file: segments, function ranges, and the addresses
 * that data names as code. The file is untrusted; nothing here allocates in proportion to a number
 * that it merely claims.
 */
#ifndef IMAGE_ELF_H
#define IMAGE_ELF_H

#include "base/types.h"

struct elf_segment { /* PT_LOAD */
	uint64_t vaddr, file_size, mem_size, offset;
	uint32_t flags; /* PF_* */
};

struct elf_file {
	const uint8_t *bytes;
	size_t size;
	bool fixed; /* ET_EXEC: absolute addresses */
	uint64_t entry;
	struct elf_segment *segments; /* sorted by vaddr, not overlapping */
	size_t n_segments;
};

/* The file at `bytes`, which must outlive it. 0, or -ENOEXEC: no x86-64 ELF program or library. */
int elf_open(struct elf_file *f, const void *bytes, size_t size);
void elf_close(struct elf_file *f);
/* The `n` bytes at `vaddr` as the file has them, or NULL if a segment does not hold them all. */
const uint8_t *elf_at(const struct elf_file *f, uint64_t vaddr, uint64_t n);

/* [start, end) */
struct code_range {
	uint64_t start, end;
};

struct code_ranges {
	struct code_range *v;
	size_t n, cap;
};

/*
 * The ranges in which code may be touched: of .eh_frame's FDEs, of function symbols (.symtab,
 * .dynsym) and of Go's pclntab, sorted and without overlaps (a symbol inside of an FDE splits
 * nothing; a range that another covers in part is cut). Only in executable segments, only with
 * bytes of the file. PLTs (.plt, .plt.sec, .plt.got) are left out.
 */
int elf_functions(const struct elf_file *f, struct code_ranges *out);

/* The PLTs, sorted: calls into them are no recursion. */
int elf_plts(const struct elf_file *f, struct code_ranges *out);

/* A bit for each byte of the executable segments. */
struct code_bits {
	const struct elf_file *f;
	struct code_bits_segment {
		uint64_t start, end;
		uint8_t *bits;
	} * v;
	size_t n;
};

void code_bits_init(struct code_bits *b, const struct elf_file *f);
void code_bits_release(struct code_bits *b);
/* Addresses outside are ignored, and not set. */
void code_bits_set(struct code_bits *b, uint64_t vaddr);
bool code_bits_test(const struct code_bits *b, uint64_t vaddr);
/* Whether any of [start, end) is set. */
bool code_bits_any(const struct code_bits *b, uint64_t start, uint64_t end);

/*
 * Set the addresses that something other than an instruction names as code: the entry point,
 * symbols, relocations (RELA, RELR, JMPREL; their addends, or what stands at their place), init and
 * fini arrays, starts of FDEs, landing pads in LSDAs, and in a program at fixed addresses every
 * aligned word of data that looks like an address of code. 0 or -errno.
 */
int elf_targets(const struct elf_file *f, struct code_bits *out);

#endif
