/*
 * Instrumented images: copies of an ELF file's executable segments with safepoints patched in.
 *
 * A safepoint counts one tick (or several) in the tick page (mem/layout.h) and traps when the count
 * is used up. It lies in a *stub*; a *window* of original bytes is overwritten by a jump to it, and
 * the instructions that stood there are run by the stub (they are *displaced*). Stubs of one file
 * lie together, at a fixed distance from its text. `syscall` instructions lie in stubs as well,
 * which leave to the agent before them (TICK_ENTER_CALL), and so do some others (mem/insn_site.h).
 *
 * All of this is a pure function of the file's bytes: image_build(). Addresses are the file's own
 * (p_vaddr); add the load bias for those of a process. `stub_vaddr` may be negative then: just
 * below a file whose first address is 0.
 */
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include "base/buf.h"

/* Raised whenever the same file would give another image: cached ones are built again. */
#define IMAGE_VERSION	13

#define IMAGE_MAX_TEXTS 8

/* An executable segment: whole pages, congruent to the file's. */
struct image_text {
	uint64_t vaddr;
	uint64_t size;
	uint64_t file_offset; /* of the original file that is patched here */
	uint8_t *bytes;	      /* `size` patched ones */
	uint64_t offset;      /* of `bytes` in the image's own file (page-aligned) */
};

/* What a byte of a stub is. */
enum image_where {
	IMAGE_OUTSIDE,	/* no stub */
	IMAGE_COUNTING, /* inside of the counting sequence, or on the way to the agent: registers
			 * may be ours; step on */
	IMAGE_CODE,	/* at a displaced instruction, the beginning of the way to the agent, the
			 * end of a system call, or the jump back: registers are the program's,
			 * which is at `original` */
	IMAGE_TRAP,	/* the int3 of a count that is used up; the task stops one byte behind it,
			 * counted, with the program's registers, logically at `original`. It goes on at
			 * `resume`. */
};

/* From `stub` (offset from the stubs' start) up to the next entry. Sorted by it; of several with
 * the same one, the last counts. */
struct image_entry {
	uint32_t stub;
	uint8_t where; /* enum image_where */
	uint8_t reserved[3];
	uint32_t original; /* address, minus texts[0].vaddr */
	uint32_t resume;   /* IMAGE_TRAP: offset from the stubs' start */
};

/* A window. Sorted by `start`. */
struct image_patch {
	uint32_t start; /* address, minus texts[0].vaddr */
	uint32_t kept;	/* offset of its original bytes in `kept` */
	uint8_t length;
	uint8_t n_insns; /* displaced instructions, 0: only a branch's target was changed, or, if
			  * there are `intact` bytes, the first one: it traps */
	uint8_t intact;	 /* bytes at its end that are the original ones: a whole `syscall` */
	uint8_t reserved;
};

/* Of instructions that are to be executed by the agent. */
struct image_site_stats {
	uint64_t found, patched;
	uint64_t no_room;   /* no window fits */
	uint64_t flags;	    /* what follows may use the flags of before */
	uint64_t sigreturn; /* debuggers know it by its bytes */
	uint64_t undecoded; /* in functions that are left alone */
};

/* What was found and done; of `rr image`. */
struct image_stats {
	uint64_t text_bytes;
	uint64_t functions, functions_left; /* left alone: undecodable */
	uint64_t instructions;
	uint64_t back_edges; /* backward direct branches inside of functions */
	uint64_t uncovered;  /* of them, in a cycle without a safepoint */
	uint64_t backward_calls, indirect_jumps;
	uint64_t branches, calls, jumps, windows; /* safepoints at a retargeted branch or call, an
						   * indirect jump, in a window elsewhere */
	uint64_t flag_free;			  /* safepoints in the form that keeps flags */
	uint64_t cloned;			  /* loops copied into stubs */
	struct image_site_stats syscalls, insns;  /* insns: those of mem/insn_site.h */
	uint64_t tsc_left; /* places where the time-stamp counter might be read unseen: its
			    * instructions in functions that are left alone, or in code that is in
			    * none */
};

