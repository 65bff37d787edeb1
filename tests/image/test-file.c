/*
 * An image's own file: what is written is read; every damage is noticed; numbers that point out of
 * something are refused even if the checksums are right.
 */
#include "sample.h"

#include "base/io.h"
#include "base/log.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int new_file(void)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	BUG_ON(fd < 0);
	return fd;
}

static bool same(const struct image *a, const struct image *b)
{
	if (a->n_texts != b->n_texts || a->stub_vaddr != b->stub_vaddr ||
	    a->stub_size != b->stub_size || a->n_entries != b->n_entries ||
	    a->n_patches != b->n_patches || a->n_kept != b->n_kept ||
	    a->n_syscalls != b->n_syscalls)
		return false;
	for (size_t i = 0; i < a->n_texts; i++) {
		const struct image_text *x = &a->texts[i], *y = &b->texts[i];

		if (x->vaddr != y->vaddr || x->size != y->size ||
		    x->file_offset != y->file_offset || x->offset != y->offset ||
		    memcmp(x->bytes, y->bytes, x->size) != 0)
			return false;
	}
	if (!a->n_texts)
		return true;
	return !memcmp(a->stubs, b->stubs, a->stub_size) && a->stub_offset == b->stub_offset &&
	       !memcmp(a->entries, b->entries, a->n_entries * sizeof(*a->entries)) &&
	       !memcmp(a->patches, b->patches, a->n_patches * sizeof(*a->patches)) &&
	       !memcmp(a->kept, b->kept, a->n_kept) &&
	       !memcmp(a->syscalls, b->syscalls, a->n_syscalls * sizeof(*a->syscalls)) &&
	       !memcmp(&a->stats, &b->stats, sizeof(a->stats)) &&
	       !memcmp(a->identity, b->identity, sizeof(a->identity));
}

static bool readable(int fd)
{
	struct image *im;
	int err = image_read(fd, &im);

	CHECK(err == 0 || (err == -EINVAL && !im));
	if (!err)
		image_free(im);
	return !err;
}

static void test_round_trip(void)
{
	struct image *im = sample_image(), *read;
	int fd = new_file();

	CHECK(image_write(im, fd) == 0);
	CHECK(im->texts[0].offset == 0x1000 && im->texts[1].offset == 0x3000);
	CHECK(im->stub_offset == 0x4000);
	CHECK(image_read(fd, &read) == 0);
	CHECK(same(im, read));
	image_free(im);
	close(fd);
	/* A file of its own: readable without `fd`, and shared until the last user is gone. */
	CHECK(image_share(read) == read);
	image_free(read);
	CHECK(read->texts[1].bytes[0xfff] == 0x91);
	image_free(read);

	im = xcalloc(1, sizeof(*im));
	fd = new_file();
	CHECK(image_write(im, fd) == 0);
	CHECK(image_read(fd, &read) == 0 && same(im, read));
	image_free(im);
	image_free(read);
	close(fd);
}

/* Each byte that has a meaning, changed; each length. */
static void test_damage(void)
{
	struct image *im = sample_image();
	int fd = new_file();
	struct stat st;
	uint8_t *file;
	size_t noticed = 0, missed = 0;

	CHECK(image_write(im, fd) == 0 && !fstat(fd, &st));
	file = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	BUG_ON(file == MAP_FAILED);
	for (size_t i = 0; i < (size_t)st.st_size; i += i < 0x1000 || i >= 0x6000 ? 1 : 61) {
		file[i] ^= 0x10;
		if (readable(fd))
			missed++;
		else
			noticed++;
		file[i] ^= 0x10;
	}
	CHECK(readable(fd));
	/* Padding of the header's page and of tables has no meaning. */
	printf("%zu damages noticed, %zu in padding\n", noticed, missed);
	CHECK(missed < 0x1000 - 500 && noticed > 1000);
	munmap(file, (size_t)st.st_size);
	for (off_t size = st.st_size - 1; size > 0; size -= size > 0x6000 ? 1 : 997) {
		CHECK(!ftruncate(fd, size));
		CHECK(!readable(fd));
	}
	CHECK(!ftruncate(fd, 0) && !readable(fd));
	close(fd);
	image_free(im);
}

