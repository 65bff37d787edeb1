/*
 * Images on disk. See store.h.
 */
#include "image/store.h"

#include "base/io.h"
#include "base/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_DEFAULT_MB 2048
#define IN_USE_S	 60	      /* younger ones are not removed */
#define TEMP_LIFETIME_S	 3600	      /* of what a killed recorder left */
#define INDEX_LIFETIME_S (30 * 86400) /* of a link in the index */
#define TOUCH_S		 86400	      /* the grain of "last used" */
#define TEMP_PREFIX	 "tmp-"
#define TEMP_NAME_SIZE	 32
#define REFUSAL_PREFIX	 "refused-"
#define INDEX_NAME_SIZE	 192

/* --- the directory --- */

static int find_dir(struct buf *out)
{
	static const struct user_place places[] = {
		{"_RR_CACHE_DIR", ""},
		{"XDG_CACHE_HOME", "/rr"},
		{"HOME", "/.cache/rr"},
	};

	return user_dir(places, ARRAY_SIZE(places), out);
}

/* A directory of ours at `name` that is closed to all others, made if need be: its descriptor, or
 * -errno (-EPERM: it is not private). */
static int open_private(int at, const char *name)
{
	struct stat st;
	int fd, err = 0;

	if (mkdirat(at, name, 0700) < 0)
		err = -errno;
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT && err ? err : -errno;
	if (fstat(fd, &st) < 0)
		err = -errno;
	else
		err = st.st_uid == geteuid() && !(st.st_mode & 077) ? 0 : -EPERM;
	if (!err)
		return fd;
	close(fd);
	return err;
}

static int open_dirs(struct image_store *s)
{
	struct statvfs fs;
	int top, err;

	err = make_dirs(s->dir, 0700);
	top = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		return err ? err : -errno;
	s->images = open_private(top, "images");
	if (s->images >= 0)
		s->index = open_private(top, "index");
	close(top);
	if (s->images < 0)
		return s->images;
	s->no_exec = !fstatvfs(s->images, &fs) && fs.f_flag & ST_NOEXEC;
	return 0;
}

static uint64_t limit_from_env(void)
{
	const char *mb = getenv("_RR_CACHE_SIZE");
	char *end;
	unsigned long long v;

	if (!mb || !*mb)
		return (uint64_t)LIMIT_DEFAULT_MB << 20;
	v = strtoull(mb, &end, 10);
	if (*end || *mb == '-' || v > UINT64_MAX >> 20) {
		warn("_RR_CACHE_SIZE=%s is not a number of megabytes", mb);
		return (uint64_t)LIMIT_DEFAULT_MB << 20;
	}
	return (uint64_t)v << 20;
}

void image_store_open(struct image_store *s)
{
	struct buf dir = BUF_INIT;

	*s = (struct image_store){.images = -1, .index = -1, .limit = limit_from_env()};
	s->error = find_dir(&dir);
	s->dir = buf_detach(&dir);
	if (!s->error)
		s->error = s->limit ? open_dirs(s) : -ENOENT;
	if (s->error == -EPERM)
		warn("%s/images is not yours alone (chmod 700): instrumented images are not kept",
		     s->dir);
	else if (s->error)
		log_debug("no image cache at %s: %s", s->dir, strerror(-s->error));
}

void image_store_close(struct image_store *s)
{
	if (s->images >= 0)
		close(s->images);
	if (s->index >= 0)
		close(s->index);
	free(s->dir);
}

/* --- stamp -> identity --- */

static void index_name(const struct stamp *t, char name[INDEX_NAME_SIZE])
{
	snprintf(name, INDEX_NAME_SIZE,
		 "%" PRIx64 "-%" PRIx64 "-%" PRIx64 "-%" PRIx64 ".%" PRIx64 "-%" PRIx64 ".%" PRIx64
		 "-%" PRIx64,
		 t->dev, t->ino, t->size, t->mtime_s, t->mtime_ns, t->ctime_s, t->ctime_ns,
		 t->fsid);
}

bool image_store_recall(const struct image_store *s, const struct stamp *stamp, struct identity *id)
{
	char name[INDEX_NAME_SIZE], text[32];
	ssize_t n;
	char *end;

	if (s->index < 0)
		return false;
	index_name(stamp, name);
	n = readlinkat(s->index, name, text, sizeof(text) - 1);
	if (n != 16)
		return false;
	text[n] = 0;
	id->size = stamp->size;
	id->hash = strtoull(text, &end, 16);
	return !*end;
}