struct image {
	struct image_text texts[IMAGE_MAX_TEXTS];
	size_t n_texts;
	int64_t stub_vaddr; /* page-aligned; all stubs within +-2 GB of all text */
	uint64_t stub_size; /* whole pages; 0: nothing was patched */
	uint8_t *stubs;
	uint64_t stub_offset; /* of them in the image's own file */
	struct image_entry *entries;
	size_t n_entries;
	struct image_patch *patches;
	size_t n_patches;
	uint8_t *kept; /* original bytes of the patches */
	size_t n_kept;
	uint32_t *syscalls; /* addresses of `syscall` instructions, minus texts[0].vaddr */
	size_t n_syscalls;
	struct image_stats stats;
	uint64_t identity[2]; /* of the file that it was made from; the cache's matter (cache.c) */
	void *file; /* all of the above point into this mapping (image_read()); NULL: to the heap */
	size_t file_size;
	unsigned more_users; /* besides the first: image_share() */
};

/* Where the stubs of a program at fixed addresses go if there is no room below it: they end here.
 */
#define IMAGE_HIGH_STUBS 0x3f000000ULL

struct image_options {
	bool placed; /* the stubs have to be at `stub_vaddr`; else just below the lowest address of
		      * the file, or, of a program at fixed addresses with too little room there
		      * (above OURS_END and some), below IMAGE_HIGH_STUBS */
	int64_t stub_vaddr;
};

/*
 * Instrument the ELF file of `size` bytes at `elf` (untrusted). 0 and *out, to be freed by
 * image_free(); -ENOEXEC: not an x86-64 ELF file that can be executed or loaded; -ERANGE: the stubs
 * cannot be reached from where they are to be. A file without anything to patch is no error.
 */
int image_build(const void *elf, size_t size, const struct image_options *opt, struct image **out);
/* One more user of an image, which calls image_free() too: the last one frees. Returns `im`. */
struct image *image_share(struct image *im);
void image_free(struct image *im);

/* --- lookup (lookup.c): addresses are the file's --- */

/* The last entry that begins at `stub`, a distance in the stubs, or before; NULL: none. */
const struct image_entry *image_entry_at(const struct image *im, uint64_t stub);
/* Index of the first patch that ends behind `at`, a distance from texts[0]; n_patches: none. */
size_t image_patch_from(const struct image *im, uint64_t at);

struct image_point {
	enum image_where where;
	uint64_t original; /* the logical address */
	uint64_t resume;   /* IMAGE_TRAP */
};

/* What stands at `vaddr`: IMAGE_OUTSIDE if it is no stub's. For a task stopped by a trap, pass its
 * instruction pointer minus 1. */
struct image_point image_find(const struct image *im, uint64_t vaddr);
/* The displaced copy of the original instruction at `vaddr`, if that lies inside of a window behind
 * its first byte; else 0. A jump to there (sigreturn, setcontext) must go to the copy. */
int64_t image_displaced(const struct image *im, uint64_t vaddr);
/* Overwrite patched bytes in buf[0..n), which were read from `vaddr`, by the original ones. */
void image_hide(const struct image *im, uint64_t vaddr, void *buf, size_t n);

/* --- its own file (file.c) --- */

/*
 * The file: a header, the texts and the stubs, page-aligned so that they can be mapped, then the
 * tables; checksummed. image_write() writes to an empty file and sets the `offset`s; -EINVAL: the
 * image breaks a rule that image_read() would not let pass. image_read() takes an open file
 * (untrusted: all is verified), maps it and keeps no reference to `fd`; -EINVAL: damaged or of
 * another format. Images of other IMAGE_VERSIONs and builds can be read: traces have them.
 */
int image_write(struct image *im, int fd);
int image_read(int fd, struct image **out);

/* Set by fuzzers: accept any checksum, so that what lies behind it is reached. */
extern bool image_skip_checksums;

#endif
