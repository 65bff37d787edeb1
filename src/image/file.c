/*
 * An image's own file, and the life of images.
 *
 * A page with the header; then texts and stubs, each beginning on a page, since they are mapped
 * into tracees from here; then the tables as they are in memory. The layout follows from the sizes
 * in the header alone (layout()): a reader computes it and requires the offsets to be those, so no
 * two parts can overlap, and nothing in the file is without a meaning or a checksum but the
 * padding.
 *
 * Files come from the user's cache and from traces. The checksums find accidents; whoever wants to
 * deceive can compute them, so every number that is used later as an index or an address is checked
 * against what it points into (check_image()), and the lookups need not be suspicious any more.
 */
#include "image/image.h"

#include "base/io.h"
#include "base/log.h"
#include "base/xxh64.h"

#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC	     "rrimage\n"
#define FORMAT	     3 /* of the file; a reader knows one */
#define ADDRESS_END  (1ULL << 47)
#define REACH	     (1ULL << 31) /* of a rel32 */
#define SPAN_MAX     (1ULL << 32) /* tables have 32-bit offsets from the first text */
#define ENTRIES_MAX  (1U << 28)
#define BUILD_LENGTH 24

enum { TABLE_ENTRIES, TABLE_PATCHES, TABLE_KEPT, TABLE_SYSCALLS, N_TABLES };

struct part {
	uint64_t offset, count, checksum;
};

struct text_part {
	uint64_t vaddr, size, file_offset, offset, checksum;
};

struct header {
	char magic[8];
	uint32_t format;
	uint32_t version; /* IMAGE_VERSION of the writer; information */
	char build[BUILD_LENGTH];
	uint64_t file_size;
	uint64_t identity[2];
	uint64_t n_texts;
	struct text_part texts[IMAGE_MAX_TEXTS];
	int64_t stub_vaddr;
	struct part stubs;
	struct part tables[N_TABLES];
	struct image_stats stats;
	uint64_t checksum; /* of the header before it */
};

_Static_assert(sizeof(struct header) <= PAGE_SIZE_BYTES, "a page");
_Static_assert(sizeof(struct image_entry) == 16 && sizeof(struct image_patch) == 12, "on disk");

static const size_t row_sizes[N_TABLES] = {
	[TABLE_ENTRIES] = sizeof(struct image_entry),
	[TABLE_PATCHES] = sizeof(struct image_patch),
	[TABLE_KEPT] = 1,
	[TABLE_SYSCALLS] = sizeof(uint32_t),
};

bool image_skip_checksums;

/* --- the rules --- */

static bool aligned(uint64_t x)
{
	return x == page_floor(x);
}

static bool check_texts(const struct image *im)
{
	uint64_t end = 0;

	if (im->n_texts > IMAGE_MAX_TEXTS)
		return false;
	for (size_t i = 0; i < im->n_texts; i++) {
		const struct image_text *t = &im->texts[i];

		if (!t->size || !aligned(t->vaddr) || !aligned(t->size) || !aligned(t->file_offset))
			return false;
		if (t->vaddr < end || t->vaddr >= ADDRESS_END || t->size > ADDRESS_END - t->vaddr)
			return false;
		if (t->file_offset > INT64_MAX - t->size)
			return false;
		end = t->vaddr + t->size;
	}
	return !im->n_texts || end - im->texts[0].vaddr <= SPAN_MAX;
}

/* Stubs overlap no text, and are within reach of all of it. */
static bool check_stubs(const struct image *im)
{
	int64_t start = im->stub_vaddr, end;

	if (!im->stub_size)
		return true;
	if (!im->n_texts || im->stub_size > REACH || !aligned(im->stub_size))
		return false;
	if (!aligned((uint64_t)start) || start < -(int64_t)REACH || start >= (int64_t)ADDRESS_END)
		return false;
	end = start + (int64_t)im->stub_size;
	for (size_t i = 0; i < im->n_texts; i++) {
		int64_t text = (int64_t)im->texts[i].vaddr;
		int64_t text_end = text + (int64_t)im->texts[i].size;

		if (end > text && start < text_end)
			return false;
		if (text_end - start > (int64_t)REACH || end - text > (int64_t)REACH)
			return false;
	}
	return true;
}

/* Whether `n` bytes at texts[0].vaddr + `at` lie in one text. */
static bool in_text(const struct image *im, uint32_t at, uint64_t n)
{
	for (size_t i = 0; i < im->n_texts; i++) {
		uint64_t start = im->texts[i].vaddr - im->texts[0].vaddr;

		if (at >= start && at + n <= start + im->texts[i].size)
			return true;
	}
	return false;
}

static bool check_entry(const struct image *im, const struct image_entry *e)
{
	/* `original` is only told to others: any number is as good. */
	if (e->stub >= im->stub_size || e->where > IMAGE_TRAP)
		return false;
	return e->where != IMAGE_TRAP || e->resume < im->stub_size;
}

