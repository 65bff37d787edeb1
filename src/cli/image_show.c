/*
 * Images for people. See image_show.h.
 *
 * Which stub belongs to a patch is not written in an image: it is where the patched branch leads
 * to. A stub's trap may stand before that place; it resumes behind it.
 */
#include "cli/image_show.h"

#include "base/log.h"

#include <Zydis/Zydis.h>

#define MISTAKES_TOLD 10

/* A patch and the entries of its stub. */
struct window {
	const struct image_patch *patch;
	uint32_t target;     /* where its branch leads, from the stubs' start */
	size_t first, after; /* entries; none: it does not lead to the stubs */
};

struct disassembler {
	ZydisDecoder decoder;
	ZydisFormatter formatter;
};

static void disassembler_init(struct disassembler *d)
{
	ZydisDecoderInit(&d->decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	ZydisFormatterInit(&d->formatter, ZYDIS_FORMATTER_STYLE_INTEL);
	ZydisFormatterSetProperty(&d->formatter, ZYDIS_FORMATTER_PROP_HEX_UPPERCASE, 0);
	ZydisFormatterSetProperty(&d->formatter, ZYDIS_FORMATTER_PROP_FORCE_SIZE, 1);
	ZydisFormatterSetProperty(&d->formatter, ZYDIS_FORMATTER_PROP_ADDR_PADDING_ABSOLUTE,
				  ZYDIS_PADDING_DISABLED);
}

/* Negative addresses and immediates as such: the formatter prints 64 bits without a sign. */
static void show_signs(char *text)
{
	for (char *at = text; (at = strstr(at, "0xffff"));) {
		char *end;
		uint64_t v = strtoull(at, &end, 16);

		if (end - at == 18) {
			char rest[128];

			snprintf(rest, sizeof(rest), "%s", end);
			snprintf(at, 128 - (size_t)(at - text), "-0x%llx%s", (unsigned long long)-v,
				 rest);
		}
		at += 2;
	}
}

/* The instruction as text, and its length; an undecodable byte is one of length 1. */
static size_t disassemble(const struct disassembler *d, const uint8_t *p, size_t n, int64_t vaddr,
			  char text[128])
{
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];

	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&d->decoder, p, n, &insn, operands))) {
		snprintf(text, 128, "(bad)");
		return 1;
	}
	ZydisFormatterFormatInstruction(&d->formatter, &insn, operands, insn.operand_count_visible,
					text, 128, (ZyanU64)vaddr, NULL);
	show_signs(text);
	return insn.length;
}

/* --- windows --- */

static const uint8_t *text_bytes(const struct image *im, uint64_t vaddr, size_t n)
{
	for (size_t i = 0; i < im->n_texts; i++) {
		const struct image_text *t = &im->texts[i];

		if (vaddr >= t->vaddr && vaddr - t->vaddr <= t->size &&
		    n <= t->size - (vaddr - t->vaddr))
			return t->bytes + (vaddr - t->vaddr);
	}
	return NULL;
}

/* Where the patched branch leads: a jmp at the window's start, else the rel32 that ends it. */
static bool find_target(const struct image *im, const struct image_patch *p, uint32_t *out)
{
	uint64_t vaddr = im->texts[0].vaddr + p->start;
	const uint8_t *bytes = text_bytes(im, vaddr, p->length);
	uint32_t end = p->n_insns ? 5 : p->length;
	int32_t rel;
	uint64_t to;

	if (!bytes || p->length < 5)
		return false;
	memcpy(&rel, bytes + end - 4, sizeof(rel));
	to = vaddr + end + (uint64_t)(int64_t)rel - (uint64_t)im->stub_vaddr;
	*out = (uint32_t)to;
	return to < im->stub_size;
}

/* The entry that begins at or before `stub`; n_entries if there is none. */
static size_t entry_before(const struct image *im, uint32_t stub)
{
	size_t low = 0, high = im->n_entries;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (im->entries[middle].stub <= stub)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? low - 1 : im->n_entries;
}

static size_t first_entry(const struct image *im, uint32_t target)
{
	size_t i = entry_before(im, target);

	if (i == im->n_entries || !i)
		return i;
	if (im->entries[i - 1].where == IMAGE_TRAP && im->entries[i - 1].resume >= target) {
		i--;
		if (i && im->entries[i - 1].where == IMAGE_COUNTING)
			i--;
	}
	return i;
}

