/*
 * Instructions that are not the same in each run, or on each machine: what stubs (image/hooks.c)
 * tell the agent of one.
 *
 * A stub jumps to enter_insn of the tick page with rcx = the address of its copy of the
 * instruction; the program's rcx is in saved_rcx, and all else is as it was. Just before the copy
 * lies a struct insn_site. The agent goes back to the copy, for the CPU to execute it, or behind
 * it, with the registers that the instruction would have left; the transaction of an xbegin is over
 * at once: it goes to where that leads.
 */
#ifndef MEM_INSN_SITE_H
#define MEM_INSN_SITE_H

#include <stdint.h>

enum insn_site_kind {
	SITE_NONE,
	SITE_RDTSC,
	SITE_RDTSCP,
	SITE_CPUID,
	SITE_RDRAND,
	SITE_RDSEED,
	SITE_XGETBV,
	SITE_XBEGIN, /* ends with the distance that it jumps when aborted */
	SITE_XSAVE, /* or xsavec, to memory at rsp and a distance, which ends it: of 1 or 4 bytes */
};

struct insn_site {
	uint8_t kind;	/* enum insn_site_kind */
	uint8_t length; /* of the instruction */
	uint8_t reg;	/* rdrand, rdseed: number of the register that is written, rax = 0 */
	uint8_t size;	/* ... and how many bytes of it */
};

#endif
