/*
 * The cache of images. Three steps lead from a file to its image:
 *
 *   stamp (what fstat() says) -> identity (a checksum of the content) -> image
 *
 * The first is remembered in this process and as symbolic links in `index`, but only if the stamp
 * lasts (identity.h); else the content is read. The second is a file of `images`; its name has all
 * that determines an image: identity, IMAGE_VERSION, the build of rr (its linker's build-id:
 * whoever changes the instrumenter and forgets IMAGE_VERSION does not meet old images), placement
 * of stubs. The image says the same inside, so a wrong file under a name is noticed. Where the file
 * cannot be instrumented, a symbolic link under that name says so.
 *
 * Files of `images` appear whole, by rename(2), and never change. They are not synced: after a
 * power failure one can be damaged, and checksums tell. Removing one never harms a user, who has it
 * open.
 *
 * The directory is only used if nobody else can write to it or read it: what is mapped into
 * programs comes from there.
 */
#include "image/cache.h"

#include "base/io.h"
#include "base/log.h"
#include "base/map.h"
#include "base/xxh64.h"
#include "image/identity.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
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
#define LIVE_MAX	 64	      /* images kept open here */
#define TEMP_PREFIX	 "tmp-"
#define REFUSAL_PREFIX	 "refused-"
#define NAME_SIZE	 128

/* What is known of an identity with options. */
struct entry {
	char name[NAME_SIZE];
	int err;	     /* image_build() refused it */
	struct image *image; /* NULL: was not needed for long, and is not open */
	int fd;
	uint64_t last_use;
};

struct known_file {
	struct stamp stamp;
	struct identity id;
};

struct image_cache {
	char *dir;
	int images, index; /* directories; -1: not on disk */
	int error;
	bool no_exec;
	uint64_t limit;
	struct known_file *files;
	size_t n_files;
	struct map by_stamp; /* checksum of a stamp -> number in files */
	struct entry *entries;
	size_t n_entries;
	struct map by_name; /* checksum of a name -> number in entries */
	uint64_t uses;
	unsigned built;
	bool trimmed_index;
};

/* --- names --- */

static int find_build_id(struct dl_phdr_info *info, size_t size, void *out)
{
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		const char *at = (const char *)(info->dlpi_addr + ph->p_vaddr);

		if (ph->p_type != PT_NOTE)
			continue;
		for (const char *end = at + ph->p_memsz; at + sizeof(ElfW(Nhdr)) < end;) {
			const ElfW(Nhdr) *n = (const void *)at;
			const char *text = at + sizeof(*n) + ((n->n_namesz + 3) & ~3u);

			if (n->n_type == NT_GNU_BUILD_ID && n->n_namesz == sizeof("GNU") &&
			    !memcmp(at + sizeof(*n), "GNU", sizeof("GNU"))) {
				*(uint64_t *)out = xxh64(text, n->n_descsz, 0);
				return 1;
			}
			at = text + ((n->n_descsz + 3) & ~3u);
		}
	}
	return 1; /* only the program itself, which comes first */
}

/* A number for this very build of rr. */
static uint64_t own_build(void)
{
	static uint64_t build;
	struct stat st;

	if (build)
		return build;
	dl_iterate_phdr(find_build_id, &build);
	if (!build && !stat("/proc/self/exe", &st)) {
		uint64_t v[] = {st.st_ino, (uint64_t)st.st_size, (uint64_t)st.st_mtim.tv_sec,
				(uint64_t)st.st_mtim.tv_nsec};

		build = xxh64(v, sizeof(v), 0);
	}
	build = xxh64(RR_VERSION, strlen(RR_VERSION), build) | 1;
	return build;
}

static void entry_name(const struct identity *id, const struct image_options *opt,
		       char name[NAME_SIZE])
{
	int n = snprintf(name, NAME_SIZE, "%016" PRIx64 "-%" PRIx64 "-v%d-%016" PRIx64, id->hash,
			 id->size, IMAGE_VERSION, own_build());

	if (opt->placed)
		snprintf(name + n, NAME_SIZE - (size_t)n, "-at%" PRIx64, (uint64_t)opt->stub_vaddr);
}

