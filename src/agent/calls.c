/*
 * How each call is made without waiting. A call that can wait is made in a form that cannot; if
 * that says that it would, the program makes it itself and the tracer lets others run meanwhile.
 */
#include "agent/internal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define RWF_NOWAIT_ 8 /* linux/fs.h */
#define WNOHANG_BIT 1
#define POLL_MAX    128
#define SELECT_MAX  1024
#define ARGS(c, i)  ((c)->arg[i])

static bool make_direct(struct abi_call *c, uint32_t *flags)
{
	c->ret = call6(c);
	return true;
}

/* What never changes is asked for once while nobody else runs. */
static bool make_id(struct abi_call *c, uint32_t *flags)
{
	int64_t *known = c->nr == __NR_getpid ? &STATE->pid : &STATE->tid;

	if (!*known)
		*known = call6(c);
	c->ret = *known;
	return true;
}

/* The non-waiting form has given `ret`: false if the call would wait. */
static bool without_waiting(struct abi_call *c, int64_t ret)
{
	c->ret = ret;
	if (ret == -EOPNOTSUPP || ret == -ENOSYS)
		return false;
	return ret != -EAGAIN || fd_nonblocking(ARGS(c, 0));
}

static bool is_one_of(uint64_t v, const uint32_t *list, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		if ((uint32_t)v == list[i])
			return true;
	}
	return false;
}

/* --- vectors --- */

int64_t gather(uint64_t iov, uint64_t n, struct agent_iovec out[MAX_REST])
{
	uint64_t total = 0;

	if (!n || n > MAX_REST || copy_user(out, (void *)iov, n * sizeof(*out)))
		return -1;
	for (uint64_t i = 0; i < n; i++) {
		if (out[i].len > INT32_MAX)
			return -1;
		total += out[i].len;
	}
	return (int64_t)total;
}

static int64_t transfer(int64_t nr, uint64_t fd, uint64_t iov, uint64_t n, uint64_t flags)
{
	struct agent_msghdr msg = {.iov = iov, .n_iov = n};

	return call3(nr, fd, (uintptr_t)&msg, flags | MSG_DONTWAIT);
}

/* --- reading and writing --- */

static bool read_ready(struct abi_call *c, uint32_t *flags, short events)
{
	return (fd_ready(ARGS(c, 0), events) || fd_nonblocking(ARGS(c, 0))) &&
	       make_direct(c, flags);
}

static bool make_read(struct abi_call *c, uint32_t *flags)
{
	struct iovec v = {(void *)ARGS(c, 1), ARGS(c, 2)};

	switch (fd_kind(ARGS(c, 0)) & FD_KIND_MASK) {
	case FD_FILE:
		return make_file_read(c, flags);
	case FD_DIR:
	case FD_MEMORY:
		return make_direct(c, flags);
	case FD_PIPE:
		return without_waiting(c, untraced(__NR_preadv2, ARGS(c, 0), (uintptr_t)&v, 1, -1,
						   -1, RWF_NOWAIT_));
	case FD_SOCKET:
		return ARGS(c, 2) &&
		       without_waiting(c, untraced(__NR_recvfrom, ARGS(c, 0), ARGS(c, 1),
						   ARGS(c, 2), MSG_DONTWAIT, 0, 0));
	case FD_OTHER:
		return read_ready(c, flags, POLLIN);
	}
	return false;
}

static bool make_readv(struct abi_call *c, uint32_t *flags)
{
	struct agent_iovec iov[MAX_REST];

	switch (fd_kind(ARGS(c, 0)) & FD_KIND_MASK) {
	case FD_FILE:
		return make_file_read(c, flags);
	case FD_MEMORY:
		return make_direct(c, flags);
	case FD_PIPE:
		return without_waiting(c, untraced(__NR_preadv2, ARGS(c, 0), ARGS(c, 1), ARGS(c, 2),
						   -1, -1, RWF_NOWAIT_));
	case FD_SOCKET:
		return gather(ARGS(c, 1), ARGS(c, 2), iov) > 0 &&
		       without_waiting(
			       c, transfer(__NR_recvmsg, ARGS(c, 0), ARGS(c, 1), ARGS(c, 2), 0));
	}
	return ARGS(c, 2) && fd_nonblocking(ARGS(c, 0)) && make_direct(c, flags);
}

static bool make_pread(struct abi_call *c, uint32_t *flags)
{
	switch (fd_kind(ARGS(c, 0)) & FD_KIND_MASK) {
	case FD_FILE:
		return make_file_read(c, flags);
	case FD_MEMORY:
		return make_direct(c, flags);
	}
	return false;
}

