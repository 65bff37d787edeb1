/*
 * What debuggers look for in ELF files of any kind: build ids, and DWARF, in the file itself or in
 * one that was split off it. Files are untrusted.
 */
#ifndef CLI_ELF_DEBUG_H
#define CLI_ELF_DEBUG_H

#include "base/buf.h"
#include "cli/dwarf.h"

/* Append the build id of the ELF file `fd` in hexadecimal: 0, -ENODATA if it has none, -ENOEXEC if
 * it is no ELF file. */
int elf_build_id(int fd, struct buf *out);

/*
 * Tell the source files of the ELF file `fd`, as dwarf_sources() does. Without debug information of
 * its own, that of its build id in /usr/lib/debug is taken. 0, -ENODATA if there is none, -ENOEXEC
 * if it is no ELF file.
 */
int elf_sources(int fd, dwarf_source_fn fn, void *ctx);

#endif