static void index_name(const struct stamp *s, char name[NAME_SIZE + 64])
{
	snprintf(name, NAME_SIZE + 64,
		 "%" PRIx64 "-%" PRIx64 "-%" PRIx64 "-%" PRIx64 ".%" PRIx64 "-%" PRIx64 ".%" PRIx64
		 "-%" PRIx64,
		 s->dev, s->ino, s->size, s->mtime_s, s->mtime_ns, s->ctime_s, s->ctime_ns,
		 s->fsid);
}

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

static int open_dirs(struct image_cache *c)
{
	struct statvfs fs;
	int top, err;

	err = make_dirs(c->dir, 0700);
	top = open(c->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		return err ? err : -errno;
	c->images = open_private(top, "images");
	if (c->images >= 0)
		c->index = open_private(top, "index");
	close(top);
	if (c->images < 0)
		return c->images;
	c->no_exec = !fstatvfs(c->images, &fs) && fs.f_flag & ST_NOEXEC;
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

int image_cache_open(struct image_cache **out)
{
	struct image_cache *c = xcalloc(1, sizeof(*c));
	struct buf dir = BUF_INIT;

	c->images = c->index = -1;
	c->limit = limit_from_env();
	c->error = find_dir(&dir);
	c->dir = buf_detach(&dir);
	if (!c->error)
		c->error = c->limit ? open_dirs(c) : -ENOENT;
	if (c->error == -EPERM)
		warn("%s/images is not yours alone (chmod 700): instrumented images are not kept",
		     c->dir);
	else if (c->error)
		log_debug("no image cache at %s: %s", c->dir ? c->dir : "?", strerror(-c->error));
	*out = c;
	return 0;
}

void image_cache_close(struct image_cache *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n_entries; i++) {
		if (c->entries[i].image) {
			image_free(c->entries[i].image);
			close(c->entries[i].fd);
		}
	}
	if (c->images >= 0)
		close(c->images);
	if (c->index >= 0)
		close(c->index);
	map_release(&c->by_stamp);
	map_release(&c->by_name);
	free(c->files);
	free(c->entries);
	free(c->dir);
	free(c);
}

/* --- stamp -> identity --- */

static bool recall_file(const struct image_cache *c, const struct stamp *s, struct identity *id)
{
	uint64_t i;

	if (!map_get(&c->by_stamp, xxh64(s, sizeof(*s), 0), &i) ||
	    memcmp(&c->files[i].stamp, s, sizeof(*s)) != 0)
		return false;
	*id = c->files[i].id;
	return true;
}

static void remember_file(struct image_cache *c, const struct stamp *s, const struct identity *id)
{
	c->files = xrealloc(c->files, (c->n_files + 1) * sizeof(*c->files));
	c->files[c->n_files] = (struct known_file){*s, *id};
	map_set(&c->by_stamp, xxh64(s, sizeof(*s), 0), c->n_files++);
}

static bool read_index(const struct image_cache *c, const struct stamp *s, struct identity *id)
{
	char name[NAME_SIZE + 64], text[32];
	ssize_t n;
	char *end;

	if (c->index < 0)
		return false;
	index_name(s, name);
	n = readlinkat(c->index, name, text, sizeof(text) - 1);
	if (n != 16)
		return false;
	text[n] = 0;
	id->size = s->size;
	id->hash = strtoull(text, &end, 16);
	return !*end;
}

static void write_index(const struct image_cache *c, const struct stamp *s,
			const struct identity *id)
{
	char name[NAME_SIZE + 64], text[32];

	if (c->index < 0)
		return;
	index_name(s, name);
	snprintf(text, sizeof(text), "%016" PRIx64, id->hash);
	if (symlinkat(text, c->index, name) < 0 && errno != EEXIST)
		log_debug("index: %s", strerror(errno));
}

static int identify(struct image_cache *c, int elf_fd, struct identity *id)
{
	struct stamp before, after;
	bool lasting, still;
	int err = stamp_of(elf_fd, &before, &lasting);

	if (err)
		return err;
	if (lasting && recall_file(c, &before, id))
		return 0;
	if (lasting && read_index(c, &before, id)) {
		remember_file(c, &before, id);
		return 0;
	}
	err = identity_of(elf_fd, id);
	if (err || !lasting)
		return err;
	err = stamp_of(elf_fd, &after, &still);
	if (!err && !memcmp(&before, &after, sizeof(before))) {
		remember_file(c, &before, id);
		write_index(c, &before, id);
	}
	return err;
}

/* --- entries in memory --- */

static struct entry *recall_entry(struct image_cache *c, const char *name)
{
	uint64_t i;

	if (!map_get(&c->by_name, xxh64(name, strlen(name), 0), &i) ||
	    strcmp(c->entries[i].name, name) != 0)
		return NULL;
	return &c->entries[i];
}

static struct entry *remember_entry(struct image_cache *c, const char *name)
{
	struct entry *e = recall_entry(c, name);

	if (e)
		return e;
	c->entries = xrealloc(c->entries, (c->n_entries + 1) * sizeof(*c->entries));
	e = &c->entries[c->n_entries];
	*e = (struct entry){.fd = -1};
	snprintf(e->name, sizeof(e->name), "%s", name);
	map_set(&c->by_name, xxh64(name, strlen(name), 0), c->n_entries++);
	return e;
}

/* Close the image that was not used for longest, if too many are open. */
static void bound_live(struct image_cache *c)
{
	struct entry *oldest = NULL;
	size_t live = 0;

	for (size_t i = 0; i < c->n_entries; i++) {
		struct entry *e = &c->entries[i];

		if (!e->image)
			continue;
		live++;
		if (!oldest || e->last_use < oldest->last_use)
			oldest = e;
	}
	if (live < LIVE_MAX)
		return;
	image_free(oldest->image);
	close(oldest->fd);
	oldest->image = NULL;
	oldest->fd = -1;
}

/* --- entries on disk --- */

/* What an image in the file `name` says of itself. */
static void entry_identity(const struct identity *id, const char *name, uint64_t out[2])
{
	out[0] = id->hash;
	out[1] = xxh64(name, strlen(name), 0);
}

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
static int read_refusal(const struct image_cache *c, const char *name)
{
	char text[32];
	ssize_t n = readlinkat(c->images, name, text, sizeof(text) - 1);

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

static void write_refusal(const struct image_cache *c, const char *name, int err)
{
	char text[32];

	if (c->images < 0 || (err != -ENOEXEC && err != -ERANGE))
		return;
	snprintf(text, sizeof(text), REFUSAL_PREFIX "%d", -err);
	if (symlinkat(text, c->images, name) < 0)
		log_debug("%s: %s", name, strerror(errno));
}

/* The image on disk: 0; -ENOENT: there is none (or no longer, as it was damaged); a refusal; an
 * error of opening it. */
static int load(const struct image_cache *c, const char *name, const struct identity *id,
		struct entry *e)
{
	uint64_t want[2];
	int fd, err;

	if (c->images < 0)
		return -ENOENT;
	fd = openat(c->images, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ELOOP) {
		err = read_refusal(c, name);
		if (err)
			return err;
		goto damaged;
	}
	if (fd < 0)
		return -errno;
	touch(fd);
	if (c->no_exec)
		fd = copy_to_memory(fd);
	if (fd < 0)
		return fd;
	err = image_read(fd, &e->image);
	entry_identity(id, name, want);
	if (!err && memcmp(e->image->identity, want, sizeof(want)) != 0) {
		image_free(e->image);
		err = -EINVAL;
	}
	if (!err) {
		e->fd = fd;
		return 0;
	}
	e->image = NULL;
	close(fd);
	if (err != -EINVAL)
		return err;
damaged:
	warn("an entry of the image cache was damaged, and is made again: %s/images/%s", c->dir,
	     name);
	if (unlinkat(c->images, name, 0) < 0)
		log_debug("%s: %s", name, strerror(errno));
	return -ENOENT;
}

/* A new file for writing in the cache: its descriptor, or -errno. */
static int make_temp(const struct image_cache *c, char name[NAME_SIZE])
{
	uint64_t random;
	int fd;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -EAGAIN;
	snprintf(name, NAME_SIZE, TEMP_PREFIX "%016" PRIx64, random);
	fd = openat(c->images, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

/* Write an image to the cache: a descriptor for reading, or -errno and nothing is left. */
static int store(const struct image_cache *c, const char *name, struct image *im)
{
	char temp[NAME_SIZE];
	int fd, reader = -1, err;

	if (c->images < 0)
		return -ENOENT;
	fd = make_temp(c, temp);
	if (fd < 0)
		return fd;
	err = image_write(im, fd);
	if (!err && fchmod(fd, 0400) < 0)
		err = -errno;
	if (!err) {
		reader = openat(c->images, temp, O_RDONLY | O_CLOEXEC);
		if (reader < 0 || renameat(c->images, temp, c->images, name) < 0)
			err = -errno;
	}
	close(fd);
	if (!err)
		return reader;
	if (reader >= 0)
		close(reader);
	unlinkat(c->images, temp, 0);
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

/* --- building --- */

static int build(int elf_fd, const struct image_options *opt, struct identity *id,
		 struct image **out)
{
	uint8_t *bytes;
	int err = identity_copy(elf_fd, id, &bytes);

	if (err)
		return err;
	err = image_build(bytes, id->size, opt, out);
	munmap(bytes, id->size);
	return err;
}

int image_cache_build(int elf_fd, const struct image_options *opt, struct image **out)
{
	struct identity id;

	return build(elf_fd, opt, &id, out);
}

/*
 * Build, store, and read what was stored, so that an image is the same thing wherever it comes
 * from. The file may have changed since it was identified: what counts is the copy that is built
 * from, and `name` becomes its.
 */
static int make(struct image_cache *c, int elf_fd, const struct image_options *opt,
		char name[NAME_SIZE], struct entry *e)
{
	struct identity id;
	struct image *im = NULL;
	int fd, err = build(elf_fd, opt, &id, &im);

	c->built++;
	if (err == -ENOEXEC || err == -ERANGE || !err)
		entry_name(&id, opt, name);
	if (err) {
		write_refusal(c, name, err);
		return err;
	}
	entry_identity(&id, name, im->identity);
	fd = store(c, name, im);
	if (fd >= 0 && c->no_exec)
		fd = copy_to_memory(fd);
	if (fd < 0) {
		log_debug("not in the cache: %s", strerror(-fd));
		fd = store_in_memory(im);
	} else {
		image_cache_trim(c);
	}
	image_free(im);
	if (fd == -EINVAL)
		warn("an image breaks a rule of images (a bug of rr): the file is not "
		     "instrumented; %s",
		     name);
	if (fd < 0)
		return fd;
	err = image_read(fd, &e->image);
	if (err)
		close(fd);
	else
		e->fd = fd;
	return err;
}

/* Whether another attempt in this process would end so too. Of -EINVAL, a mistake of the
 * instrumenter that image_write() noticed, nothing is kept on disk. */
static bool is_final(int err)
{
	return err == -ENOEXEC || err == -ERANGE || err == -EINVAL;
}

static int give(struct image_cache *c, struct entry *e, struct image **out, int *image_fd)
{
	if (e->err)
		return e->err;
	if (image_fd) {
		*image_fd = fcntl(e->fd, F_DUPFD_CLOEXEC, 0);
		if (*image_fd < 0)
			return -errno;
	}
	e->last_use = ++c->uses;
	*out = image_share(e->image);
	return 0;
}

int image_cache_get(struct image_cache *c, int elf_fd, const struct image_options *opt,
		    struct image **out, int *image_fd)
{
	struct entry found = {.fd = -1}, *e;
	char name[NAME_SIZE];
	struct identity id;
	int err;

	*out = NULL;
	if (image_fd)
		*image_fd = -1;
	err = identify(c, elf_fd, &id);
	if (err)
		return err;
	entry_name(&id, opt, name);
	e = recall_entry(c, name);
	if (e && (e->image || e->err))
		return give(c, e, out, image_fd);
	err = load(c, name, &id, &found);
	if (err && !is_final(err))
		err = make(c, elf_fd, opt, name, &found);
	if (err && !is_final(err))
		return err;
	e = remember_entry(c, name);
	if (err) {
		e->err = err;
	} else if (e->image) { /* the file changed to one that is known */
		image_free(found.image);
		close(found.fd);
	} else {
		bound_live(c);
		e->image = found.image;
		e->fd = found.fd;
	}
	return give(c, e, out, image_fd);
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
static size_t list_images(const struct image_cache *c, struct old_file **out, uint64_t *sum)
{
	DIR *d = list(c->images);
	time_t now = time(NULL);
	struct old_file *v = NULL;
	struct dirent *de;
	size_t n = 0;

	*sum = 0;
	while (d && (de = readdir(d))) {
		struct stat st;

		if (fstatat(c->images, de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    S_ISDIR(st.st_mode))
			continue;
		if (!strncmp(de->d_name, TEMP_PREFIX, strlen(TEMP_PREFIX))) {
			if (now - st.st_mtim.tv_sec > TEMP_LIFETIME_S)
				unlinkat(c->images, de->d_name, 0);
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
static void trim_index(struct image_cache *c)
{
	DIR *d = c->trimmed_index ? NULL : list(c->index);
	time_t now = time(NULL);
	struct dirent *de;
	struct stat st;

	c->trimmed_index = true;
	while (d && (de = readdir(d))) {
		if (!fstatat(c->index, de->d_name, &st, AT_SYMLINK_NOFOLLOW) &&
		    S_ISLNK(st.st_mode) && now - st.st_mtim.tv_sec > INDEX_LIFETIME_S)
			unlinkat(c->index, de->d_name, 0);
	}
	if (d)
		closedir(d);
}

void image_cache_trim(struct image_cache *c)
{
	time_t now = time(NULL);
	struct old_file *v;
	uint64_t sum;
	size_t n;

	if (c->images < 0)
		return;
	n = list_images(c, &v, &sum);
	if (sum > c->limit) {
		qsort(v, n, sizeof(*v), by_use);
		/* A tenth more than needed, so that it is not done each time. */
		for (size_t i = 0; i < n && sum > c->limit - c->limit / 10; i++) {
			if (now - v[i].last_use < IN_USE_S)
				break;
			if (!unlinkat(c->images, v[i].name, 0))
				sum -= v[i].bytes;
		}
	}
	trim_index(c);
	for (size_t i = 0; i < n; i++)
		free(v[i].name);
	free(v);
}

/* --- for people --- */

void image_cache_status(struct image_cache *c, struct image_cache_status *out)
{
	struct old_file *v;
	size_t n;

	*out = (struct image_cache_status){.limit = c->limit, .error = c->error, .built = c->built};
	buf_addstr(&out->dir, c->dir ? c->dir : "");
	if (c->images < 0)
		return;
	n = list_images(c, &v, &out->bytes);
	out->images = n;
	out->writable = !faccessat(c->images, ".", W_OK | X_OK, AT_EACCESS);
	out->no_exec = c->no_exec;
	for (size_t i = 0; i < n; i++)
		free(v[i].name);
	free(v);
}

int image_cache_name(int elf_fd, const struct image_options *opt, struct buf *out)
{
	char name[NAME_SIZE];
	struct identity id;
	int err = identity_of(elf_fd, &id);

	if (err)
		return err;
	entry_name(&id, opt, name);
	buf_addstr(out, name);
	return 0;
}