void image_store_remember(const struct image_store *s, const struct stamp *stamp,
			  const struct identity *id)
{
	char name[INDEX_NAME_SIZE], text[32];

	if (s->index < 0)
		return;
	index_name(stamp, name);
	snprintf(text, sizeof(text), "%016" PRIx64, id->hash);
	if (symlinkat(text, s->index, name) < 0 && errno != EEXIST)
		log_debug("index: %s", strerror(errno));
}

/* --- images --- */

/* An open memory file becomes unchangeable: a descriptor for reading it, or -errno; `fd` is closed.
 */
static int seal(int fd)
{
	char path[40];
	int reader;

	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		log_debug("a memfd cannot be sealed: %s", strerror(errno));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	reader = open(path, O_RDONLY | O_CLOEXEC);
	if (reader < 0)
		reader = -errno;
	close(fd);
	return reader;
}

static int new_memfd(void)
{
	int fd = memfd_create("rr-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	return fd < 0 ? -errno : fd;
}

/* Replace `fd`, which cannot be mapped executable, by a copy in memory; it is closed. */
static int copy_to_memory(int fd)
{
	int copy = new_memfd(), err;

	if (copy >= 0) {
		err = copy_file(fd, copy, true);
		if (err) {
			close(copy);
			copy = err;
		} else {
			copy = seal(copy);
		}
	}
	close(fd);
	return copy;
}

static void touch(int fd)
{
	const struct timespec times[] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}};
	struct stat st;

	/* Often the kernel has done so; it dates a mapping as a read, once a day (relatime). */
	if (!fstat(fd, &st) && st.st_atim.tv_sec + TOUCH_S < time(NULL))
		futimens(fd, times);
}

/* "refused-ERRNO": the -errno, or 0 if the link says anything else. */
static int read_refusal(const struct image_store *s, const char *name)
{
	char text[32];
	ssize_t n = readlinkat(s->images, name, text, sizeof(text) - 1);

	if (n < 0)
		return 0;
	text[n] = 0;
	for (const int *e = (const int[]){ENOEXEC, ERANGE, 0}; *e; e++) {
		char want[32];

		snprintf(want, sizeof(want), REFUSAL_PREFIX "%d", *e);
		if (!strcmp(text, want))
			return -*e;
	}
	return 0;
}

void image_store_refuse(const struct image_store *s, const char *name, int err)
{
	char text[32];

	if (s->images < 0 || (err != -ENOEXEC && err != -ERANGE))
		return;
	snprintf(text, sizeof(text), REFUSAL_PREFIX "%d", -err);
	if (symlinkat(text, s->images, name) < 0)
		log_debug("%s: %s", name, strerror(errno));
}

int image_store_load(const struct image_store *s, const char *name, const uint64_t identity[2],
		     struct image **out, int *fd)
{
	int err;