/* Images that break one rule each: neither written, nor read where somebody wrote them. */
static void break_rule(int which, struct image *im)
{
	switch (which) {
	case 0:
		im->texts[0].vaddr = 0x1001;
		break;
	case 1:
		im->texts[1].vaddr = 0x2000;
		break; /* overlaps */
	case 2:
		im->texts[1].vaddr = 0xffff800000000000;
		break;
	case 3:
		im->texts[1].file_offset = 0x4010;
		break;
	case 4:
		im->stub_vaddr = 0;
		break; /* overlaps the first text */
	case 5:
		im->stub_vaddr = 0x100000000;
		break; /* out of reach */
	case 6:
		im->stub_vaddr = -0x1fff;
		break;
	case 7:
		im->entries[3].stub = im->entries[2].stub - 1;
		break;
	case 8:
		im->entries[13].stub = 0x2000;
		break;
	case 9:
		im->entries[2].where = 4;
		break;
	case 10:
		im->entries[2].resume = 0x2000;
		break;
	case 11:
		im->syscalls[0] = 0x2fff;
		break; /* out of a text */
	case 12:
		im->patches[0].length = 17;
		break; /* into the next one */
	case 13:
		im->patches[2].start = 0x4ffe;
		break;
	case 14:
		im->patches[2].kept = 13;
		break;
	case 15:
		im->patches[2].kept = 0xfffffffe;
		break;
	case 16:
		im->patches[1].start = 0x8;
		break; /* not sorted */
	case 17:
		im->syscalls[0] = 0x4fff;
		break;
	case 18:
		im->n_texts = 9;
		break;
	case 19:
		im->patches[0].length = 0;
		break;
	case 20:
		im->n_texts = 0;
		break;
	default:
		BUG("rule %d", which);
	}
}
#define N_RULES 21

static void test_rules(void)
{
	for (int i = 0; i < N_RULES; i++) {
		struct image *im = sample_image();
		int fd = new_file(), err;

		break_rule(i, im);
		err = image_write(im, fd);
		if (err != -EINVAL) {
			printf("rule %d: %d\n", i, err);
			CHECK(false);
		}
		im->n_texts = 2;
		image_free(im);
		close(fd);
	}
}

/* The same numbers in a file whose checksums are not looked at: found by the rules alone. */
static void test_rules_of_reader(void)
{
	struct image *im = sample_image(), *read;
	int fd = new_file();
	struct stat st;
	uint8_t *file;
	size_t refused = 0, n = 0;

	CHECK(image_write(im, fd) == 0 && !fstat(fd, &st));
	file = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	image_skip_checksums = true;
	for (size_t i = 0; i < (size_t)st.st_size; i += i == 0xffc ? 0x5004 : 4, n++) {
		uint32_t old, bad = 0xfffffff3;

		memcpy(&old, file + i, 4);
		memcpy(file + i, &bad, 4);
		if (image_read(fd, &read)) {
			refused++;
		} else {
			/* What was let pass is safe to follow. */
			for (uint64_t a = 0; a < 0x7000; a += 3) {
				uint8_t b[40];

				image_find(read, a - 0x2000);
				image_displaced(read, a);
				image_hide(read, a, b, sizeof(b));
			}
			image_free(read);
		}
		memcpy(file + i, &old, 4);
	}
	image_skip_checksums = false;
	printf("%zu of %zu words refused\n", refused, n);
	CHECK(refused > 60);
	munmap(file, (size_t)st.st_size);
	close(fd);
	image_free(im);
}

int main(void)
{
	test_round_trip();
	test_damage();
	test_rules();
	test_rules_of_reader();
	return check_status("image file");
}
