/*
 * Replay: calls that shaped memory are made again, where a filter lets the agent make calls then.
 * As the tracer would (src/replay/mappings.c); what is unusual, or comes to something else than in
 * the recording, is left to it.
 */
#include "agent/internal.h"

#include <asm/prctl.h>
#include <sys/mman.h>

static bool calls(int64_t want, int64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
		  uint64_t e, uint64_t f)
{
	return untraced(nr, a, b, c, d, e, f) == want;
}

static bool map_memory(uint64_t at, uint64_t size, uint64_t prot, uint64_t flags)
{
	return calls((int64_t)at, __NR_mmap, at, size, prot,
		     flags | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE, (uint64_t)-1, 0);
}

static bool remake_mmap(const uint64_t arg[6], int64_t result, uint32_t file)
{
	const struct agent_file *f = &STATE->open_files[file % N_OPEN_FILES];
	uint64_t at = (uint64_t)result, size = page_ceil(arg[1]);
	uint64_t flags = arg[3] & (MAP_PRIVATE | MAP_NORESERVE | MAP_STACK);

	if (is_error(result))
		return true;
	if (!size || overlaps_ours(at, at + size))
		return false;
	if (!file)
		return map_memory(at, size, arg[2], flags);
	return f->file == file && calls(result, __NR_mmap, at, size, arg[2], flags | MAP_FIXED,
					(uint64_t)f->fd, arg[5]);
}

static bool remake_brk(int64_t result)
{
	uint64_t before = STATE->brk, old = page_ceil(before), new = page_ceil((uint64_t)result);
	bool ok = true;

	if (before && new < old)
		ok = calls(0, __NR_munmap, new, old - new, 0, 0, 0, 0);
	else if (before && new > old)
		ok = map_memory(old, new - old, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	if (ok)
		STATE->brk = (uint64_t)result;
	return ok;
}

static bool remake_mremap(const uint64_t arg[6], int64_t result)
{
	uint64_t flags = (uint64_t)result == arg[0] ? 0 : MREMAP_MAYMOVE | MREMAP_FIXED;

	return is_error(result) ||
	       calls(result, __NR_mremap, arg[0], arg[1], arg[2], flags, (uint64_t)result, 0);
}

bool remake_call(const uint64_t arg[6], int64_t nr, int64_t result, uint32_t file)
{
	switch (nr) {
	case __NR_mmap:
		return remake_mmap(arg, result, file);
	case __NR_brk:
		return remake_brk(result);
	case __NR_mremap:
		return remake_mremap(arg, result);
	case __NR_munmap:
	case __NR_mprotect:
		return !result && calls(0, nr, arg[0], arg[1], arg[2], 0, 0, 0);
	case __NR_madvise:
		return !result &&
		       (arg[2] != MADV_DONTNEED || calls(0, nr, arg[0], arg[1], arg[2], 0, 0, 0));
	case __NR_arch_prctl:
		return !result && calls(0, nr, arg[0], arg[1], 0, 0, 0, 0);
	}
	return false;
}
