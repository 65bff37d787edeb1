/*
 * For programs about code that computes: work to do between things, and what is known of the
 * program's own code: its addresses, and functions in assembler with the places of their labels.
 */
#ifndef TESTS_CODE_H
#define TESTS_CODE_H

#include <link.h>

/* About a millisecond natively. */
#define MILLISECOND 500000UL

/* A chain of dependent steps, done whether the result is used or not. */
static inline uint64_t work(uint64_t x, unsigned long n)
{
	asm volatile("" : "+r"(x));
	while (n--) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		x ^= x >> 29;
	}
	asm volatile("" : "+r"(x));
	return x;
}

/* Mix a value into a hash. */
static inline void mix(uint64_t *h, uint64_t v)
{
	*h = (*h ^ v) * 0x100000001b3ULL;
}

/* The executable segments of everything that is loaded, also the vDSO. */
static struct {
	uintptr_t start, end;
} code_segments[64];
static unsigned n_code_segments;

static inline int code_add(struct dl_phdr_info *info, size_t size, void *arg)
{
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type != PT_LOAD || !(ph->p_flags & PF_X))
			continue;
		CHECK(n_code_segments < NELEM(code_segments));
		code_segments[n_code_segments].start = info->dlpi_addr + ph->p_vaddr;
		code_segments[n_code_segments++].end = info->dlpi_addr + ph->p_vaddr + ph->p_memsz;
	}
	return 0;
}

/* To be called before known_code(), outside of signal handlers. */
static inline void code_init(void)
{
	n_code_segments = 0;
	dl_iterate_phdr(code_add, NULL);
}

/* A program may only ever see addresses of its own code. */
static inline bool known_code(uintptr_t address)
{
	for (unsigned i = 0; i < n_code_segments; i++)
		if (address >= code_segments[i].start && address < code_segments[i].end)
			return true;
	return false;
}

/*
 * A function in assembler. Where its labels are says a table NAME_at[] of offsets from its start,
 * made by AT("label, label"): plain numbers that do not look like addresses of code, so that who
 * rewrites this code cannot tell that they matter.
 */
#define ASM_FUNCTION(name, body, labels)                                                     \
	asm(".pushsection .text\n\t.p2align 4\n\t.type " #name ",@function\n" #name ":\n\t"  \
	    ".cfi_startproc\n" body "\n\t.cfi_endproc\n\t.size " #name ",.-" #name "\n\t"    \
	    ".pushsection .rodata\n\t.p2align 2\n" #name "_at:\n\t" labels "\n\t.popsection" \
	    "\n\t.popsection\n");                                                            \
	extern const uint32_t name##_at[]

#endif
