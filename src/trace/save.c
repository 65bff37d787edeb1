/*
 * Keeping the content of files. A trace has its own copy of all that its tracees mapped, since the
 * originals change; but most of that are the same few libraries, so traces share copies through a
 * store in the trace root: the copy is made there once and hard-linked into each trace. The
 * original itself is never linked: writing to it in place would change the trace.
 *
 * A store entry is found by (dev, ino, size, mtime, ctime). That is only sound for a file that has
 * not changed for a while: timestamps come from a clock that ticks every few milliseconds, so a
 * file can change twice within one. Files younger than SETTLED_S are copied every time.
 *
 * Any number of recorders and removers may work on a store: entries appear whole by rename(2), with
 * a link from a trace already, and whoever finds one gone makes a copy.
 */
#include "trace/save.h"

#include "base/io.h"
#include "base/log.h"
#include "trace/dir.h"
#include "trace/format.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define SETTLED_S	2
#define TEMP_PREFIX	"tmp-"
#define TEMP_LIFETIME_S 3600

/* --- copying --- */

static int copy_by_hand(int src, int dst, uint64_t off, uint64_t len)
{
	struct buf b = BUF_INIT;
	int ret = 0;

	buf_reserve(&b, 1 << 17);
	while (!ret && len) {
		ssize_t n = pread_full(src, b.data, min_u64(len, 1 << 17), off);

		if (n <= 0) {
			ret = n; /* 0: it has become shorter; the caller's second fstat() tells */
			break;
		}
		ret = pwrite_full(dst, b.data, n, off);
		off += n;
		len -= n;
	}
	buf_release(&b);
	return ret;
}

static int copy_range(int src, int dst, uint64_t off, uint64_t len)
{
	off64_t in = off, out = off;

	while (len) {
		ssize_t n = copy_file_range(src, &in, dst, &out, min_u64(len, 1 << 30), 0);

		if (n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO || errno == EFBIG))
			return -errno;
		if (n <= 0)
			return copy_by_hand(src, dst, in, len);
		len -= n;
	}
	return 0;
}

/* Share the blocks, else copy what is not a hole. Only the offset of `src` is changed. */
static int copy_content(int src, int dst, uint64_t size, bool no_clone)
{
	uint64_t hole;
	int ret;

	if (!no_clone && ioctl(dst, FICLONE, src) == 0)
		return 0;
	if (ftruncate(dst, size) < 0)
		return -errno;
	for (uint64_t off = 0; off < size; off = hole) {
		off_t data = lseek(src, off, SEEK_DATA), next;

		if (data < 0 && errno == ENXIO)
			return 0;
		if (data < 0)
			return copy_range(src, dst, off, size - off);
		next = lseek(src, data, SEEK_HOLE);
		hole = next < 0 ? size : min_u64(next, size);
		if ((uint64_t)data >= hole)
			return 0;
		ret = copy_range(src, dst, data, hole - data);
		if (ret)
			return ret;
	}
	return 0;
}