/* A non-waiting write of `ret` bytes: what is left of a shorter one is the tracer's to write. */
static bool written(struct abi_call *c, int64_t ret, uint64_t wanted)
{
	if (!without_waiting(c, ret))
		return false;
	if (ret < 0 || (uint64_t)ret >= wanted || fd_nonblocking(ARGS(c, 0)))
		return true;
	STATE->partial = (uint64_t)ret;
	return false;
}

/* The same of vectors: the tracer's call is of those that are left. */
static bool written_vectors(struct abi_call *c, int64_t ret, const struct agent_iovec *iov,
			    uint64_t n, int64_t wanted)
{
	uint64_t done = (uint64_t)ret, i = 0;

	if (written(c, ret, (uint64_t)wanted))
		return true;
	if (!STATE->partial)
		return false;
	for (; i < n && done >= iov[i].len; i++)
		done -= iov[i].len;
	STATE->n_rest = 0;
	for (; i < n; i++, done = 0)
		STATE->rest[STATE->n_rest++] =
			(struct agent_iovec){iov[i].base + done, iov[i].len - done};
	return false;
}

static uint32_t echo_flags(uint32_t kind)
{
	return kind & FD_STDOUT ? RECORD_ECHO : kind & FD_STDERR ? RECORD_ECHO2 : 0;
}

static bool make_write(struct abi_call *c, uint32_t *flags)
{
	struct iovec v = {(void *)ARGS(c, 1), ARGS(c, 2)};
	uint32_t kind = fd_kind(ARGS(c, 0));

	if (kind & FD_WATCHED)
		return false;
	*flags = echo_flags(kind);
	switch (kind & FD_KIND_MASK) {
	case FD_FILE:
	case FD_MEMORY:
		return make_direct(c, flags);
	case FD_PIPE:
		return written(
			c,
			untraced(__NR_pwritev2, ARGS(c, 0), (uintptr_t)&v, 1, -1, -1, RWF_NOWAIT_),
			v.iov_len);
	case FD_SOCKET:
		return written(c,
			       untraced(__NR_sendto, ARGS(c, 0), ARGS(c, 1), ARGS(c, 2),
					MSG_DONTWAIT, 0, 0),
			       v.iov_len);
	case FD_OTHER:
		return read_ready(c, flags, POLLOUT);
	}
	return false;
}

static bool make_writev(struct abi_call *c, uint32_t *flags)
{
	struct agent_iovec iov[MAX_REST];
	uint32_t kind = fd_kind(ARGS(c, 0));
	int64_t total;

	if (kind & FD_WATCHED)
		return false;
	*flags = echo_flags(kind);
	kind &= FD_KIND_MASK;
	if (kind == FD_FILE || kind == FD_MEMORY)
		return make_direct(c, flags);
	total = gather(ARGS(c, 1), ARGS(c, 2), iov);
	if (total <= 0)
		return false;
	if (kind == FD_PIPE)
		return written_vectors(c,
				       untraced(__NR_pwritev2, ARGS(c, 0), ARGS(c, 1), ARGS(c, 2),
						-1, -1, RWF_NOWAIT_),
				       iov, ARGS(c, 2), total);
	if (kind == FD_SOCKET)
		return written_vectors(
			c, transfer(__NR_sendmsg, ARGS(c, 0), ARGS(c, 1), ARGS(c, 2), 0), iov,
			ARGS(c, 2), total);
	return fd_nonblocking(ARGS(c, 0)) && make_direct(c, flags);
}

/* A plain file that nobody sees through memory, and that is not to be echoed. */
static bool is_plain(uint64_t fd)
{
	return fd_kind(fd) == FD_FILE;
}

static bool make_pwrite(struct abi_call *c, uint32_t *flags)
{
	return is_plain(ARGS(c, 0)) && make_direct(c, flags);
}

static bool make_copy_range(struct abi_call *c, uint32_t *flags)
{
	return (fd_kind(ARGS(c, 0)) & FD_KIND_MASK) == FD_FILE && is_plain(ARGS(c, 2)) &&
	       make_direct(c, flags);
}

static bool make_sendfile(struct abi_call *c, uint32_t *flags)
{
	return is_plain(ARGS(c, 0)) && (fd_kind(ARGS(c, 1)) & FD_KIND_MASK) == FD_FILE &&
	       make_direct(c, flags);
}

