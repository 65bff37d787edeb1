/*
 * The tick page: a memory file of one page, mapped here and in every tracee.
 */
#include "ticks/soft.h"

#include "base/log.h"

#include <asm/unistd_64.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

_Static_assert(offsetof(struct tick_page, remaining) == TICK_REMAINING - TICK_PAGE, "layout");
_Static_assert(offsetof(struct tick_page, saved_rcx) == TICK_SAVED_RCX - TICK_PAGE, "layout");
_Static_assert(offsetof(struct tick_page, path) == TICK_PATH - TICK_PAGE, "layout");
_Static_assert(sizeof(((struct tick_page *)0)->path) == REMOTE_PATH_SIZE, "layout");

int soft_ticks_open(struct soft_ticks *s)
{
	int ret;

	s->fd = memfd_create("rr-ticks", MFD_CLOEXEC);
	if (s->fd < 0)
		return -errno;
	if (ftruncate(s->fd, PAGE_SIZE_BYTES) < 0)
		goto fail;
	s->page = mmap(NULL, PAGE_SIZE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
	if (s->page == MAP_FAILED)
		goto fail;
	s->page->remaining = TICKS_NEVER;
	return 0;
fail:
	ret = -errno;
	close(s->fd);
	s->fd = -1;
	s->page = NULL;
	return ret;
}

void soft_ticks_close(struct soft_ticks *s)
{
	if (!s->page)
		return;
	munmap(s->page, PAGE_SIZE_BYTES);
	close(s->fd);
	s->page = NULL;
}

int soft_ticks_map(const struct soft_ticks *s, struct task *t, raddr_t buf)
{
	int64_t fd, addr, closed;
	int ret = task_remote_open(t, &fd, buf, s->fd, O_RDWR);

	if (ret || fd < 0)
		return ret ? ret : (int)fd;
	ret = task_remote_syscall(t, &addr, __NR_mmap,
				  REMOTE_ARGS(TICK_PAGE, PAGE_SIZE_BYTES, PROT_READ | PROT_WRITE,
					      MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0));
	if (!ret)
		ret = task_remote_syscall(t, &closed, __NR_close, REMOTE_ARGS(fd));
	if (ret)
		return ret;
	return addr == (int64_t)TICK_PAGE ? 0 : addr < 0 ? (int)addr : -EEXIST;
}