static int by_first(const void *a, const void *b)
{
	const struct window *x = *(struct window *const *)a, *y = *(struct window *const *)b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/* All windows, in the order of patches. A stub ends where another window's begins. */
static struct window *find_windows(const struct image *im)
{
	struct window *w = xcalloc(im->n_patches, sizeof(*w));
	struct window **order = xcalloc(im->n_patches, sizeof(*order));

	for (size_t i = 0; i < im->n_patches; i++) {
		w[i].patch = &im->patches[i];
		w[i].first = w[i].after = im->n_entries;
		if (find_target(im, w[i].patch, &w[i].target))
			w[i].first = first_entry(im, w[i].target);
		order[i] = &w[i];
	}
	if (im->n_patches)
		qsort(order, im->n_patches, sizeof(*order), by_first);
	/* Branches to one place share a stub. */
	for (size_t i = im->n_patches; i-- > 1;)
		order[i - 1]->after =
			order[i]->first == order[i - 1]->first ? order[i]->after : order[i]->first;
	free(order);
	return w;
}

static uint64_t entry_end(const struct image *im, size_t i)
{
	return i + 1 < im->n_entries ? im->entries[i + 1].stub : im->stub_size;
}

/* --- showing --- */

void format_vaddr(int64_t vaddr, struct buf *out)
{
	buf_addf(out, "%s%llx", vaddr < 0 ? "-" : "",
		 (unsigned long long)(vaddr < 0 ? -(uint64_t)vaddr : (uint64_t)vaddr));
}

/* "   LABEL  ADDRESS: BYTES  INSTRUCTION  NOTE" for each of them; only the first gets the note. */
static void show_code(const struct disassembler *d, const char *label, const uint8_t *p, size_t n,
		      int64_t vaddr, const char *note)
{
	struct buf line = BUF_INIT, address = BUF_INIT;

	for (size_t at = 0, length; at < n; at += length) {
		char text[128];

		length = disassemble(d, p + at, n - at, vaddr + (int64_t)at, text);
		buf_clear(&line);
		buf_clear(&address);
		format_vaddr(vaddr + (int64_t)at, &address);
		buf_addf(&line, "    %-9s%9s: ", at ? "" : label, buf_str(&address));
		for (size_t i = 0; i < length; i++)
			buf_addf(&line, " %02x", p[at + i]);
		buf_addf(&line, "%*s%s", line.len < 56 ? (int)(56 - line.len) : 2, "", text);
		if (!at && *note)
			buf_addf(&line, "  ; %s", note);
		puts(buf_str(&line));
	}
	buf_release(&line);
	buf_release(&address);
}

static void describe_entry(const struct image *im, const struct image_entry *e, struct buf *out)
{
	static const char *const words[] = {
		[IMAGE_OUTSIDE] = "outside",
		[IMAGE_COUNTING] = "ours, for",
		[IMAGE_CODE] = "at",
		[IMAGE_TRAP] = "trap, at",
	};

	buf_clear(out);
	buf_addf(out, "%s ", words[e->where]);
	format_vaddr((int64_t)(im->texts[0].vaddr + e->original), out);
	if (e->where == IMAGE_TRAP) {
		buf_addstr(out, ", goes on at ");
		format_vaddr(im->stub_vaddr + e->resume, out);
	}
}

static void show_window(const struct disassembler *d, const struct image *im,
			const struct window *w)
{
	uint64_t vaddr = im->texts[0].vaddr + w->patch->start;
	const uint8_t *bytes = text_bytes(im, vaddr, w->patch->length);
	struct buf text = BUF_INIT;

	format_vaddr((int64_t)vaddr, &text);
	if (w->patch->n_insns)
		printf("%s: window of %u bytes, %u instruction%s\n", buf_str(&text),
		       w->patch->length, w->patch->n_insns, w->patch->n_insns == 1 ? "" : "s");
	else if (w->patch->intact)
		printf("%s: instruction of %u bytes, which traps\n", buf_str(&text),
		       w->patch->length);
	else
		printf("%s: branch of %u bytes, with another target\n", buf_str(&text),
		       w->patch->length);
	show_code(d, "original", im->kept + w->patch->kept, w->patch->length, (int64_t)vaddr, "");
	show_code(d, "patched", bytes, w->patch->length, (int64_t)vaddr, "");
	for (size_t i = w->first; i < w->after; i++) {
		const struct image_entry *e = &im->entries[i];

		if (e->where == IMAGE_OUTSIDE)
			continue;
		describe_entry(im, e, &text);
		show_code(d, i == w->first ? "stub" : "", im->stubs + e->stub,
			  entry_end(im, i) - e->stub, im->stub_vaddr + e->stub, buf_str(&text));
	}
	buf_release(&text);
}

static bool overlaps(int64_t a, int64_t a_end, int64_t b, int64_t b_end)
{
	return a < b_end && b < a_end;
}

size_t image_show(const struct image *im, int64_t start, int64_t end)
{
	struct window *windows = find_windows(im);
	struct disassembler d;
	size_t n = 0;

	disassembler_init(&d);
	for (size_t i = 0; i < im->n_patches && !ferror(stdout); i++) {
		const struct window *w = &windows[i];
		int64_t at = (int64_t)(im->texts[0].vaddr + w->patch->start);
		int64_t stub = 0, stub_end = 0;

		if (w->first < w->after) {
			stub = im->stub_vaddr + im->entries[w->first].stub;
			stub_end = im->stub_vaddr + (int64_t)entry_end(im, w->after - 1);
		}
		if (!overlaps(at, at + w->patch->length, start, end) &&
		    !overlaps(stub, stub_end, start, end))
			continue;
		show_window(&d, im, w);
		n++;
	}
	free(windows);
	return n;
}

/* --- checking --- */

struct mistakes {
	struct buf *why;
	size_t n;
};

static void mistake(struct mistakes *m, int64_t vaddr, const char *what)
{
	if (m->n++ >= MISTAKES_TOLD)
		return;
	format_vaddr(vaddr, m->why);
	buf_addf(m->why, ": %s\n", what);
}

/* Text with the patches hidden is the file's. Behind the end of the file there are zeros. */
static void check_text(const struct image *im, const struct image_text *t, const uint8_t *file,
		       size_t size, struct mistakes *m)
{
	uint8_t *hidden = xmalloc(t->size);

	memcpy(hidden, t->bytes, t->size);
	image_hide(im, t->vaddr, hidden, t->size);
	for (uint64_t i = 0; i < t->size; i++) {
		uint64_t at = t->file_offset + i;

		if (hidden[i] != (at < size ? file[at] : 0))
			mistake(m, (int64_t)(t->vaddr + i), "a byte is not the file's");
	}
	free(hidden);
}

/* Instructions of a stub fill its entries exactly. */
static void check_stub(const struct disassembler *d, const struct image *im, const struct window *w,
		       struct mistakes *m)
{
	for (size_t i = w->first; i < w->after; i++) {
		const struct image_entry *e = &im->entries[i];
		uint64_t at = e->stub, end = entry_end(im, i);

		while (at < end && e->where != IMAGE_OUTSIDE) {
			ZydisDecodedInstruction insn;

			if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(
				    &d->decoder, NULL, im->stubs + at, end - at, &insn))) {
				mistake(m, im->stub_vaddr + (int64_t)at,
					"an instruction of a stub cannot be decoded");
				break;
			}
			at += insn.length;
		}
		if (e->where == IMAGE_TRAP && im->stubs[e->stub] != 0xcc)
			mistake(m, im->stub_vaddr + e->stub, "a trap is no int3");
	}
}

