/*
 * Tracee memory through /proc/PID/mem.
 */
#include "mem/mm.h"

#include "base/io.h"
#include "base/log.h"

#include <fcntl.h>
#include <unistd.h>

int mm_open(struct mm **out, pid_t tid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", tid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*out = xcalloc(1, sizeof(**out));
	(*out)->refs = 1;
	(*out)->fd = fd;
	return 0;
}

struct mm *mm_get(struct mm *mm)
{
	mm->refs++;
	return mm;
}

void mm_put(struct mm *mm)
{
	if (!mm || --mm->refs)
		return;
	close(mm->fd);
	free(mm->spare);
	free(mm);
}

void mm_add_spare(struct mm *mm, raddr_t start, raddr_t end)
{
	mm->spare = xrealloc(mm->spare, (mm->n_spare + 1) * sizeof(*mm->spare));
	mm->spare[mm->n_spare++] = (struct mm_range){start, end};
}

bool mm_take_spare(struct mm *mm, uint64_t size, struct mm_range *out)
{
	for (size_t i = 0; i < mm->n_spare; i++) {
		if (mm->spare[i].end - mm->spare[i].start < size)
			continue;
		*out = mm->spare[i];
		mm->spare[i] = mm->spare[--mm->n_spare];
		return true;
	}
	return false;
}

/* The offset of an address is signed for pread(2): the vsyscall page cannot be reached this way. */
static bool addressable(raddr_t addr, size_t n)
{
	return (int64_t)addr >= 0 && (int64_t)(addr + n) >= 0;
}

size_t mm_read_some(const struct mm *mm, raddr_t addr, void *buf, size_t n)
{
	size_t got = 0;

	if (!addressable(addr, n))
		return 0;
	while (got < n) {
		ssize_t r = pread(mm->fd, (char *)buf + got, n - got, addr + got);

		if (r <= 0)
			break;
		got += r;
	}
	return got;
}

int mm_read(const struct mm *mm, raddr_t addr, void *buf, size_t n)
{
	return mm_read_some(mm, addr, buf, n) == n ? 0 : -EFAULT;
}

int mm_write(const struct mm *mm, raddr_t addr, const void *buf, size_t n)
{
	if (!n)
		return 0;
	if (!addressable(addr, n))
		return -EFAULT;
	return pwrite_full(mm->fd, buf, n, addr) ? -EFAULT : 0;
}

int mm_read_str(const struct mm *mm, raddr_t addr, size_t max, struct buf *out)
{
	while (max) {
		/* Not beyond the page: the next one may not be mapped. */
		size_t n = min_u64(PAGE_SIZE_BYTES - addr % PAGE_SIZE_BYTES, max);
		size_t got, len;

		n = min_u64(n, 256);
		got = mm_read_some(mm, addr, buf_reserve(out, n), n);
		if (!got)
			return -EFAULT;
		len = strnlen(out->data + out->len, got);
		buf_extend(out, len);
		if (len < got)
			return 0;
		addr += got;
		max -= got;
	}
	return 0;
}

static int abi_read(void *ctx, raddr_t addr, void *buf, size_t n)
{
	return mm_read(ctx, addr, buf, n);
}

struct abi_mem mm_abi(struct mm *mm)
{
	return (struct abi_mem){.read = abi_read, .ctx = mm};
}