/* --- memory --- */

static bool is_ours(uint64_t start, uint64_t size)
{
	uint64_t end = start + size;

	if (end < start || overlaps_ours(start, end))
		return true;
	for (uint32_t i = 0; i < STATE->n_code; i++) {
		if (start < STATE->code[i].end && end > STATE->code[i].start)
			return true;
	}
	return false;
}

static bool make_again(struct abi_call *c, uint32_t *flags)
{
	*flags = RECORD_REMAKE;
	return make_direct(c, flags);
}

static bool make_brk(struct abi_call *c, uint32_t *flags)
{
	return make_again(c, flags);
}

/* Code that nobody has looked at might read the counter that does not trap yet: the tracer sees to
 * that. */
static bool brings_code(uint64_t prot)
{
	return (prot & PROT_EXEC) && STATE->tsc_free;
}

static bool make_munmap(struct abi_call *c, uint32_t *flags)
{
	return !is_ours(ARGS(c, 0), page_ceil(ARGS(c, 1))) && make_again(c, flags);
}

static bool make_mprotect(struct abi_call *c, uint32_t *flags)
{
	return !brings_code(ARGS(c, 2)) && make_munmap(c, flags);
}

/* The number of the file that the trace has of what `fd` is open on now, or 0. */
static uint64_t kept_file(int fd)
{
	const struct agent_kept *k;
	struct agent_stamp stamp;

	if (!fd_stamp(fd, &stamp))
		return 0;
	k = &STATE->kept[agent_file_bit(stamp.dev, stamp.ino) % N_KEPT];
	return same_stamp(&k->stamp, &stamp) ? k->file : 0;
}

/* Private memory: new, or of a file that is kept already. Code is the tracer's to map. */
static bool make_mmap(struct abi_call *c, uint32_t *flags)
{
	const uint64_t fixed = MAP_FIXED | MAP_FIXED_NOREPLACE;
	const uint64_t known = fixed | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK |
			       MAP_POPULATE | MAP_DENYWRITE;

	if (!(ARGS(c, 3) & MAP_PRIVATE) || (ARGS(c, 3) & ~known) || brings_code(ARGS(c, 2)))
		return false;
	if (!(ARGS(c, 3) & MAP_ANONYMOUS)) {
		STATE->file = ARGS(c, 2) & PROT_EXEC ? 0 : kept_file((int)ARGS(c, 4));
		if (!STATE->file)
			return false;
	}
	if ((ARGS(c, 0) || (ARGS(c, 3) & fixed)) && is_ours(ARGS(c, 0), page_ceil(ARGS(c, 1))))
		return false;
	return make_again(c, flags);
}

static bool make_mremap(struct abi_call *c, uint32_t *flags)
{
	return !(ARGS(c, 3) & ~(uint64_t)MREMAP_MAYMOVE) &&
	       !is_ours(ARGS(c, 0), page_ceil(ARGS(c, 1))) && make_again(c, flags);
}

static bool make_madvise(struct abi_call *c, uint32_t *flags)
{
	static const uint32_t advices[] = {
		MADV_NORMAL,   MADV_RANDOM,   MADV_SEQUENTIAL, MADV_WILLNEED,
		MADV_DONTNEED, MADV_HUGEPAGE, MADV_NOHUGEPAGE,
	};

	return is_one_of(ARGS(c, 2), advices, ARRAY_SIZE(advices)) &&
	       !is_ours(ARGS(c, 0), page_ceil(ARGS(c, 1))) && make_again(c, flags);
}

/* --- descriptors --- */

static bool is_new_file(uint64_t open_flags)
{
	const uint64_t both = O_CREAT | O_EXCL;

	return (open_flags & both) == both;
}

/*
 * Whether opening the file at `path` neither waits nor needs the tracer's attention. `*kind`: what
 * the descriptor will be, FD_BAD if it has to be asked: of one that is only read, nobody needs to
 * know whether the file is mapped or the recorder's own.
 */
