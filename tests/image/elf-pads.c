/* usage: elf-pads FILE: print the addresses of all landing pads; elf-pads.sh compares. */
#include "elf-check.h"
#include "image/eh_frame.h"

int main(int argc, char **argv)
{
	const uint64_t end = 1ULL << 47;
	struct buf file = BUF_INIT;
	struct code_bits pads;
	struct eh_frames it;
	struct eh_fde fde;
	struct elf_file f;
	uint64_t budget = UINT64_MAX;

	if (argc != 2 || read_file(argv[1], &file) || elf_open(&f, file.data, file.len))
		die("usage: elf-pads FILE");
	code_bits_init(&pads, &f);
	for (eh_frames_init(&it, &f); eh_frames_next(&it, &fde);)
		CHECK(!fde.lsda || eh_landing_pads(&f, &fde, &pads, &budget) == 0);
	for (uint64_t at = 0; (at = code_bits_next(&pads, at, end)) < end; at++)
		printf("%" PRIx64 "\n", at);
	code_bits_release(&pads);
	elf_close(&f);
	buf_release(&file);
	return failures ? 1 : 0;
}