/* Whether the tables say that the original at `vaddr` has a copy at `copy`. Of a jump nothing is
 * left in a stub: one point is the jump's and that of what follows. */
static bool is_copy(const struct image *im, int64_t copy, uint64_t vaddr)
{
	uint32_t stub = (uint32_t)(copy - im->stub_vaddr);

	for (size_t i = entry_before(im, stub); i < im->n_entries; i--) {
		if (im->entries[i].stub != stub)
			return false;
		if (im->entries[i].where == IMAGE_CODE &&
		    im->texts[0].vaddr + im->entries[i].original == vaddr)
			return true;
	}
	return false;
}

/* What the lookups say of a window's instructions. */
static void check_lookups(const struct disassembler *d, const struct image *im,
			  const struct window *w, struct mistakes *m)
{
	const uint8_t *kept = im->kept + w->patch->kept;
	uint64_t vaddr = im->texts[0].vaddr + w->patch->start;
	struct image_point p = image_find(im, (uint64_t)im->stub_vaddr + w->target);

	if (p.where == IMAGE_OUTSIDE)
		mistake(m, (int64_t)vaddr, "its stub is not in the tables");
	for (size_t at = 0, length; at < w->patch->length && w->patch->n_insns; at += length) {
		char text[128];
		int64_t copy = image_displaced(im, vaddr + at);

		length = disassemble(d, kept + at, w->patch->length - at, 0, text);
		if (!at)
			continue;
		if (!copy)
			mistake(m, (int64_t)(vaddr + at), "no displaced copy");
		else if (!is_copy(im, copy, vaddr + at))
			mistake(m, (int64_t)(vaddr + at), "its copy is not known as such");
	}
}

size_t image_check(const struct image *im, const uint8_t *file, size_t size, struct buf *why)
{
	struct window *windows = find_windows(im);
	struct mistakes m = {.why = why};
	struct disassembler d;

	disassembler_init(&d);
	for (size_t i = 0; i < im->n_texts; i++)
		check_text(im, &im->texts[i], file, size, &m);
	for (size_t i = 0; i < im->n_patches; i++) {
		int64_t vaddr = (int64_t)(im->texts[0].vaddr + windows[i].patch->start);

		if (windows[i].first >= windows[i].after) {
			mistake(&m, vaddr, "leads to no stub");
			continue;
		}
		check_stub(&d, im, &windows[i], &m);
		check_lookups(&d, im, &windows[i], &m);
	}
	free(windows);
	return m.n;
}
