/*
 * What tells one ELF file from another. See identity.h for why it is a checksum of the content.
 *
 * The file is read, not mapped: it may become shorter at any time, which a mapping answers with
 * SIGBUS.
 */
#include "image/identity.h"

#include "base/buf.h"
#include "base/io.h"
#include "base/xxh64.h"

#include <elf.h>
#include <errno.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#define CHUNK	  (128u << 10)
#define SETTLED_S 2

struct range {
	uint64_t start, end;
};

struct ranges {
	struct range *v;
	size_t n;
	uint64_t size; /* of the file */
};

/* What lies behind the end of the file is left out. */
static void add_range(struct ranges *r, uint64_t start, uint64_t n)
{
	if (start < r->size && n)
		r->v[r->n++] = (struct range){start, start + min_u64(n, r->size - start)};
}

static int by_start(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static void merge_ranges(struct ranges *r)
{
	size_t n = 0;

	if (r->n)
		qsort(r->v, r->n, sizeof(*r->v), by_start);
	for (size_t i = 0; i < r->n; i++) {
		if (n && r->v[i].start <= r->v[n - 1].end)
			r->v[n - 1].end = max_u64(r->v[n - 1].end, r->v[i].end);
		else
			r->v[n++] = r->v[i];
	}
	r->n = n;
}

/* `count` rows of a table in the file, or NULL: it is not there as a whole. */
static void *read_rows(int fd, uint64_t file_size, uint64_t offset, size_t count, size_t row)
{
	size_t n = count * row;
	void *rows;

	if (offset > file_size || n > file_size - offset)
		return NULL;
	rows = xmalloc(n);
	if (pread_full(fd, rows, n, offset) == (ssize_t)n)
		return rows;
	free(rows);
	return NULL;
}

static bool is_for_debuggers(const Elf64_Shdr *s)
{
	return s->sh_type == SHT_NOBITS ||
	       (s->sh_type == SHT_PROGBITS && !(s->sh_flags & SHF_ALLOC));
}

/*
 * The parts of the file that count, sorted. A file whose tables are odd counts as a whole. Segments
 * and tables count even where a section's header claims that they are for debuggers.
 */
static int find_ranges(int fd, struct ranges *r)
{
	Elf64_Ehdr e;
	Elf64_Phdr *segments = NULL;
	Elf64_Shdr *sections = NULL;
	ssize_t n = pread_full(fd, &e, sizeof(e), 0);

	if (n < 0)
		return (int)n;
	if (n < (ssize_t)sizeof(e) || memcmp(e.e_ident, ELFMAG, SELFMAG) ||
	    e.e_ident[EI_CLASS] != ELFCLASS64 || e.e_machine != EM_X86_64)
		return -ENOEXEC;
	r->v = xcalloc(4 + (size_t)e.e_phnum + e.e_shnum, sizeof(*r->v));
	if (e.e_phnum && e.e_phnum != PN_XNUM && e.e_phentsize == sizeof(*segments))
		segments = read_rows(fd, r->size, e.e_phoff, e.e_phnum, sizeof(*segments));
	if (e.e_shnum && e.e_shentsize == sizeof(*sections))
		sections = read_rows(fd, r->size, e.e_shoff, e.e_shnum, sizeof(*sections));
	if (!segments || (!sections && (e.e_shnum || e.e_shoff))) {
		add_range(r, 0, r->size);
		goto out;
	}
	add_range(r, 0, sizeof(e));
	add_range(r, e.e_phoff, e.e_phnum * sizeof(*segments));
	add_range(r, e.e_shoff, e.e_shnum * sizeof(*sections));
	for (size_t i = 0; i < e.e_phnum; i++)
		add_range(r, segments[i].p_offset, segments[i].p_filesz);
	for (size_t i = 0; sections && i < e.e_shnum; i++) {
		if (!is_for_debuggers(&sections[i]))
			add_range(r, sections[i].sh_offset, sections[i].sh_size);
	}
out:
	free(segments);
	free(sections);
	merge_ranges(r);
	return 0;
}

/* The checksum of the ranges; `copy`, if not NULL, gets them at their places. */
static int hash_ranges(int fd, const struct ranges *r, uint8_t *copy, uint64_t *hash)
{
	uint8_t *chunk = copy ? NULL : xmalloc(CHUNK);
	uint64_t h = xxh64(r->v, r->n * sizeof(*r->v), r->size);
	int err = 0;

	for (size_t i = 0; i < r->n && !err; i++) {
		for (uint64_t at = r->v[i].start, n; at < r->v[i].end && !err; at += n) {
			uint8_t *to = copy ? copy + at : chunk;
			ssize_t got;

			n = min_u64(CHUNK, r->v[i].end - at);
			got = pread_full(fd, to, n, at);
			if (got < (ssize_t)n)
				err = got < 0 ? (int)got : -EAGAIN;
			else
				h = xxh64(to, n, h);
		}
	}
	free(chunk);
	*hash = h;
	return err;
}

static int take(int fd, struct identity *id, uint8_t **copy)
{
	struct ranges r = {.n = 0};
	struct stat st;
	int err;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size <= 0)
		return -ENOEXEC;
	r.size = id->size = (uint64_t)st.st_size;
	err = find_ranges(fd, &r);
	if (!err && copy) {
		*copy = mmap(NULL, r.size, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (*copy == MAP_FAILED)
			err = -errno;
	}
	if (!err) {
		err = hash_ranges(fd, &r, copy ? *copy : NULL, &id->hash);
		if (err && copy)
			munmap(*copy, r.size);
	}
	free(r.v);
	return err;
}

int identity_of(int fd, struct identity *id)
{
	return take(fd, id, NULL);
}

int identity_copy(int fd, struct identity *id, uint8_t **bytes)
{
	return take(fd, id, bytes);
}

/* --- stamps --- */

/*
 * File systems that date a store through a shared mapping (page_mkwrite), by a clock that is this
 * machine's, or that cannot be written. tmpfs does not, network file systems have other clocks.
 */
static bool dates_changes(const struct statfs *fs)
{
	static const uint32_t types[] = {
		EXT4_SUPER_MAGIC,      0x58465342 /* XFS */, BTRFS_SUPER_MAGIC,	  F2FS_SUPER_MAGIC,
		OVERLAYFS_SUPER_MAGIC, SQUASHFS_MAGIC,	     EROFS_SUPER_MAGIC_V1};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if ((uint32_t)fs->f_type == types[i])
			return true;
	}
	return false;
}

int stamp_of(int fd, struct stamp *s, bool *lasting)
{
	struct statfs fs;
	struct stat st;

	if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
		return -errno;
	*s = (struct stamp){
		.dev = st.st_dev,
		.ino = st.st_ino,
		.size = (uint64_t)st.st_size,
		.mtime_s = (uint64_t)st.st_mtim.tv_sec,
		.mtime_ns = (uint64_t)st.st_mtim.tv_nsec,
		.ctime_s = (uint64_t)st.st_ctim.tv_sec,
		.ctime_ns = (uint64_t)st.st_ctim.tv_nsec,
		.fsid = (uint32_t)fs.f_fsid.__val[0] | (uint64_t)(uint32_t)fs.f_fsid.__val[1] << 32,
	};
	/* Not clock_gettime(): see base/clock.h. */
	*lasting = dates_changes(&fs) && st.st_ctim.tv_sec + SETTLED_S < time(NULL);
	return 0;
}
