/*
 * Call frame information: FDEs of .eh_frame (LSB Core, "Exception Frames") and the landing pads in
 * their LSDAs (the Itanium C++ ABI's exception tables, as gcc lays them out).
 */
#ifndef IMAGE_EH_FRAME_H
#define IMAGE_EH_FRAME_H

#include "image/elf_tables.h"

/* What a CIE says of its FDEs. */
struct eh_cie {
	uint64_t offset; /* of it in the section */
	bool sound, augmented, signal_frame;
	uint8_t fde_encoding, lsda_encoding; /* DW_EH_PE_* */
};

struct eh_frames {
	const struct elf_file *f;
	struct elf_span span; /* of the section that is being read */
	uint64_t at;	      /* offset of the next entry */
	bool terminated;      /* it ends at an entry of length 0: there is no section header */
	size_t section;	      /* number of the next section */
	bool any;
	uint64_t budget; /* bytes of sections yet to be read: they may not overlap much */
	struct eh_cie cie;
	int error;
};

struct eh_fde {
	uint64_t start, end;
	uint64_t lsda; /* 0: none */
	bool signal_frame;
};

/*
 *	for (eh_frames_init(&it, f); eh_frames_next(&it, &fde);)
 *
 * gives all FDEs with a range that is in one executable segment. Afterwards it.error is 0 or
 * -ENOEXEC.
 */
void eh_frames_init(struct eh_frames *it, const struct elf_file *f);
bool eh_frames_next(struct eh_frames *it, struct eh_fde *fde);

/*
 * Set the landing pads of a FDE with an LSDA. Takes the bytes that it reads off *budget. 0;
 * -EINVAL: it cannot be read (to the end); -ENOEXEC: over the budget.
 */
int eh_landing_pads(const struct elf_file *f, const struct eh_fde *fde, struct code_bits *out,
		    uint64_t *budget);

#endif
