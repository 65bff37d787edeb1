/*
 * What descriptors are. Asked of the kernel once, and remembered until the tracer may have run
 * another task or the descriptor was closed.
 */
#include "agent/internal.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <poll.h>
#include <sys/stat.h>

#define PROC_SUPER_MAGIC 0x9fa0
#define MAJOR_OF(dev)	 ((dev) >> 8 & 0xfff)

void fd_forget(int fd)
{
	if (fd >= 0 && fd < N_FD_CLASSES)
		STATE->fd[fd].generation = 0;
}

void fd_forget_all(void)
{
	STATE->generation++;
}

/* The memory devices that are no more than that: null, zero, full, random, urandom (mem(4)). */
static bool is_memory_device(uint64_t rdev)
{
	static const uint8_t minors[] = {3, 5, 7, 8, 9};

	for (unsigned int i = 0; i < sizeof(minors); i++) {
		if (rdev == (1 << 8 | minors[i]))
			return true;
	}
	return false;
}

static uint32_t type_of(const struct stat *st)
{
	switch (st->st_mode & S_IFMT) {
	case S_IFREG:
	case S_IFBLK:
		return FD_FILE;
	case S_IFDIR:
		return FD_DIR;
	case S_IFIFO:
		return FD_PIPE;
	case S_IFSOCK:
		return FD_SOCKET;
	case S_IFCHR:
		return is_memory_device(st->st_rdev) ? FD_MEMORY : FD_TTY;
	case 0: /* an anonymous inode */
		return FD_OTHER;
	default:
		return FD_TTY;
	}
}

static bool is_stdio(const struct stat *st, int which)
{
	return STATE->stdio[which].mode && st->st_ino == STATE->stdio[which].ino &&
	       st->st_dev == STATE->stdio[which].dev;
}

/* kcmp(2): 0 if the descriptor is the same open file as the recorder's. */
static int64_t compare(int fd, int which)
{
	return untraced(__NR_kcmp, STATE->recorder, call0(__NR_getpid), KCMP_FILE, which + 1, fd,
			0);
}

/* /dev/null and its like may be opened by anybody: only the same open file is the recorder's. */
static uint32_t memory_kind(int fd, int first)
{
	int64_t is_first = compare(fd, first), is_other = is_first ? compare(fd, !first) : 1;

	if (!is_first)
		return FD_MEMORY | (first ? FD_STDERR : FD_STDOUT);
	if (!is_other)
		return FD_MEMORY | (first ? FD_STDOUT : FD_STDERR);
	return is_first < 0 || is_other < 0 ? FD_TTY : FD_MEMORY;
}

/* Of a procfs a write can be to a tracee's memory. Its files look empty. */
static bool on_procfs(int fd, const struct stat *st)
{
	uint64_t fs[15]; /* struct statfs; f_type comes first */

	return !MAJOR_OF(st->st_dev) && !st->st_size &&
	       !call3(__NR_fstatfs, fd, (uintptr_t)fs, 0) && fs[0] == PROC_SUPER_MAGIC;
}

static uint32_t classify(int fd)
{
	struct stat st;
	uint32_t kind, bit;
	int first = fd == 2;

	if (call3(__NR_fstat, fd, (uintptr_t)&st, 0))
		return FD_BAD;
	kind = type_of(&st);
	/* Where both are one file, the number that the program used decides. */
	if (is_stdio(&st, first))
		kind |= first ? FD_STDERR : FD_STDOUT;
	else if (is_stdio(&st, !first))
		kind |= first ? FD_STDOUT : FD_STDERR;
	if ((kind & FD_KIND_MASK) == FD_MEMORY && kind != FD_MEMORY)
		kind = memory_kind(fd, first);
	bit = agent_file_bit(st.st_dev, st.st_ino);
	if ((kind & FD_KIND_MASK) == FD_FILE &&
	    ((STATE->mapped[bit / 8] & 1U << bit % 8) || on_procfs(fd, &st)))
		kind |= FD_WATCHED;
	return kind;
}

uint32_t fd_kind(int fd)
{
	struct agent_fd *f;

	if (fd < 0 || fd >= N_FD_CLASSES)
		return classify(fd);
	f = &STATE->fd[fd];
	if (f->generation != STATE->generation) {
		f->kind = classify(fd);
		f->generation = f->kind == FD_BAD ? 0 : STATE->generation;
	}
	return f->kind;
}

void fd_note(int64_t fd, uint32_t kind)
{
	if (fd >= 0 && fd < N_FD_CLASSES)
		STATE->fd[fd] = (struct agent_fd){.generation = STATE->generation, .kind = kind};
}

bool fd_nonblocking(int fd)
{
	int64_t flags = call3(__NR_fcntl, fd, F_GETFL, 0);

	return flags >= 0 && (flags & O_NONBLOCK);
}

bool fd_ready(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	return call3(__NR_poll, (uintptr_t)&p, 1, 0) == 1;
}

bool fd_stamp(int fd, struct agent_stamp *stamp)
{
	struct stat st;

	if (call3(__NR_fstat, fd, (uintptr_t)&st, 0) || !S_ISREG(st.st_mode))
		return false;
	*stamp = agent_stamp_of(&st);
	return true;
}

bool same_stamp(const struct agent_stamp *a, const struct agent_stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}
