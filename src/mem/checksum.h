/*
 * A checksum of all that a task can read, to find out at which event a replay began to differ (-C).
 */
#ifndef MEM_CHECKSUM_H
#define MEM_CHECKSUM_H

#include "mem/mm.h"

/*
 * Over every readable mapping of task `tid`, except the kernel's clocks ([vvar], [vsyscall]) and
 * `skip` (memory of ours). Pages of zeros do not count, so it does not matter which were touched.
 * Never 0.
 */
uint64_t mm_checksum(const struct mm *mm, pid_t tid, const struct mm_range *skip, size_t n_skip);

#endif
