/*
 * The kernel tells which pages are no file's (Documentation/admin-guide/mm/pagemap.rst): those are
 * in memory or swapped out, and PM_FILE is not set.
 */
#include "mem/own_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define PM_FILE	   (1ULL << 61)
#define PM_SWAPPED (1ULL << 62)
#define PM_PRESENT (1ULL << 63)

static bool is_own_page(uint64_t entry)
{
	return (entry & (PM_SWAPPED | PM_PRESENT)) && !(entry & PM_FILE);
}

int own_pages(pid_t tid, raddr_t start, raddr_t end, own_page_fn fn, void *ctx)
{
	raddr_t page = start;
	uint64_t entry[512];
	char path[64];
	int ret = 0, fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (page < end) {
		uint64_t want = min_u64((end - page) / PAGE_SIZE_BYTES, ARRAY_SIZE(entry));
		ssize_t n = pread(fd, entry, want * sizeof(entry[0]),
				  page / PAGE_SIZE_BYTES * sizeof(entry[0]));

		if (n < (ssize_t)sizeof(entry[0])) {
			ret = n < 0 ? -errno : -EIO;
			break;
		}
		for (size_t i = 0; i < n / sizeof(entry[0]); i++, page += PAGE_SIZE_BYTES)
			if (is_own_page(entry[i]))
				fn(ctx, page);
	}
	close(fd);
	return ret;
}
