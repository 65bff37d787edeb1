/*
 * .eh_frame and LSDAs.
 *
 * Found through section headers, which know its size, or else through PT_GNU_EH_FRAME, and then it
 * ends at its terminator. An entry that makes no sense is skipped; only a length that leaves the
 * section ends the reading, as it does in an unwinder.
 */
#include "image/eh_frame.h"

#include <errno.h>

/* DW_EH_PE_*: the low half is the format, then what the value counts from. */
#define PE_OMIT	    0xff
#define PE_FORMAT   0x0f
#define PE_BASE	    0x70
#define PE_INDIRECT 0x80

enum {
	PE_ABSPTR = 0,
	PE_ULEB128 = 1,
	PE_UDATA2 = 2,
	PE_UDATA4 = 3,
	PE_UDATA8 = 4,
	PE_SIGNED = 8,
	PE_SLEB128 = 9,
	PE_SDATA2 = 10,
	PE_SDATA4 = 11,
	PE_SDATA8 = 12
};

#define PE_PCREL     0x10
#define MAX_AUG_LEN  8 /* "zPLRSB"; a longer string is none that we know */
#define CIE_EH_EXTRA 8

static struct cursor cursor_of(struct elf_span s, uint64_t from, uint64_t to)
{
	return (struct cursor){s.p + from, s.p + to, s.vaddr + from, false};
}

static uint64_t take_format(struct cursor *c, uint8_t encoding)
{
	switch (encoding & PE_FORMAT) {
	case PE_ABSPTR:
	case PE_SIGNED:
	case PE_UDATA8:
	case PE_SDATA8:
		return cursor_u64(c);
	case PE_UDATA4:
		return cursor_u32(c);
	case PE_SDATA4:
		return (int64_t)(int32_t)cursor_u32(c);
	case PE_UDATA2:
		return cursor_u16(c);
	case PE_SDATA2:
		return (uint64_t)(int64_t)(int16_t)cursor_u16(c);
	case PE_ULEB128:
		return cursor_leb128(c, false);
	case PE_SLEB128:
		return cursor_leb128(c, true);
	default:
		c->bad = true;
		return 0;
	}
}

/* An address; 0 stands for none, whatever it counts from. */
static uint64_t take_pointer(struct cursor *c, uint8_t encoding)
{
	uint64_t place = c->at;
	uint64_t v = take_format(c, encoding);

	if (encoding & PE_INDIRECT)
		c->bad = true;
	if ((encoding & PE_BASE) == PE_PCREL)
		return v ? v + place : 0;
	if (encoding & PE_BASE)
		c->bad = true;
	return v;
}

/* Skip what take_pointer() would refuse, too. */
static void skip_pointer(struct cursor *c, uint8_t encoding)
{
	if (encoding != PE_OMIT)
		take_format(c, encoding);
}

/* The letters behind `z`. */
static void read_augmentation(struct eh_cie *cie, struct cursor *c, const char *letters)
{
	struct cursor data = *c;
	uint64_t n = cursor_leb128(&data, false);

	if (data.bad || n > cursor_left(&data))
		return;
	data.end = data.p + n;
	for (; *letters; letters++) {
		switch (*letters) {
		case 'L':
			cie->lsda_encoding = cursor_u8(&data);
			break;
		case 'P':
			skip_pointer(&data, cursor_u8(&data));
			break;
		case 'R':
			cie->fde_encoding = cursor_u8(&data);
			break;
		case 'S':
			cie->signal_frame = true;
			break;
		case 'B': /* pointer authentication */
			break;
		default:
			return;
		}
	}
	cie->sound = !data.bad;
}

static void read_cie(struct eh_cie *cie, struct cursor *c)
{
	const char *letters;
	uint8_t version;
	size_t n = 0;

	*cie = (struct eh_cie){.offset = cie->offset, .lsda_encoding = PE_OMIT};
	version = cursor_u8(c);
	letters = (const char *)c->p;
	while (cursor_u8(c))
		if (++n > MAX_AUG_LEN)
			return;
	if (c->bad || (version != 1 && version != 3 && version != 4))
		return;
	if (strncmp(letters, "eh", 2) == 0) { /* gcc 2.x: a pointer follows */
		cursor_take(c, CIE_EH_EXTRA);
		letters += 2;
	}
	if (version == 4 && (cursor_u8(c) != 8 || cursor_u8(c) != 0))
		return;
	cursor_leb128(c, false); /* code and data alignment, return address */
	cursor_leb128(c, true);
	if (version == 1)
		cursor_u8(c);
	else
		cursor_leb128(c, false);
	if (c->bad)
		return;
	if (*letters == 'z') {
		cie->augmented = true;
		read_augmentation(cie, c, letters + 1);
	} else {
		cie->sound = *letters == 0;
	}
}

/* The entry at `at`: a cursor behind its length field. false at the section's end. */
static bool open_entry(const struct elf_span *s, uint64_t at, struct cursor *c, uint64_t *next)
{
	uint64_t length, head = 4;

	if (at > s->n || s->n - at < 4)
		return false;
	length = load32(s->p + at);
	if (length == UINT32_MAX) {
		if (s->n - at < 12)
			return false;
		length = load64(s->p + at + 4);
		head = 12;
	}
	if (length > s->n - at - head)
		return false;
	*next = at + head + length;
	*c = cursor_of(*s, at + head, *next);
	return true;
}