	*out = NULL;
	if (s->images < 0)
		return -ENOENT;
	*fd = openat(s->images, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (*fd < 0 && errno == ELOOP) {
		err = read_refusal(s, name);
		if (err)
			return err;
		goto damaged;
	}
	if (*fd < 0)
		return -errno;
	touch(*fd);
	if (s->no_exec)
		*fd = copy_to_memory(*fd);
	if (*fd < 0)
		return *fd;
	err = image_read(*fd, out);
	if (!err && memcmp((*out)->identity, identity, sizeof((*out)->identity)) != 0) {
		image_free(*out);
		err = -EINVAL;
	}
	if (!err)
		return 0;
	*out = NULL;
	close(*fd);
	if (err != -EINVAL)
		return err;
damaged:
	warn("an entry of the image cache was damaged, and is made again: %s/images/%s", s->dir,
	     name);
	if (unlinkat(s->images, name, 0) < 0)
		log_debug("%s: %s", name, strerror(errno));
	return -ENOENT;
}

/* A new file for writing in the cache: its descriptor, or -errno. */
static int make_temp(const struct image_store *s, char name[TEMP_NAME_SIZE])
{
	uint64_t random;
	int fd;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -EAGAIN;
	snprintf(name, TEMP_NAME_SIZE, TEMP_PREFIX "%016" PRIx64, random);
	fd = openat(s->images, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

/* Write an image to the cache: a descriptor for reading, or -errno and nothing is left. */
static int store(const struct image_store *s, const char *name, struct image *im)
{
	char temp[TEMP_NAME_SIZE];
	int fd, reader = -1, err;

	if (s->images < 0)
		return -ENOENT;
	fd = make_temp(s, temp);
	if (fd < 0)
		return fd;
	err = image_write(im, fd);
	if (!err && fchmod(fd, 0400) < 0)
		err = -errno;
	if (!err) {
		reader = openat(s->images, temp, O_RDONLY | O_CLOEXEC);
		if (reader < 0 || renameat(s->images, temp, s->images, name) < 0)
			err = -errno;
	}
	close(fd);
	if (!err)
		return reader;
	if (reader >= 0)
		close(reader);
	unlinkat(s->images, temp, 0);
	return err;
}

static int store_in_memory(struct image *im)
{
	int fd = new_memfd(), err;

	if (fd < 0)
		return fd;
	err = image_write(im, fd);
	if (!err)
		return seal(fd);
	close(fd);
	return err;
}

int image_store_save(struct image_store *s, const char *name, struct image *im)
{
	int fd = store(s, name, im);

	if (fd >= 0 && s->no_exec)
		fd = copy_to_memory(fd);
	if (fd >= 0) {
		image_store_trim(s);
		return fd;
	}
	log_debug("not in the cache: %s", strerror(-fd));
	return store_in_memory(im);
}

/* --- size --- */

struct old_file {
	char *name;
	time_t last_use;
	uint64_t bytes;
};

static int by_use(const void *a, const void *b)
{
	const struct old_file *x = a, *y = b;

	return x->last_use < y->last_use ? -1 : x->last_use > y->last_use;
}

static DIR *list(int dir)
{
	int fd = dir < 0 ? -1 : openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d && fd >= 0)
		close(fd);
	return d;
}

static time_t last_use(const struct stat *st)
{
	return st->st_atim.tv_sec > st->st_mtim.tv_sec ? st->st_atim.tv_sec : st->st_mtim.tv_sec;
}

/* All images, and what they take; what was left by killed recorders is removed. */
static size_t list_images(const struct image_store *s, struct old_file **out, uint64_t *sum)
{
	DIR *d = list(s->images);
	time_t now = time(NULL);
	struct old_file *v = NULL;
	struct dirent *de;
	size_t n = 0;

	*sum = 0;
	while (d && (de = readdir(d))) {
		struct stat st;

		if (fstatat(s->images, de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    S_ISDIR(st.st_mode))
			continue;
		if (!strncmp(de->d_name, TEMP_PREFIX, strlen(TEMP_PREFIX))) {
			if (now - st.st_mtim.tv_sec > TEMP_LIFETIME_S)
				unlinkat(s->images, de->d_name, 0);
			continue;
		}
		v = xrealloc(v, (n + 1) * sizeof(*v));
		v[n].name = xstrdup(de->d_name);
		v[n].last_use = last_use(&st);
		v[n].bytes = (uint64_t)st.st_blocks * 512;
		*sum += v[n++].bytes;
	}
	if (d)
		closedir(d);
	*out = v;
	return n;
}

/* Links of files that are gone are never read again: once in a process is enough. */
static void trim_index(struct image_store *s)
{
	DIR *d = s->trimmed_index ? NULL : list(s->index);
	time_t now = time(NULL);
	struct dirent *de;
	struct stat st;

	s->trimmed_index = true;
	while (d && (de = readdir(d))) {
		if (!fstatat(s->index, de->d_name, &st, AT_SYMLINK_NOFOLLOW) &&
		    S_ISLNK(st.st_mode) && now - st.st_mtim.tv_sec > INDEX_LIFETIME_S)
			unlinkat(s->index, de->d_name, 0);
	}
	if (d)
		closedir(d);
}

void image_store_trim(struct image_store *s)
{
	time_t now = time(NULL);
	struct old_file *v;
	uint64_t sum;
	size_t n;

	if (s->images < 0)
		return;
	n = list_images(s, &v, &sum);
	if (sum > s->limit) {
		qsort(v, n, sizeof(*v), by_use);
		/* A tenth more than needed, so that it is not done each time. */
		for (size_t i = 0; i < n && sum > s->limit - s->limit / 10; i++) {
			if (now - v[i].last_use < IN_USE_S)
				break;
			if (!unlinkat(s->images, v[i].name, 0))
				sum -= v[i].bytes;
		}
	}
	trim_index(s);
	for (size_t i = 0; i < n; i++)
		free(v[i].name);
	free(v);
}

void image_store_status(const struct image_store *s, struct image_cache_status *out)
{
	struct old_file *v;
	size_t n;

	out->limit = s->limit;
	out->error = s->error;
	buf_addstr(&out->dir, s->dir);
	if (s->images < 0)
		return;
	n = list_images(s, &v, &out->bytes);
	out->images = n;
	out->writable = !faccessat(s->images, ".", W_OK | X_OK, AT_EACCESS);
	out->no_exec = s->no_exec;
	for (size_t i = 0; i < n; i++)
		free(v[i].name);
	free(v);
}