static bool may_open(int dirfd, uint64_t path, uint64_t open_flags, uint32_t *kind)
{
	struct stat st;
	uint32_t bit;
	int64_t ret;

	*kind = FD_BAD;
	if (open_flags & O_PATH)
		return true;
	if (is_new_file(open_flags)) {
		*kind = FD_FILE;
		return true;
	}
	ret = untraced(__NR_newfstatat, dirfd, path, (uintptr_t)&st,
		       open_flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0, 0, 0);
	if (ret)
		return ret != -EFAULT;
	switch (st.st_mode & S_IFMT) {
	case S_IFDIR:
	case S_IFLNK:
		return true;
	case S_IFCHR:
		return st.st_rdev >> 8 == 1; /* mem(4) */
	case S_IFREG:
		break;
	default:
		return false;
	}
	/* Files in /proc, some of which show what is ours, look empty. */
	if (!st.st_size && !(st.st_dev >> 8 & 0xfff))
		return false;
	if ((open_flags & O_ACCMODE) == O_RDONLY)
		*kind = FD_FILE;
	bit = agent_file_bit(st.st_dev, st.st_ino);
	return !(open_flags & O_TRUNC) || !(STATE->mapped[bit / 8] & 1U << bit % 8);
}

static bool open_at(struct abi_call *c, int dirfd, uint64_t path, uint64_t open_flags)
{
	uint32_t kind;

	if (!may_open(dirfd, path, open_flags, &kind))
		return false;
	c->ret = call6(c);
	if (kind != FD_BAD)
		fd_note(c->ret, kind);
	return true;
}

static bool make_open(struct abi_call *c, uint32_t *flags)
{
	return open_at(c, AT_FDCWD, ARGS(c, 0), ARGS(c, 1));
}

static bool make_openat(struct abi_call *c, uint32_t *flags)
{
	return open_at(c, (int)ARGS(c, 0), ARGS(c, 1), ARGS(c, 2));
}

static bool make_creat(struct abi_call *c, uint32_t *flags)
{
	return open_at(c, AT_FDCWD, ARGS(c, 0), O_WRONLY | O_TRUNC);
}

static bool make_close(struct abi_call *c, uint32_t *flags)
{
	fd_forget((int)ARGS(c, 0));
	return make_direct(c, flags);
}

static bool make_dup2(struct abi_call *c, uint32_t *flags)
{
	fd_forget((int)ARGS(c, 1));
	return make_direct(c, flags);
}

static bool make_fcntl(struct abi_call *c, uint32_t *flags)
{
	static const uint32_t commands[] = {
		F_DUPFD,  F_DUPFD_CLOEXEC, F_GETFD,  F_SETFD,	  F_GETFL,
		F_SETFL,  F_GETLK,	   F_SETLK,  F_OFD_GETLK, F_OFD_SETLK,
		F_GETOWN, F_GETPIPE_SZ,	   F_GETSIG, F_GET_SEALS,
	};

	return is_one_of(ARGS(c, 1), commands, ARRAY_SIZE(commands)) && make_direct(c, flags);
}

static bool make_ioctl(struct abi_call *c, uint32_t *flags)
{
	enum {
		TCGETS = 0x5401,
		TIOCGPGRP = 0x540f,
		TIOCGWINSZ = 0x5413,
		FIONREAD = 0x541b,
		FIONBIO = 0x5421,
		FIONCLEX = 0x5450,
		FIOCLEX = 0x5451,
		FICLONE = 0x40049409,
	};
	static const uint32_t requests[] = {
		TCGETS, TIOCGPGRP, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX,
	};

	/* As copy_file_range. */
	if (ARGS(c, 1) == FICLONE)
		return (fd_kind((int)ARGS(c, 2)) & FD_KIND_MASK) == FD_FILE &&
		       make_pwrite(c, flags);
	return is_one_of(ARGS(c, 1), requests, ARRAY_SIZE(requests)) && make_direct(c, flags);
}

/* --- sockets --- */

/* Options that move data (packet filters' tables, zero copy) are numbered from there. */
static bool make_sockopt(struct abi_call *c, uint32_t *flags)
{
	const bool is_tcp = (uint32_t)ARGS(c, 1) == 6;

	return (uint32_t)ARGS(c, 2) < (is_tcp ? 35 : 64) && make_direct(c, flags);
}

static bool make_if_nonblocking(struct abi_call *c, uint32_t *flags)
{
	return fd_nonblocking((int)ARGS(c, 0)) && make_direct(c, flags);
}

static bool is_socket(const struct abi_call *c)
{
	return fd_kind((int)ARGS(c, 0)) == FD_SOCKET;
}

static bool make_sendto(struct abi_call *c, uint32_t *flags)
{
	return is_socket(c) && written(c,
				       untraced(__NR_sendto, ARGS(c, 0), ARGS(c, 1), ARGS(c, 2),
						ARGS(c, 3) | MSG_DONTWAIT, ARGS(c, 4), ARGS(c, 5)),
				       ARGS(c, 2));
}

