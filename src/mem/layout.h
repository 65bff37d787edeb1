/*
 * Addresses in tracees that are ours.
 *
 * Every replayed address space starts from a program of one page, the stub, which holds a `syscall`
 * instruction, and a page for arguments of remote calls. The recorder keeps programs away from
 * there.
 */
#ifndef MEM_LAYOUT_H
#define MEM_LAYOUT_H

#define STUB_PAGE    0x100000ULL
#define STUB_DATA    0x101000ULL
#define STUB_END     0x102000ULL
#define STUB_SYSCALL (STUB_PAGE + 0x100)

#endif