static bool check_entries(const struct image *im)
{
	for (size_t i = 0; i < im->n_entries; i++) {
		if (i && im->entries[i].stub < im->entries[i - 1].stub)
			return false;
		if (!check_entry(im, &im->entries[i]))
			return false;
	}
	return true;
}

static bool check_patches(const struct image *im)
{
	uint64_t end = 0;

	for (size_t i = 0; i < im->n_patches; i++) {
		const struct image_patch *p = &im->patches[i];

		if (!p->length || p->start < end || !in_text(im, p->start, p->length))
			return false;
		if (p->kept > im->n_kept || p->length > im->n_kept - p->kept)
			return false;
		end = (uint64_t)p->start + p->length;
	}
	return true;
}

static bool check_syscalls(const struct image *im)
{
	for (size_t i = 0; i < im->n_syscalls; i++) {
		if (!in_text(im, im->syscalls[i], 2))
			return false;
	}
	return true;
}

static bool check_image(const struct image *im)
{
	static const struct {
		bool (*holds)(const struct image *im);
		const char *what;
	} rules[] = {
		{check_texts, "texts"},		  {check_stubs, "stubs"},
		{check_entries, "entries"},	  {check_patches, "patches"},
		{check_syscalls, "system calls"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		if (!rules[i].holds(im)) {
			log_debug("an image's %s break a rule", rules[i].what);
			return false;
		}
	}
	return true;
}

/* --- layout --- */

/* Set all offsets from sizes and counts, which are bounded. */
static void layout(struct header *h)
{
	uint64_t at = PAGE_SIZE_BYTES;

	for (size_t i = 0; i < h->n_texts; i++) {
		h->texts[i].offset = at;
		at += h->texts[i].size;
	}
	h->stubs.offset = at;
	at += h->stubs.count;
	for (size_t i = 0; i < N_TABLES; i++) {
		h->tables[i].offset = at;
		at += (h->tables[i].count * row_sizes[i] + 7) & ~7ULL;
	}
	h->file_size = at;
}

static uint64_t header_checksum(const struct header *h)
{
	return xxh64(h, offsetof(struct header, checksum), 0);
}

static uint64_t sum(const void *data, uint64_t n)
{
	return xxh64(n ? data : "", n, 0);
}

/* --- writing --- */

static void header_from_image(struct header *h, const struct image *im)
{
	const void *const tables[N_TABLES] = {
		[TABLE_ENTRIES] = im->entries,
		[TABLE_PATCHES] = im->patches,
		[TABLE_KEPT] = im->kept,
		[TABLE_SYSCALLS] = im->syscalls,
	};

	memset(h, 0, sizeof(*h));
	memcpy(h->magic, MAGIC, sizeof(h->magic));
	h->format = FORMAT;
	h->version = IMAGE_VERSION;
	snprintf(h->build, sizeof(h->build), "%s", RR_VERSION);
	memcpy(h->identity, im->identity, sizeof(h->identity));
	h->n_texts = im->n_texts;
	for (size_t i = 0; i < im->n_texts; i++) {
		const struct image_text *t = &im->texts[i];

		h->texts[i].vaddr = t->vaddr;
		h->texts[i].size = t->size;
		h->texts[i].file_offset = t->file_offset;
		h->texts[i].checksum = sum(t->bytes, t->size);
	}
	h->stub_vaddr = im->stub_vaddr;
	h->stubs.count = im->stub_size;
	h->stubs.checksum = sum(im->stubs, im->stub_size);
	h->tables[TABLE_ENTRIES].count = im->n_entries;
	h->tables[TABLE_PATCHES].count = im->n_patches;
	h->tables[TABLE_KEPT].count = im->n_kept;
	h->tables[TABLE_SYSCALLS].count = im->n_syscalls;
	for (size_t i = 0; i < N_TABLES; i++)
		h->tables[i].checksum = sum(tables[i], h->tables[i].count * row_sizes[i]);
	h->stats = im->stats;
	layout(h);
	h->checksum = header_checksum(h);
}

static int write_table(int fd, const struct header *h, int which, const void *rows)
{
	return pwrite_full(fd, rows, h->tables[which].count * row_sizes[which],
			   h->tables[which].offset);
}

int image_write(struct image *im, int fd)
{
	struct header h;
	int err;

	if (im->n_entries > ENTRIES_MAX || im->n_patches > ENTRIES_MAX || im->n_kept > SPAN_MAX ||
	    im->n_syscalls > ENTRIES_MAX || !check_image(im))
		return -EINVAL;
	header_from_image(&h, im);
	err = pwrite_full(fd, &h, sizeof(h), 0);
	for (size_t i = 0; i < im->n_texts && !err; i++) {
		im->texts[i].offset = h.texts[i].offset;
		err = pwrite_full(fd, im->texts[i].bytes, im->texts[i].size, h.texts[i].offset);
	}
	im->stub_offset = h.stubs.offset;
	if (!err)
		err = pwrite_full(fd, im->stubs, im->stub_size, h.stubs.offset);
	if (!err)
		err = write_table(fd, &h, TABLE_ENTRIES, im->entries);
	if (!err)
		err = write_table(fd, &h, TABLE_PATCHES, im->patches);
	if (!err)
		err = write_table(fd, &h, TABLE_KEPT, im->kept);
	if (!err)
		err = write_table(fd, &h, TABLE_SYSCALLS, im->syscalls);
	/* The end may be padding. */
	if (!err && ftruncate(fd, (off_t)h.file_size))
		err = -errno;
	return err;
}

/* --- reading --- */

static bool sum_is(const void *data, uint64_t n, uint64_t checksum)
{
	return image_skip_checksums || sum(data, n) == checksum;
}

/* Whether the header is sound, and its layout that of a file of this size. */
static bool check_header(const struct header *h, uint64_t file_size)
{
	struct header computed;

	if (memcmp(h->magic, MAGIC, sizeof(h->magic)) || h->format != FORMAT)
		return false;
	if (!image_skip_checksums && h->checksum != header_checksum(h))
		return false;
	if (h->n_texts > IMAGE_MAX_TEXTS || h->stubs.count > REACH)
		return false;
	for (size_t i = 0; i < h->n_texts; i++) {
		if (h->texts[i].size > SPAN_MAX)
			return false;
	}
	for (size_t i = 0; i < N_TABLES; i++) {
		if (h->tables[i].count > (i == TABLE_KEPT ? SPAN_MAX : ENTRIES_MAX))
			return false;
	}
	computed = *h;
	layout(&computed);
	return computed.file_size == file_size && !memcmp(&computed, h, sizeof(computed));
}

static bool check_sums(const struct header *h, const uint8_t *file)
{
	for (size_t i = 0; i < h->n_texts; i++) {
		if (!sum_is(file + h->texts[i].offset, h->texts[i].size, h->texts[i].checksum))
			return false;
	}
	for (size_t i = 0; i < N_TABLES; i++) {
		if (!sum_is(file + h->tables[i].offset, h->tables[i].count * row_sizes[i],
			    h->tables[i].checksum))
			return false;
	}
	return sum_is(file + h->stubs.offset, h->stubs.count, h->stubs.checksum);
}

static void *table_at(const struct header *h, uint8_t *file, int which, size_t *count)
{
	*count = h->tables[which].count;
	return file + h->tables[which].offset;
}

static void image_from_header(struct image *im, const struct header *h, uint8_t *file)
{
	memcpy(im->identity, h->identity, sizeof(im->identity));
	im->n_texts = h->n_texts;
	for (size_t i = 0; i < h->n_texts; i++) {
		const struct text_part *t = &h->texts[i];

		im->texts[i] = (struct image_text){
			.vaddr = t->vaddr,
			.size = t->size,
			.file_offset = t->file_offset,
			.bytes = file + t->offset,
			.offset = t->offset,
		};
	}
	im->stub_vaddr = h->stub_vaddr;
	im->stub_size = h->stubs.count;
	im->stubs = file + h->stubs.offset;
	im->stub_offset = h->stubs.offset;
	im->entries = table_at(h, file, TABLE_ENTRIES, &im->n_entries);
	im->patches = table_at(h, file, TABLE_PATCHES, &im->n_patches);
	im->kept = table_at(h, file, TABLE_KEPT, &im->n_kept);
	im->syscalls = table_at(h, file, TABLE_SYSCALLS, &im->n_syscalls);
	im->stats = h->stats;
}

int image_read(int fd, struct image **out)
{
	struct image *im = NULL;
	struct header h;
	struct stat st;
	void *file;

	*out = NULL;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)PAGE_SIZE_BYTES)
		return -EINVAL;
	file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (file == MAP_FAILED)
		return -errno;
	memcpy(&h, file, sizeof(h));
	if (!check_header(&h, (uint64_t)st.st_size))
		goto damaged;
	im = xcalloc(1, sizeof(*im));
	im->file = file;
	im->file_size = (size_t)st.st_size;
	image_from_header(im, &h, file);
	if (!check_sums(&h, file) || !check_image(im))
		goto damaged;
	*out = im;
	return 0;
damaged:
	munmap(file, (size_t)st.st_size);
	free(im);
	return -EINVAL;
}

/* --- life --- */

struct image *image_share(struct image *im)
{
	im->more_users++;
	return im;
}

void image_free(struct image *im)
{
	if (!im || im->more_users--)
		return;
	if (im->file) {
		munmap(im->file, im->file_size);
	} else {
		for (size_t i = 0; i < im->n_texts; i++)
			free(im->texts[i].bytes);
		free(im->stubs);
		free(im->entries);
		free(im->patches);
		free(im->kept);
		free(im->syscalls);
	}
	free(im);
}
