/*
 * Addresses in tracees that are ours.
 *
 * Every replayed address space starts from a program of one page, the stub, which holds a `syscall`
 * instruction, and a page for arguments of remote calls. The recorder keeps programs away from
 * there. Behind them lies the tick page, in recorded and replayed processes alike: one page of
 * memory that all tracees and the tracer share, with what instrumented code counts in (DESIGN 4.1).
 * Sharing it is sound because only one task runs at a time; the tracer swaps the count when it
 * switches tasks.
 */
#ifndef MEM_LAYOUT_H
#define MEM_LAYOUT_H

#include <stdint.h>

#define STUB_PAGE    0x100000ULL
#define STUB_DATA    0x101000ULL
#define STUB_END     0x102000ULL
#define STUB_SYSCALL (STUB_PAGE + 0x100)

#define TICK_PAGE    0x102000ULL
#define TICK_END     0x103000ULL

/* Instrumented code knows these offsets. */
struct tick_page {
	int64_t remaining;  /* ticks until the next stop; a stub traps when it becomes <= 0 */
	uint64_t saved_rcx; /* of a stub that may not change flags */
	uint64_t reserved[6];
	char path[64]; /* argument of the tracer's remote calls */
};

#define TICK_REMAINING (TICK_PAGE + 0)
#define TICK_SAVED_RCX (TICK_PAGE + 8)
#define TICK_PATH      (TICK_PAGE + 64)

#endif