static bool same_content(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Copy a file that may be changing; *steady tells whether `st` describes the copy. */
static int copy_steady(int fd, int dst, const struct stat *st, bool no_clone, bool *steady)
{
	struct stat before = *st, after;
	char proc[40];
	int src, ret;

	/* Our own file offset. A file that we may not open again is copied without looking for
	 * holes. */
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	src = open(proc, O_RDONLY | O_CLOEXEC);
	for (int attempt = 0;; attempt++) {
		if (src >= 0)
			ret = copy_content(src, dst, before.st_size, no_clone);
		else
			ret = copy_range(fd, dst, 0, before.st_size);
		if (!ret && fstat(fd, &after) < 0)
			ret = -errno;
		if (ret)
			break;
		*steady = same_content(st, &after);
		if (same_content(&before, &after) || attempt)
			break;
		before = after;
		if (ftruncate(dst, 0) < 0) {
			ret = -errno;
			break;
		}
	}
	if (src >= 0)
		close(src);
	if (!ret && fchmod(dst, 0400) < 0)
		ret = -errno;
	return ret;
}

/* --- the store --- */

static int open_dir_at(int dirfd, const char *name)
{
	return openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

/* Whether nobody else can put anything into the directory. */
static bool is_private(const struct stat *st)
{
	return st->st_uid == geteuid() && !(st->st_mode & 022);
}

/* The store beside the trace, if the trace lies in the root; -1 if there can be none. */
static int open_store(int dirfd)
{
	struct buf root = BUF_INIT;
	struct stat st, root_st;
	int parent = -1, store = -1;

	if (getenv("RR_COPY_ALL_FILES") || trace_root_quiet(&root))
		goto out;
	parent = open_dir_at(dirfd, "..");
	if (parent < 0 || fstat(parent, &st) < 0 || stat(buf_str(&root), &root_st) < 0)
		goto out;
	if (st.st_dev != root_st.st_dev || st.st_ino != root_st.st_ino || !is_private(&st))
		goto out;
	if (mkdirat(parent, STORE_NAME, 0700) < 0 && errno != EEXIST)
		goto out;
	store = open_dir_at(parent, STORE_NAME);
	if (store >= 0 && (fstat(store, &st) < 0 || !is_private(&st))) {
		close(store);
		store = -1;
	}
out:
	if (parent >= 0)
		close(parent);
	buf_release(&root);
	return store;
}

static void entry_name(const struct file_key *k, char *name, size_t size)
{
	snprintf(name, size,
		 "%" PRIx64 "-%" PRIx64 "-%" PRIx64 "-%" PRIx64 ".%" PRIx64 "-%" PRIx64 ".%" PRIx64,
		 k->dev, k->ino, k->size, (uint64_t)k->mtime_s, (uint64_t)k->mtime_ns,
		 (uint64_t)k->ctime_s, (uint64_t)k->ctime_ns);
}

/* Whether a file in the store's directory is of ours. */
static bool is_entry_name(const char *name)
{
	size_t dashes = 0, dots = 0;

	if (strspn(name, "0123456789abcdef-.") != strlen(name))
		return false;
	for (const char *p = name; *p; p++) {
		dashes += *p == '-';
		dots += *p == '.';
	}
	return dashes == 4 && dots == 2;
}

static int make_temp(int dirfd, char *name, size_t size)
{
	for (;;) {
		uint64_t random;
		int fd;

		if (getrandom(&random, sizeof(random), 0) != sizeof(random))
			return -errno;
		snprintf(name, size, TEMP_PREFIX "%016" PRIx64, random);
		fd = openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd >= 0 || errno != EEXIST)
			return fd < 0 ? -errno : fd;
	}
}

static bool is_garbage(int store, const char *name, time_t now)
{
	bool temp = !strncmp(name, TEMP_PREFIX, strlen(TEMP_PREFIX));
	struct stat st;

	if (!temp && !is_entry_name(name))
		return false;
	if (fstatat(store, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return false;
	/* A recorder may be copying to it still; the last byte written dates it. */
	if (temp)
		return now - st.st_mtime > TEMP_LIFETIME_S && now - st.st_ctime > TEMP_LIFETIME_S;
	return st.st_nlink == 1;
}

int trace_store_prune(const char *root)
{
	char *path = xasprintf("%s/%s", root, STORE_NAME);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = NULL;
	struct dirent *de;
	int ret = 0;

	if (fd < 0) {
		ret = errno == ENOENT ? 0 : -errno;
		goto out;
	}
	dir = fdopendir(fd);
	if (!dir) {
		ret = -errno;
		close(fd);
		goto out;
	}
	while ((de = readdir(dir)))
		if (is_garbage(fd, de->d_name, time(NULL)) && unlinkat(fd, de->d_name, 0) < 0 &&
		    errno != ENOENT)
			ret = -errno;
out:
	if (dir)
		closedir(dir);
	free(path);
	return ret;
}

/* --- saving --- */

int file_saver_open(struct file_saver *s, int dirfd, const char *dir, bool no_clone)
{
	memset(s, 0, sizeof(*s));
	s->no_clone = no_clone;
	s->store_fd = -1;
	if (mkdirat(dirfd, "files", 0700) < 0)
		return -errno;
	s->files_fd = open_dir_at(dirfd, "files");
	if (s->files_fd < 0)
		return -errno;
	s->store_fd = open_store(dirfd);
	return 0;
}

void file_saver_close(struct file_saver *s)
{
	close(s->files_fd);
	if (s->store_fd >= 0)
		close(s->store_fd);
	map_release(&s->by_key);
	free(s->saved);
	memset(s, 0, sizeof(*s));
}

static struct file_key key_of(const struct stat *st)
{
	return (struct file_key){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = st->st_size,
		.mtime_s = st->st_mtim.tv_sec,
		.mtime_ns = st->st_mtim.tv_nsec,
		.ctime_s = st->st_ctim.tv_sec,
		.ctime_ns = st->st_ctim.tv_nsec,
	};
}

/* Whether any change from now on would show in the key. */
static bool is_settled(const struct stat *st)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return st->st_ctim.tv_sec < now.tv_sec - SETTLED_S &&
	       st->st_mtim.tv_sec < now.tv_sec - SETTLED_S;
}

static bool find_saved(const struct file_saver *s, const struct file_key *key, uint32_t *number)
{
	uint64_t i;

	if (!map_get(&s->by_key, xxh64(key, sizeof(*key), 0), &i) ||
	    memcmp(&s->saved[i].key, key, sizeof(*key)) != 0)
		return false;
	*number = s->saved[i].number;
	return true;
}

static void remember(struct file_saver *s, const struct file_key *key, uint32_t number)
{
	if (s->n_saved == s->cap_saved) {
		s->cap_saved = s->cap_saved ? 2 * s->cap_saved : 16;
		s->saved = xrealloc(s->saved, s->cap_saved * sizeof(*s->saved));
	}
	map_set(&s->by_key, xxh64(key, sizeof(*key), 0), s->n_saved);
	s->saved[s->n_saved++] = (struct saved_file){.key = *key, .number = number};
}

/* Copy straight into the trace. */
static int copy_private(struct file_saver *s, int fd, const struct stat *st, const char *name,
			bool *steady)
{
	int dst = openat(s->files_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int ret;

	if (dst < 0)
		return -errno;
	ret = copy_steady(fd, dst, st, s->no_clone, steady);
	close(dst);
	if (ret)
		unlinkat(s->files_fd, name, 0);
	return ret;
}

/* Copy into the store and link from there. */
static int copy_shared(struct file_saver *s, int fd, const struct stat *st, const char *name,
		       const char *entry, bool *steady)
{
	char temp[32];
	int dst = make_temp(s->store_fd, temp, sizeof(temp));
	int ret;

	if (dst < 0)
		return dst;
	ret = copy_steady(fd, dst, st, s->no_clone, steady);
	close(dst);
	if (!ret && linkat(s->store_fd, temp, s->files_fd, name, 0) < 0)
		ret = -errno;
	if (ret || !*steady || renameat(s->store_fd, temp, s->store_fd, entry) < 0)
		unlinkat(s->store_fd, temp, 0);
	return ret;
}

int file_saver_save(struct file_saver *s, int fd, bool fresh, uint32_t *number)
{
	char name[16], entry[160];
	struct file_key key;
	struct stat st;
	bool settled, steady = false;
	int ret = -ENOENT;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	settled = !fresh && is_settled(&st);
	key = key_of(&st);
	if (settled && find_saved(s, &key, number))
		return 0;
	snprintf(name, sizeof(name), "%" PRIu32, s->last + 1);
	entry_name(&key, entry, sizeof(entry));
	if (settled && s->store_fd >= 0) {
		if (linkat(s->store_fd, entry, s->files_fd, name, 0) == 0) {
			ret = 0;
			steady = true;
		} else if (errno == ENOENT) {
			ret = copy_shared(s, fd, &st, name, entry, &steady);
		}
	}
	/* Whatever was wrong with the store (no links here, too many links) may not matter. */
	if (ret)
		ret = copy_private(s, fd, &st, name, &steady);
	if (ret)
		return ret;
	*number = ++s->last;
	if (settled && steady)
		remember(s, &key, *number);
	return 0;
}

/*
 * Those of which it is known that a write sets ctime before it changes anything that can be read,
 * and that cloning writes back what was stored through mappings, so that a later store is dated.
 */
bool file_saver_may_clone(const struct file_saver *s)
{
	struct statfs fs;

	return !fstatfs(s->files_fd, &fs) &&
	       (fs.f_type == BTRFS_SUPER_MAGIC || fs.f_type == XFS_SUPER_MAGIC);
}

int file_saver_clone(struct file_saver *s, int fd, struct stat *st, uint32_t *number)
{
	struct file_key before, after;
	char name[16];
	int dst, ret = 0;

	if (fstat(fd, st) < 0)
		return -errno;
	if (!is_settled(st))
		return -EAGAIN;
	before = key_of(st);
	snprintf(name, sizeof(name), "%" PRIu32, s->last + 1);
	dst = openat(s->files_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	if (dst < 0)
		return -errno;
	if (ioctl(dst, FICLONE, fd) < 0 || fstat(fd, st) < 0)
		ret = -errno;
	close(dst);
	after = key_of(st);
	if (!ret && memcmp(&before, &after, sizeof(before)) != 0)
		ret = -EAGAIN;
	if (ret)
		unlinkat(s->files_fd, name, 0);
	else
		*number = ++s->last;
	return ret;
}

int file_saver_save_bytes(struct file_saver *s, const void *bytes, size_t len, uint32_t *number)
{
	char name[16];
	int fd, ret;

	snprintf(name, sizeof(name), "%" PRIu32, s->last + 1);
	fd = openat(s->files_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	if (fd < 0)
		return -errno;
	ret = write_full(fd, bytes, len);
	if (close(fd) < 0 && !ret)
		ret = -errno;
	if (ret) {
		unlinkat(s->files_fd, name, 0);
		return ret;
	}
	*number = ++s->last;
	return 0;
}
