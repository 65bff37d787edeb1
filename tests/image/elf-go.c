/*
 * usage: elf-go FILE	print what the Go table of an ELF file says: `function ADDRESS`, `resume
 *			ADDRESS`; elf-go.sh compares
 */
#include "elf-check.h"

int main(int argc, char **argv)
{
	struct buf file = BUF_INIT;
	struct code_ranges functions;
	struct code_bits targets;
	struct pclntab t;
	struct elf_file f;
	uint64_t resume;

	if (argc != 2 || read_file(argv[1], &file) || elf_open(&f, file.data, file.len))
		die("usage: elf-go FILE");
	code_bits_init(&targets, &f);
	CHECK(elf_functions(&f, &functions) == 0 && elf_targets(&f, &targets) == 0);
	for (size_t i = 0; i < functions.n; i++)
		printf("function %" PRIx64 "\n", functions.v[i].start);
	if (!pclntab_find(&f, &t))
		die("%s: no Go table", argv[1]);
	for (size_t i = 0; i < t.n; i++) {
		pclntab_function(&t, i, &resume);
		if (resume)
			printf("resume %" PRIx64 "\n", resume);
		CHECK(!resume || code_bits_test(&targets, resume));
	}
	code_bits_release(&targets);
	code_ranges_release(&functions);
	elf_close(&f);
	buf_release(&file);
	return failures ? 1 : 0;
}
