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
 */
#include "image/store.h"

#include "base/log.h"
#include "base/map.h"
#include "base/xxh64.h"

#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIVE_MAX  64 /* images kept open here */
#define NAME_SIZE 128

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
	struct image_store store;
	struct known_file *files;
	size_t n_files;
	struct map by_stamp; /* checksum of a stamp -> number in files */
	struct entry *entries;
	size_t n_entries;
	struct map by_name; /* checksum of a name -> number in entries */
	uint64_t uses;
	unsigned built;
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

/* --- opening --- */

int image_cache_open(struct image_cache **out)
{
	*out = xcalloc(1, sizeof(**out));
	image_store_open(&(*out)->store);
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
	image_store_close(&c->store);
	map_release(&c->by_stamp);
	map_release(&c->by_name);
	free(c->files);
	free(c->entries);
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

static int identify(struct image_cache *c, int elf_fd, struct identity *id)
{
	struct stamp before, after;
	bool lasting, still;
	int err = stamp_of(elf_fd, &before, &lasting);

	if (err)
		return err;
	if (lasting && recall_file(c, &before, id))
		return 0;
	if (lasting && image_store_recall(&c->store, &before, id)) {
		remember_file(c, &before, id);
		return 0;
	}
	err = identity_of(elf_fd, id);
	if (err || !lasting)
		return err;
	err = stamp_of(elf_fd, &after, &still);
	if (!err && !memcmp(&before, &after, sizeof(before))) {
		remember_file(c, &before, id);
		image_store_remember(&c->store, &before, id);
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

/* What an image in the file `name` says of itself. */
static void entry_identity(const struct identity *id, const char *name, uint64_t out[2])
{
	out[0] = id->hash;
	out[1] = xxh64(name, strlen(name), 0);
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
		image_store_refuse(&c->store, name, err);
		return err;
	}
	entry_identity(&id, name, im->identity);
	fd = image_store_save(&c->store, name, im);
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
	uint64_t want[2];
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
	entry_identity(&id, name, want);
	err = image_store_load(&c->store, name, want, &found.image, &found.fd);
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

/* --- for people --- */

void image_cache_status(struct image_cache *c, struct image_cache_status *out)
{
	*out = (struct image_cache_status){.built = c->built};
	image_store_status(&c->store, out);
}

void image_cache_trim(struct image_cache *c)
{
	image_store_trim(&c->store);
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
