/*
 * The reader of ELF files on hostile ones: an input is a file (seeds: tests/image/elf-sample.sh).
 * What the reader promises of its
 * answers is checked, and each byte that they speak of is read.
 */
#include "base/buf.h"
#include "base/io.h"
#include "base/log.h"
#include "image/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t sink;

static void touch_ranges(const struct elf_file *f, const struct code_ranges *r)
{
	uint64_t end = 0;

	for (size_t i = 0; i < r->n; i++) {
		const struct code_range *range = &r->v[i];
		const uint8_t *p = elf_at(f, range->start, range->end - range->start);

		BUG_ON(range->start < end || range->start >= range->end || !p);
		BUG_ON(!elf_text(f, range->start) ||
		       elf_text(f, range->start) != elf_text(f, range->end - 1));
		BUG_ON(code_ranges_find(r, range->start) != range);
		BUG_ON(code_ranges_find(r, range->end - 1) != range);
		end = range->end;
		sink += p[0] + p[range->end - range->start - 1];
	}
	BUG_ON(code_ranges_find(r, end));
}

static void touch_targets(const struct elf_file *f, const struct code_bits *b)
{
	uint64_t last = 1ULL << 47;

	for (uint64_t at = 0; (at = code_bits_next(b, at, last)) < last; at++) {
		BUG_ON(!elf_text(f, at) || !code_bits_test(b, at));
		BUG_ON(!code_bits_any(b, at, at + 1));
	}
}

static void read_all(const struct elf_file *f)
{
	struct code_ranges functions, plts;
	struct code_bits targets;

	if (elf_functions(f, &functions) == 0)
		touch_ranges(f, &functions);
	if (elf_plts(f, &plts) == 0)
		touch_ranges(f, &plts);
	code_bits_init(&targets, f);
	if (elf_targets(f, &targets) == 0)
		touch_targets(f, &targets);
	code_bits_release(&targets);
	code_ranges_release(&plts);
	code_ranges_release(&functions);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf_file f;

	if (elf_open(&f, data, size))
		return 0;
	read_all(&f);
	if (f.n_sections) { /* once more, as if it had none */
		f.n_sections = 0;
		read_all(&f);
	}
	elf_close(&f);
	return 0;
}

#ifndef FUZZ_LIBFUZZER

#include "corpus.h"

/* fuzz_elf INPUT...: run them (a directory: the files in it) */
int main(int argc, char **argv)
{
	return run_inputs(argv + 1, argc - 1);
}

#endif
