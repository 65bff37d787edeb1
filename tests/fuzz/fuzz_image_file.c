/*
 * The reader of images' files on hostile ones. An input is a file without its long parts: the first
 * HEAD bytes, then what stands at the file's end, as many as there are; the rest is zeros. The
 * file is as long as its header says. Checksums are not looked at.
 *
 * All that the lookups can be asked is asked then.
 */
#include "base/buf.h"
#include "base/io.h"
#include "base/log.h"
#include "image/space.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEAD	  0x280
#define SIZE_AT	  40 /* of the file's size in the header */
#define FILE_MAX  (1 << 20)
#define BIAS	  0x10000000000
#define QUESTIONS 5000 /* a bound on time */

static uint64_t sink;

static void ask(const struct image *im, const struct image_space *s, uint64_t vaddr)
{
	struct image_point p = image_find(im, vaddr);
	uint8_t buf[64];

	sink += p.original + p.resume + (uint64_t)image_displaced(im, vaddr);
	image_hide(im, vaddr, buf, sizeof(buf));
	image_hide(im, vaddr, buf, 0);
	p = image_space_point(s, vaddr + BIAS);
	sink += p.original + image_space_entry(s, vaddr + BIAS);
	image_space_hide(s, vaddr + BIAS - 7, buf, sizeof(buf));
}

static void ask_all(struct image *im)
{
	struct image_space s;
	uint64_t base = im->texts[0].vaddr;

	image_space_init(&s);
	for (size_t i = 0; i < im->n_texts; i++) {
		const struct image_text *t = &im->texts[i];

		sink += t->bytes[0] + t->bytes[t->size - 1];
		image_space_add(&s, im, BIAS, t->vaddr + BIAS, t->vaddr + t->size + BIAS,
				(uint64_t)im->stub_vaddr + BIAS,
				(uint64_t)im->stub_vaddr + im->stub_size + BIAS);
	}
	for (size_t i = 0; i < im->n_entries && i < QUESTIONS; i++) {
		ask(im, &s, (uint64_t)im->stub_vaddr + im->entries[i].stub);
		ask(im, &s, (uint64_t)im->stub_vaddr + im->entries[i].stub - 1);
		ask(im, &s, base + im->entries[i].original);
	}
	for (size_t i = 0; i < im->n_patches && i < QUESTIONS; i++) {
		for (int k = -1; k < 18; k++)
			ask(im, &s, base + im->patches[i].start + (uint64_t)k);
	}
	for (size_t i = 0; i < im->n_syscalls && i < QUESTIONS; i++)
		ask(im, &s, base + im->syscalls[i]);
	ask(im, &s, 0);
	ask(im, &s, UINT64_MAX);
	image_space_clear(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct image *im;
	uint64_t file_size;
	size_t tail;

	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (size < HEAD)
		return 0;
	memcpy(&file_size, data + SIZE_AT, sizeof(file_size));
	file_size = max_u64(min_u64(file_size, FILE_MAX), HEAD);
	tail = min_u64(size - HEAD, file_size - HEAD);
	BUG_ON(fd < 0 || ftruncate(fd, 0) || ftruncate(fd, (off_t)file_size));
	BUG_ON(pwrite_full(fd, data + size - tail, tail, file_size - tail));
	BUG_ON(pwrite_full(fd, data, HEAD, 0));
	image_skip_checksums = true;
	if (image_read(fd, &im) == 0) {
		ask_all(im);
		image_free(im);
	}
	return 0;
}

#ifndef FUZZ_LIBFUZZER

#include "corpus.h"

#include "../image/sample.h"

static void make_seed(const char *dir, const char *name, struct image *im)
{
	int fd = memfd_create("seed", MFD_CLOEXEC);
	struct buf file = BUF_INIT, seed = BUF_INIT;
	char *path = xasprintf("%s/%s", dir, name);
	FILE *out = fopen(path, "we");
	size_t tables;

	BUG_ON(fd < 0 || !out || image_write(im, fd));
	BUG_ON(lseek(fd, 0, SEEK_SET) || read_fd(fd, &file));
	tables = im->stub_size ? im->stub_offset + im->stub_size : file.len;
	buf_add(&seed, file.data, HEAD);
	buf_add(&seed, file.data + tables, file.len - tables);
	BUG_ON(fwrite(seed.data, 1, seed.len, out) != seed.len || fclose(out));
	buf_release(&file);
	buf_release(&seed);
	free(path);
	close(fd);
	image_free(im);
}

static void make_seeds(const char *dir)
{
	struct image *im = sample_image();

	make_seed(dir, "sample", im);
	im = sample_image();
	im->n_texts = 1;
	im->n_patches = 2;
	free(im->texts[1].bytes);
	make_seed(dir, "one-text", im);
	im = sample_image();
	im->n_entries = im->n_patches = im->n_kept = im->n_syscalls = 0;
	make_seed(dir, "no-tables", im);
	make_seed(dir, "nothing", xcalloc(1, sizeof(*im)));
}

/* fuzz_image_file DIR: run the files in it. fuzz_image_file --make-seeds DIR: write the seeds. */
int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--make-seeds")) {
		make_seeds(argv[2]);
		return 0;
	}
	if (argc != 2)
		return 2;
	return run_inputs(argv + 1, 1);
}

#endif
