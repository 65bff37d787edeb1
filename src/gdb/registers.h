/*
 * Registers as gdb knows them: a description for it (XML) of what the recorded CPU has, and their
 * values out of the kernel's two forms, struct regs and the XSAVE area. Made from tables
 * (registers.def, abi/regs.def); pure.
 */
#ifndef GDB_REGISTERS_H
#define GDB_REGISTERS_H

#include "abi/regs.h"
#include "trace/trace.h"

/* Numbers in gdb's description that stop replies and others need. */
#define GDB_RBP 6
#define GDB_RSP 7
#define GDB_RIP 16

/* State components: their bits in XCR0 (SDM vol. 1, 13.1). */
enum xsave_component {
	XSAVE_X87 = 0,
	XSAVE_SSE = 1,
	XSAVE_AVX = 2,
	XSAVE_OPMASK = 5,
	XSAVE_ZMM_HIGH = 6,
	XSAVE_ZMM_16 = 7,
	XSAVE_PKRU = 9,
	N_XSAVE_COMPONENTS = 10,
	XSAVE_MXCSR = N_XSAVE_COMPONENTS, /* in the legacy area, but valid with SSE or AVX */
};

struct gdb_register {
	char name[12];
	const char *type, *group;
	uint16_t size;	 /* bytes that gdb sees */
	uint16_t stored; /* bytes that there are of it */
	uint32_t offset; /* in struct regs, or in the XSAVE area */
	uint16_t feature;
	int8_t component; /* -1: in struct regs */
};

struct register_set {
	struct gdb_register *v; /* by gdb's number */
	size_t n;
	size_t size; /* of all values in a row, as in packet `g` */
	struct buf xml;
};

/* A thread's registers. */
struct register_values {
	struct regs regs;
	struct buf xsave; /* not compacted; may be empty, then nothing is known of what it has */
};

#define REGISTER_SIZE_MAX 64

/* Those of a CPU with the components `xcr0`; where an XSAVE area has them is from the table of
 * CPUID, if it says so, else from this machine. */
void register_set_init(struct register_set *set, uint64_t xcr0, const struct trace_cpuid *cpuid,
		       size_t n_cpuid);
void register_set_release(struct register_set *set);

/* The value of register `number`, set->v[number].size bytes: false if it is not known. */
bool register_read(const struct register_set *set, unsigned number,
		   const struct register_values *values, uint8_t out[REGISTER_SIZE_MAX]);
/* Change it; false if it cannot be. */
bool register_write(const struct register_set *set, unsigned number, struct register_values *values,
		    const uint8_t *value);

#endif
