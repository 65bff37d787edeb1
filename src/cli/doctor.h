/*
 * rr doctor: a check tries one thing that recording uses, and says what it found and what can be
 * done.
 */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "base/buf.h"

enum finding {
	FOUND_OK,
	FOUND_LIMITED, /* works with less, or more slowly */
	FOUND_MISSING,
};

/* Appends to `detail` what was found and, if not all is well, what to do to `remedy`. */
typedef enum finding (*doctor_check_fn)(struct buf *detail, struct buf *remedy);

/* doctor_probes.c: what the kernel and the CPU let us do, tried on a child process */
enum finding check_ptrace(struct buf *detail, struct buf *remedy);
enum finding check_memory_access(struct buf *detail, struct buf *remedy);
enum finding check_seccomp(struct buf *detail, struct buf *remedy);
enum finding check_cpuid(struct buf *detail, struct buf *remedy);
enum finding check_tsc(struct buf *detail, struct buf *remedy);
enum finding check_no_aslr(struct buf *detail, struct buf *remedy);
enum finding check_perf_software(struct buf *detail, struct buf *remedy);
enum finding check_pmu(struct buf *detail, struct buf *remedy);

#endif