static bool make_recvfrom(struct abi_call *c, uint32_t *flags)
{
	if (!is_socket(c) || (ARGS(c, 3) & MSG_WAITALL))
		return false;
	return without_waiting(c, untraced(__NR_recvfrom, ARGS(c, 0), ARGS(c, 1), ARGS(c, 2),
					   ARGS(c, 3) | MSG_DONTWAIT, ARGS(c, 4), ARGS(c, 5)));
}

static bool make_sendmsg(struct abi_call *c, uint32_t *flags)
{
	struct agent_iovec iov[MAX_REST];
	struct agent_msghdr msg;
	int64_t total;

	if (!is_socket(c) || copy_user(&msg, (void *)ARGS(c, 1), sizeof(msg)))
		return false;
	total = gather(msg.iov, msg.n_iov, iov);
	if (total < 0)
		return make_if_nonblocking(c, flags);
	if (written_vectors(c,
			    call3(__NR_sendmsg, ARGS(c, 0), ARGS(c, 1), ARGS(c, 2) | MSG_DONTWAIT),
			    iov, msg.n_iov, total))
		return true;
	/* Control data went with the first byte. */
	STATE->rest_msg = (struct agent_msghdr){
		.name = msg.name,
		.name_len = msg.name_len,
		.iov = (uintptr_t)STATE->rest,
		.n_iov = STATE->n_rest,
	};
	return false;
}

static bool make_recvmsg(struct abi_call *c, uint32_t *flags)
{
	if (!is_socket(c) || (ARGS(c, 2) & MSG_WAITALL))
		return false;
	return without_waiting(
		c, call3(__NR_recvmsg, ARGS(c, 0), ARGS(c, 1), ARGS(c, 2) | MSG_DONTWAIT));
}

/* --- waiting --- */

/*
 * With no time to wait. In memory of ours: if nothing is ready, the program's must not change
 * before the call that waits has returned.
 */
static bool poll_now(struct abi_call *c)
{
	struct pollfd fds[POLL_MAX];
	uint64_t n = ARGS(c, 1), size = n * sizeof(fds[0]);

	if (n > POLL_MAX || copy_user(fds, (void *)ARGS(c, 0), size))
		return false;
	c->ret = call3(__NR_poll, (uintptr_t)fds, n, 0);
	return c->ret > 0 && !copy_user((void *)ARGS(c, 0), fds, size);
}

static bool make_poll(struct abi_call *c, uint32_t *flags)
{
	return (uint32_t)ARGS(c, 2) ? poll_now(c) : make_direct(c, flags);
}

static bool is_zero_time(uint64_t addr)
{
	uint64_t v[2];

	return addr && !copy_user(v, (void *)addr, sizeof(v)) && !v[0] && !v[1];
}

static bool make_ppoll(struct abi_call *c, uint32_t *flags)
{
	if (ARGS(c, 3))
		return false;
	return is_zero_time(ARGS(c, 2)) ? make_direct(c, flags) : poll_now(c);
}

static bool select_now(struct abi_call *c)
{
	uint64_t sets[3][SELECT_MAX / 64], zero[2] = {0};
	uint64_t n = ARGS(c, 0), size = (n + 63) / 64 * 8;
	uint64_t at[3];

	if (n > SELECT_MAX)
		return false;
	for (int i = 0; i < 3; i++) {
		at[i] = ARGS(c, i + 1) ? (uintptr_t)sets[i] : 0;
		if (at[i] && copy_user(sets[i], (void *)ARGS(c, i + 1), size))
			return false;
	}
	c->ret = untraced(__NR_select, n, at[0], at[1], at[2], (uintptr_t)zero, 0);
	if (c->ret <= 0)
		return false;
	for (int i = 0; i < 3; i++) {
		if (at[i] && copy_user((void *)ARGS(c, i + 1), sets[i], size))
			return false;
	}
	return true;
}

static bool make_select(struct abi_call *c, uint32_t *flags)
{
	return is_zero_time(ARGS(c, 4)) ? make_direct(c, flags) : select_now(c);
}

static bool make_pselect(struct abi_call *c, uint32_t *flags)
{
	uint64_t mask[2] = {0}; /* address and size of a signal mask */

	if (ARGS(c, 5) && (copy_user(mask, (void *)ARGS(c, 5), sizeof(mask)) || mask[0]))
		return false;
	return make_select(c, flags);
}