static const struct eh_cie *find_cie(struct eh_frames *it, uint64_t offset)
{
	struct cursor c;
	uint64_t next;

	if (it->cie.offset == offset)
		return &it->cie;
	it->cie = (struct eh_cie){.offset = offset};
	if (open_entry(&it->span, offset, &c, &next) && cursor_u32(&c) == 0 && !c.bad)
		read_cie(&it->cie, &c);
	return &it->cie;
}

/* `c` is behind the pointer to the CIE, which is at `id_at`. */
static bool read_fde(struct eh_frames *it, struct cursor *c, uint64_t id_at, uint32_t id,
		     struct eh_fde *fde)
{
	const struct eh_cie *cie;
	const struct elf_segment *text;
	uint64_t size;

	if (id > id_at)
		return false;
	cie = find_cie(it, id_at - id);
	if (!cie->sound)
		return false;
	*fde = (struct eh_fde){.signal_frame = cie->signal_frame};
	fde->start = take_pointer(c, cie->fde_encoding);
	size = take_format(c, cie->fde_encoding);
	if (c->bad || size == 0)
		return false;
	text = elf_text(it->f, fde->start);
	if (!text || size > text->file_size - (fde->start - text->vaddr))
		return false;
	fde->end = fde->start + size;
	if (cie->augmented && cie->lsda_encoding != PE_OMIT) {
		cursor_leb128(c, false);
		fde->lsda = take_pointer(c, cie->lsda_encoding);
		if (c->bad)
			fde->lsda = UINT64_MAX; /* there is one, but where? */
	}
	return true;
}

static bool next_section(struct eh_frames *it)
{
	struct elf_section s;

	while (it->section < it->f->n_sections) {
		if (!elf_section(it->f, it->section++, &s) || strcmp(s.name, ".eh_frame") ||
		    !elf_section_is_loaded(it->f, &s))
			continue;
		if (s.span.n > it->budget) {
			it->error = -ENOEXEC;
			return false;
		}
		it->budget -= s.span.n;
		it->span = s.span;
		return true;
	}
	return false;
}

/* .eh_frame as .eh_frame_hdr points to it. */
static bool find_by_header(struct eh_frames *it)
{
	struct elf_span s = {.vaddr = it->f->eh_frame_hdr};
	struct cursor c;
	uint64_t vaddr;

	s.p = elf_rest(it->f, s.vaddr, &s.n);
	if (!s.p || s.n < 4 || s.p[0] != 1)
		return false;
	c = cursor_of(s, 4, s.n);
	vaddr = take_pointer(&c, s.p[1]);
	if (c.bad)
		return false;
	it->span.vaddr = vaddr;
	it->span.p = elf_rest(it->f, vaddr, &it->span.n);
	it->terminated = true;
	return it->span.p;
}

static bool next_span(struct eh_frames *it)
{
	bool found = next_section(it);

	if (!found && !it->any && !it->error && it->f->eh_frame_hdr)
		found = find_by_header(it);
	it->any = true;
	it->at = 0;
	it->cie.offset = UINT64_MAX;
	return found;
}

void eh_frames_init(struct eh_frames *it, const struct elf_file *f)
{
	*it = (struct eh_frames){.f = f, .budget = f->size};
}

bool eh_frames_next(struct eh_frames *it, struct eh_fde *fde)
{
	struct cursor c;
	uint64_t next, id_at;
	uint32_t id;

	for (;;) {
		if (!open_entry(&it->span, it->at, &c, &next)) {
			if (!next_span(it))
				return false;
			continue;
		}
		if (c.p == c.end && it->terminated) {
			it->at = it->span.n;
			continue;
		}
		it->at = next;
		id_at = c.p - it->span.p;
		id = cursor_u32(&c);
		if (!c.bad && id && read_fde(it, &c, id_at, id, fde))
			return true;
	}
}

static int read_call_sites(struct cursor *c, uint8_t encoding, uint64_t base, struct code_bits *out)
{
	while (c->p < c->end) {
		uint64_t pad;

		take_format(c, encoding); /* start, length */
		take_format(c, encoding);
		pad = take_format(c, encoding);
		cursor_leb128(c, false); /* action */
		if (c->bad)
			return -EINVAL;
		if (pad)
			code_bits_set(out, base + pad);
	}
	return 0;
}

int eh_landing_pads(const struct elf_file *f, const struct eh_fde *fde, struct code_bits *out,
		    uint64_t *budget)
{
	struct elf_span s = {.vaddr = fde->lsda};
	uint64_t base = fde->start, n;
	struct cursor c;
	uint8_t encoding;

	s.p = elf_rest(f, s.vaddr, &s.n);
	if (!s.p)
		return -EINVAL;
	c = cursor_of(s, 0, s.n);
	encoding = cursor_u8(&c); /* where landing pads count from: the function */
	if (encoding != PE_OMIT)
		base = take_pointer(&c, encoding);
	encoding = cursor_u8(&c); /* types */
	if (encoding != PE_OMIT)
		cursor_leb128(&c, false);
	encoding = cursor_u8(&c); /* call sites */
	n = cursor_leb128(&c, false);
	if (c.bad || (encoding & ~PE_FORMAT) || n > cursor_left(&c))
		return -EINVAL;
	if (n > *budget)
		return -ENOEXEC;
	*budget -= n;
	c.end = c.p + n;
	return read_call_sites(&c, encoding, base, out);
}
