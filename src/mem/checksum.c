/*
 * Memory checksums. The sum over pages does not depend on how the mappings are cut into lines.
 */
#include "mem/checksum.h"

#include "mem/maps.h"

#include <sys/mman.h>

#define CHUNK (64 * PAGE_SIZE_BYTES)

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ULL;
	return h ^ (h >> 29);
}

static uint64_t page_sum(raddr_t addr, const uint64_t *words)
{
	uint64_t any = 0, h = addr;

	for (size_t i = 0; i < PAGE_SIZE_BYTES / 8; i++)
		any |= words[i];
	if (!any)
		return 0;
	for (size_t i = 0; i < PAGE_SIZE_BYTES / 8; i++)
		h = mix(h, words[i]);
	return h;
}

static bool skipped(raddr_t page, const struct mm_range *skip, size_t n_skip)
{
	for (size_t i = 0; i < n_skip; i++)
		if (skip[i].start <= page && page < skip[i].end)
			return true;
	return false;
}

static uint64_t line_sum(const struct mm *mm, const struct map_line *l, uint64_t *buffer,
			 const struct mm_range *skip, size_t n_skip)
{
	uint64_t sum = 0;

	for (raddr_t a = l->start; a < l->end;) {
		size_t want = min_u64(CHUNK, l->end - a);
		size_t got = page_floor(mm_read_some(mm, a, buffer, want));

		for (size_t off = 0; off < got; off += PAGE_SIZE_BYTES)
			if (!skipped(a + off, skip, n_skip))
				sum += page_sum(a + off, buffer + off / 8);
		/* A page that cannot be read (behind the end of a file) is passed over. */
		a += got < want ? got + PAGE_SIZE_BYTES : got;
	}
	return sum;
}

uint64_t mm_checksum(const struct mm *mm, pid_t tid, const struct mm_range *skip, size_t n_skip)
{
	uint64_t *buffer, sum = 0;
	struct maps maps;

	if (maps_read(tid, &maps))
		return 1;
	buffer = xmalloc(CHUNK);
	for (size_t i = 0; i < maps.count; i++) {
		const struct map_line *l = &maps.lines[i];

		if ((l->prot & PROT_READ) && strncmp(l->name, "[vvar", 5) &&
		    strcmp(l->name, "[vsyscall]"))
			sum += line_sum(mm, l, buffer, skip, n_skip);
	}
	free(buffer);
	maps_release(&maps);
	return sum ? sum : 1;
}