static bool make_epoll(struct abi_call *c, uint32_t *flags)
{
	if (c->nr == __NR_epoll_pwait && ARGS(c, 4))
		return false;
	if (!(uint32_t)ARGS(c, 3))
		return make_direct(c, flags);
	c->ret = untraced(__NR_epoll_wait, ARGS(c, 0), ARGS(c, 1), ARGS(c, 2), 0, 0, 0);
	return c->ret != 0;
}

static bool make_wait(struct abi_call *c, uint32_t *flags)
{
	if (STATE->attaches)
		return false;
	c->ret = untraced(__NR_wait4, ARGS(c, 0), ARGS(c, 1), ARGS(c, 2) | WNOHANG_BIT, ARGS(c, 3),
			  0, 0);
	return c->ret || (ARGS(c, 2) & WNOHANG_BIT);
}

static bool make_futex(struct abi_call *c, uint32_t *flags)
{
	enum {
		WAIT = 0,
		WAKE = 1,
		REQUEUE = 3,
		CMP_REQUEUE = 4,
		WAKE_OP = 5,
		WAIT_BITSET = 9,
		WAKE_BITSET = 10,
	};
	uint32_t word;

	switch (ARGS(c, 1) & 0x7f) {
	case WAKE:
	case REQUEUE:
	case CMP_REQUEUE:
	case WAKE_OP:
	case WAKE_BITSET:
		return make_direct(c, flags);
	case WAIT:
	case WAIT_BITSET:
		if ((ARGS(c, 0) & 3) || copy_user(&word, (void *)ARGS(c, 0), sizeof(word)) ||
		    word == (uint32_t)ARGS(c, 2))
			return false;
		c->ret = -EAGAIN;
		return true;
	}
	return false;
}

/* --- others --- */

static bool make_prlimit(struct abi_call *c, uint32_t *flags)
{
	return !ARGS(c, 2) && make_direct(c, flags);
}

static bool make_getrandom(struct abi_call *c, uint32_t *flags)
{
	enum { GRND_NONBLOCK = 1, GRND_RANDOM = 2 };

	return (ARGS(c, 2) & (GRND_NONBLOCK | GRND_RANDOM)) != GRND_RANDOM && make_direct(c, flags);
}

/* --- a thread's beginning --- */

static bool make_arch_prctl(struct abi_call *c, uint32_t *flags)
{
	enum { ARCH_SET_GS = 0x1001, ARCH_SET_FS, ARCH_GET_FS, ARCH_GET_GS };

	switch (ARGS(c, 0)) {
	case ARCH_SET_GS:
	case ARCH_SET_FS:
		return make_again(c, flags);
	case ARCH_GET_FS:
	case ARCH_GET_GS:
		return make_direct(c, flags);
	}
	return false;
}

static bool make_set_tid_address(struct abi_call *c, uint32_t *flags)
{
	STATE->clear_tid = ARGS(c, 0);
	return make_direct(c, flags);
}

static bool make_set_robust_list(struct abi_call *c, uint32_t *flags)
{
	make_direct(c, flags);
	if (!c->ret)
		STATE->robust_list = ARGS(c, 0);
	return true;
}

/* Refused, as by the recorder. */
static bool make_rseq(struct abi_call *c, uint32_t *flags)
{
	c->ret = -ENOSYS;
	return true;
}

/* The tracer has to know the program's mask: its traps change it. */
static bool make_sigprocmask(struct abi_call *c, uint32_t *flags)
{
	uint64_t set = 0;

	if (ARGS(c, 1) && copy_user(&set, (void *)ARGS(c, 1), sizeof(set)))
		return false;
	make_direct(c, flags);
	if (c->ret || !ARGS(c, 1))
		return true;
	switch ((int)ARGS(c, 0)) {
	case SIG_BLOCK:
		STATE->blocked |= set;
		break;
	case SIG_UNBLOCK:
		STATE->blocked &= ~set;
		break;
	case SIG_SETMASK:
		STATE->blocked = set;
		break;
	}
	return true;
}

/* The same of the handlers of SIGSEGV and SIGTRAP. */
static bool make_sigaction(struct abi_call *c, uint32_t *flags)
{
	int signo = (int)ARGS(c, 0);

	return signo != SIGSEGV && signo != SIGTRAP && make_direct(c, flags);
}

const agent_call_fn agent_calls[512] = {
#define AGENT_CALL(name, how) [__NR_##name] = make_##how,
#include "agent/calls.def"
#undef AGENT_CALL
};
