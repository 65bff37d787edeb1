/*
 * The source files that debug information names (DWARF 2 to 5). Pure; the sections are untrusted.
 */
#ifndef CLI_DWARF_H
#define CLI_DWARF_H

#include "base/types.h"

enum dwarf_section {
	DWARF_INFO,
	DWARF_ABBREV,
	DWARF_LINE,
	DWARF_STR,
	DWARF_LINE_STR,
	DWARF_STR_OFFSETS,
	N_DWARF_SECTIONS,
};

/* Their names in an ELF file. */
extern const char *const dwarf_section_names[N_DWARF_SECTIONS];

struct dwarf {
	struct dwarf_bytes {
		const uint8_t *p; /* never NULL */
		size_t n;	  /* 0: it is not there */
	} sections[N_DWARF_SECTIONS];
};

/* A path, as far as it is known: absolute, unless the compiler did not say where it ran. */
typedef void (*dwarf_source_fn)(void *ctx, const char *path);

/*
 * Call fn() with the name of each unit and of each file in its line table; the same may come often.
 * What makes no sense is left out: how many units there were of which something could be read.
 */
size_t dwarf_sources(const struct dwarf *d, dwarf_source_fn fn, void *ctx);

#endif
