/*
 * The instrumenter on hostile files: an input is an ELF file. An image that it makes must pass
 * `rr image --verify` (the text is the file's but for the patches, these lead to stubs that can be
 * decoded, the tables agree), must be the same when it is made again, and must be readable when it
 * was written.
 */
#include "base/buf.h"
#include "base/io.h"
#include "base/log.h"
#include "cli/image_show.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_file(struct image *im)
{
	static int fd = -1;
	struct image *read;

	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	BUG_ON(fd < 0 || ftruncate(fd, 0));
	BUG_ON(image_write(im, fd));
	image_skip_checksums = true; /* they take longer than all the rest */
	BUG_ON(image_read(fd, &read));
	BUG_ON(read->n_entries != im->n_entries || read->n_patches != im->n_patches);
	image_free(read);
}

static void build(const uint8_t *data, size_t size, const struct image_options *opt)
{
	struct buf why = BUF_INIT;
	struct image *im, *again;
	int err = image_build(data, size, opt, &im);

	BUG_ON(err && err != -ENOEXEC && err != -ERANGE);
	if (err)
		return;
	if (image_check(im, data, size, &why))
		BUG("%s", buf_str(&why));
	buf_release(&why);
	check_file(im);
	BUG_ON(image_build(data, size, opt, &again));
	BUG_ON(im->stub_size != again->stub_size || im->n_entries != again->n_entries);
	BUG_ON(im->stub_size && memcmp(im->stubs, again->stubs, im->stub_size) != 0);
	image_free(again);
	image_free(im);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct image_options plain = {.placed = false};
	const struct image_options placed = {.placed = true, .stub_vaddr = 0x20000000};

	build(data, size, size & 1 ? &placed : &plain);
	return 0;
}

#ifndef FUZZ_LIBFUZZER

#include "corpus.h"

/* fuzz_image DIR...: run the files in them. */
int main(int argc, char **argv)
{
	return run_inputs(argv + 1, argc - 1);
}

#endif
