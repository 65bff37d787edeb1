/*
 * Files of which much is read. What is read need not be in the trace if the trace has a clone of
 * the file, which shares its blocks and so costs nothing but to make it: the agent then records
 * which part of the clone it was (src/agent/reads.c).
 *
 * The program reads the file itself. That what it got is in the clone is known by the stamp of the
 * file (size, mtime, ctime): it is the same before the clone was made, afterwards, and after the
 * read. A change between them would show in it, whoever made it:
 *   - Writes, truncation, and sharing other blocks into the file set ctime before anything changes
 *     that can be read, and cloning waits for those in progress. A file whose ctime is not a while
 *     ago is not cloned, so any new one is another one.
 *   - A store through a shared mapping sets ctime if it is the first one to that page since it was
 *     written back. Cloning writes all pages back.
 * This holds for btrfs and XFS; elsewhere nothing is cloned.
 *
 * A clone takes time for each extent of the file, and keeps all of it: that must be worth while.
 */
#include "record/session.h"

#include "base/log.h"

#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BYTES_PER_EXTENT (8 << 10) /* that are copied in the time that cloning an extent takes */
#define SHARE		 64	   /* of the file, that was read before all of it is kept */
#define N_EXTENTS	 128	   /* counted; from there on they are estimated */

void reads_begin(struct recorder *rec)
{
	rec->agent.state->may_clone =
		!rec->opt->no_read_cloning && trace_writer_may_clone(rec->trace);
}

/* The descriptor of the task's, as it is: opening the file again could be noticed. */
static int get_fd(const struct rtask *t, int fd)
{
	int pidfd = (int)syscall(SYS_pidfd_open, t->t.tgid, 0), ret;

	if (pidfd < 0)
		return -errno;
	ret = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	if (ret < 0)
		ret = -errno;
	close(pidfd);
	return ret;
}

static uint64_t count_extents(int fd, uint64_t size)
{
	struct {
		struct fiemap head;
		struct fiemap_extent extent[N_EXTENTS];
	} map = {.head = {.fm_length = FIEMAP_MAX_OFFSET, .fm_extent_count = N_EXTENTS}};
	uint64_t n, end;

	if (ioctl(fd, FS_IOC_FIEMAP, &map) < 0)
		return 0;
	n = map.head.fm_mapped_extents;
	if (n < N_EXTENTS)
		return n;
	end = map.extent[n - 1].fe_logical + map.extent[n - 1].fe_length;
	return n * (max_u64(size, end) / end);
}

/* How much must be read of the file before a clone costs less than the copies did. */
static uint64_t price(int fd, uint64_t size)
{
	return max_u64(count_extents(fd, size) * BYTES_PER_EXTENT, size / SHARE);
}

static void note_unclonable(struct agent_state *a, uint64_t dev)
{
	if (a->n_unclonable < N_UNCLONABLE)
		a->unclonable[a->n_unclonable++] = dev;
}

static void make_clone(struct recorder *rec, int fd, struct agent_clone *c)
{
	struct agent_stamp stamp;
	uint32_t file = 0;
	struct stat st;
	int ret = trace_writer_clone_file(rec->trace, fd, &st, &file);

	switch (ret) {
	case 0:
		stamp = agent_stamp_of(&st);
		if (!memcmp(&stamp, &c->stamp, sizeof(stamp)))
			c->file = file;
		break;
	case -EAGAIN:
		c->ask_at = c->n_read + CLONE_AGAIN;
		break;
	case -EXDEV:
	case -EOPNOTSUPP:
	case -ENOTTY:
		note_unclonable(rec->agent.state, c->stamp.dev);
	}
	log_debug("a file of %llu bytes is cloned: %s", (unsigned long long)c->stamp.size,
		  strerror(-ret));
}

void reads_clone(struct recorder *rec, struct rtask *t)
{
	struct agent_state *a = rec->agent.state;
	struct agent_clone *c = &a->clones[a->clone_asked % N_CLONES];
	int fd = get_fd(t, a->clone_fd);
	uint64_t enough;

	c->file = 0;
	c->ask_at = UINT64_MAX;
	if (fd < 0)
		return;
	enough = price(fd, c->stamp.size);
	if (c->n_read < enough)
		c->ask_at = enough;
	else
		make_clone(rec, fd, c);
	close(fd);
}
