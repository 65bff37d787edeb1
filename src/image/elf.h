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
	/* For elf_tables.h only. */
	const uint8_t *sections, *dynamic; /* arrays of Elf64_Shdr, Elf64_Dyn, unaligned */
	size_t n_sections, n_dynamic;
	const uint8_t *section_names;
	size_t n_section_names;
	uint64_t eh_frame_hdr; /* 0: none */
};

/*
 * The file at `bytes`, which must outlive it. 0, or -ENOEXEC: no x86-64 ELF program or library, or
 * one that is cut off, or whose segments are out of order, overlap in memory, lie above the user's
 * half of the address space, are not congruent to the file, or show its bytes more than twice.
 */
int elf_open(struct elf_file *f, const void *bytes, size_t size);
void elf_close(struct elf_file *f);
/* The `n` bytes at `vaddr` as the file has them, or NULL if a segment does not hold them all. */
const uint8_t *elf_at(const struct elf_file *f, uint64_t vaddr, uint64_t n);
/* All bytes of the file from `vaddr` to the segment's end; NULL and 0 if there are none. */
const uint8_t *elf_rest(const struct elf_file *f, uint64_t vaddr, uint64_t *n);
/* The executable segment with bytes of the file at `vaddr`, or NULL. */
const struct elf_segment *elf_text(const struct elf_file *f, uint64_t vaddr);

/* [start, end) */
struct code_range {
	uint64_t start, end;
};

struct code_ranges {
	struct code_range *v;
	size_t n, cap;
};

void code_ranges_release(struct code_ranges *r);
/* The range that `vaddr` lies in, or NULL. */
const struct code_range *code_ranges_find(const struct code_ranges *r, uint64_t vaddr);

/*
 * The ranges in which code may be touched, sorted and without overlaps: of .eh_frame's FDEs; of
 * Go's pclntab; of function symbols that have a size (.symtab, .dynsym). Only in executable
 * segments, only with bytes of the file. Where they differ, FDEs are believed before Go's table,
 * that before symbols: a range that overlaps one of a better kind is dropped (so a symbol inside of
 * an FDE splits nothing). Among its own kind the one that starts first, then the longest, wins; one
 * that it covers in part is cut. What lies between is data, padding, or code that nothing
 * describes.
 *
 * Left out are PLTs, and FDEs of signal frames: those start a byte early, inside of padding, and
 * the code is a sigreturn.
 *
 * 0, or -ENOEXEC: tables that say absurd things. Release *out in both cases.
 */
int elf_functions(const struct elf_file *f, struct code_ranges *out);

/* Code that is to be left alone whatever calls it, sorted: PLTs, and functions that the program
 * copies or looks into. As above. */
int elf_left_alone(const struct elf_file *f, struct code_ranges *out);

/* The PLTs (.plt, .plt.sec, .plt.got), sorted: calls into them are no recursion. As above. */
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
/* The first address that is set in [start, end), or `end`. */
uint64_t code_bits_next(const struct code_bits *b, uint64_t start, uint64_t end);
/* Whether any of [start, end) is set. */
bool code_bits_any(const struct code_bits *b, uint64_t start, uint64_t end);

/*
 * Set the addresses that something other than an instruction names as code: the entry point,
 * symbols (of any size, and labels), relocations (RELA, REL, RELR, JMPREL; their addends, or what
 * stands at their place), init and fini functions and arrays, starts of FDEs and of Go's functions,
 * landing pads in LSDAs, the points where Go resumes after a recovered panic, and in a program at
 * fixed addresses every aligned word outside of functions that looks like an address of code. Where
 * a function's landing pads cannot be read, all of its bytes are set.
 *
 * `out` was initialized. 0, or -ENOEXEC: tables that say absurd things.
 *
 * Not here, since only instructions say so: destinations of branches, switch tables of relative
 * offsets, `lea` and immediates of code, return addresses.
 */
int elf_targets(const struct elf_file *f, struct code_bits *out);
/* Of these, only those which a call that does not return in the usual way may continue at: landing
 * pads, and what Go resumes at after a panic. */
int elf_landing_pads(const struct elf_file *f, struct code_bits *out);

#endif
