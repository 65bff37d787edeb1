/*
 * Names of source files out of DWARF. Each unit in .debug_info begins with an entry that tells its
 * own name, the directory of the compilation and where its line table is; the head of that table
 * has the other files. Nothing else of either is read. Numbers are those of the DWARF 5 standard,
 * sections 7.5 to 7.7; forms of GNU's are skipped, as are files of which only a supplementary
 * object (dwz) has the name.
 */
#include "cli/dwarf.h"

#include "base/buf.h"
#include "base/cursor.h"

const char *const dwarf_section_names[N_DWARF_SECTIONS] = {
	[DWARF_INFO] = ".debug_info",	      [DWARF_ABBREV] = ".debug_abbrev",
	[DWARF_LINE] = ".debug_line",	      [DWARF_STR] = ".debug_str",
	[DWARF_LINE_STR] = ".debug_line_str", [DWARF_STR_OFFSETS] = ".debug_str_offsets",
};

enum { /* attributes */
       AT_NAME = 0x03,
       AT_STMT_LIST = 0x10,
       AT_COMP_DIR = 0x1b,
       AT_STR_OFFSETS_BASE = 0x72,
};

enum { /* unit types */
       UT_TYPE = 2,
       UT_SKELETON = 4,
       UT_SPLIT_COMPILE = 5,
       UT_SPLIT_TYPE = 6,
};

enum { /* contents of an entry of the line table's lists */
       LNCT_PATH = 1,
       LNCT_DIRECTORY_INDEX = 2,
};

/* How the value of a form is read. */
enum encoding {
	ENC_UNKNOWN,
	ENC_NOTHING, /* the form itself says it */
	ENC_1,
	ENC_2,
	ENC_3,
	ENC_4,
	ENC_8,
	ENC_16,
	ENC_LEB,
	ENC_OFFSET,
	ENC_ADDRESS,
	ENC_REF_ADDR,
	ENC_STRING,
	ENC_BLOCK1,
	ENC_BLOCK2,
	ENC_BLOCK4,
	ENC_BLOCK,
};

/* What a string's value means. */
enum string_kind {
	STRING_NONE,
	STRING_INLINE,
	STRING_STR,
	STRING_LINE_STR,
	STRING_INDEX,
};

enum {
	FORM_INDIRECT = 0x16,
	FORM_IMPLICIT_CONST = 0x21,
};

static const struct form {
	uint16_t number;
	uint8_t encoding, string;
} forms[] = {
#define FORM(number, encoding, string) {number, ENC_##encoding, STRING_##string},
#include "cli/dwarf_forms.def"
#undef FORM
};

struct unit {
	const struct dwarf *d;
	uint16_t version;
	uint8_t offset_size, address_size;
	uint64_t str_offsets; /* where its part of .debug_str_offsets begins */
};

struct value {
	const struct form *form;
	uint64_t n;
	const char *text; /* STRING_INLINE */
};

static struct cursor section_at(const struct dwarf *d, enum dwarf_section which, uint64_t offset)
{
	const struct dwarf_bytes *s = &d->sections[which];
	struct cursor c = {.p = s->p, .end = s->p + s->n};

	cursor_take(&c, offset);
	return c;
}

static uint64_t take_offset(const struct unit *u, struct cursor *c)
{
	return u->offset_size == 8 ? cursor_u64(c) : cursor_u32(c);
}

/* A unit's length; the cursor ends with it, and *next is what follows. */
static void take_length(struct unit *u, struct cursor *c, struct cursor *next)
{
	uint64_t length = cursor_u32(c);

	u->offset_size = 4;
	if (length == UINT32_MAX) {
		u->offset_size = 8;
		length = cursor_u64(c);
	}
	*next = *c;
	cursor_take(next, length);
	c->bad |= next->bad;
	c->end = next->p;
}

/* --- values --- */

static const struct form *find_form(uint64_t number)
{
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		if (forms[i].number == number)
			return &forms[i];
	}
	return NULL;
}

static uint64_t take_encoded(const struct unit *u, struct cursor *c, enum encoding encoding)
{
	uint64_t v = 0;

	switch (encoding) {
	case ENC_NOTHING:
		break;
	case ENC_1:
		return cursor_u8(c);
	case ENC_2:
		return cursor_u16(c);
	case ENC_3:
		v = cursor_u16(c);
		return v | (uint64_t)cursor_u8(c) << 16;
	case ENC_4:
		return cursor_u32(c);
	case ENC_8:
		return cursor_u64(c);
	case ENC_16:
		cursor_take(c, 16);
		break;
	case ENC_LEB:
		return cursor_leb128(c, false);
	case ENC_OFFSET:
		return take_offset(u, c);
	case ENC_ADDRESS:
		cursor_take(c, u->address_size);
		break;
	case ENC_REF_ADDR: /* an address in DWARF 2 */
		cursor_take(c, u->version == 2 ? u->address_size : u->offset_size);
		break;
	case ENC_BLOCK1:
		cursor_take(c, cursor_u8(c));
		break;
	case ENC_BLOCK2:
		cursor_take(c, cursor_u16(c));
		break;
	case ENC_BLOCK4:
		cursor_take(c, cursor_u32(c));
		break;
	case ENC_BLOCK:
		cursor_take(c, cursor_leb128(c, false));
		break;
	case ENC_STRING:
	case ENC_UNKNOWN:
		c->bad = true;
	}
	return v;
}

static struct value take_value(const struct unit *u, struct cursor *c, uint64_t form)
{
	struct value v = {.n = 0};

	if (form == FORM_INDIRECT)
		form = cursor_leb128(c, false);
	v.form = find_form(form);
	if (!v.form)
		c->bad = true;
	else if (v.form->encoding == ENC_STRING)
		v.text = cursor_string(c);
	else
		v.n = take_encoded(u, c, (enum encoding)v.form->encoding);
	return v;
}

/* NULL if it is none, or lies elsewhere. */
static const char *string_of(const struct unit *u, const struct value *v)
{
	enum dwarf_section section = DWARF_STR;
	uint64_t offset = v->n;
	struct cursor c;
	const char *s;

	if (!v->form)
		return NULL;
	switch ((enum string_kind)v->form->string) {
	case STRING_NONE:
		return NULL;
	case STRING_INLINE:
		return v->text;
	case STRING_STR:
		break;
	case STRING_LINE_STR:
		section = DWARF_LINE_STR;
		break;
	case STRING_INDEX:
		if (v->n > UINT32_MAX)
			return NULL;
		c = section_at(u->d, DWARF_STR_OFFSETS, u->str_offsets + v->n * u->offset_size);
		offset = take_offset(u, &c);
		if (c.bad)
			return NULL;
	}
	c = section_at(u->d, section, offset);
	s = cursor_string(&c);
	return c.bad ? NULL : s;
}

/* --- the entry of a unit --- */

struct unit_entry {
	struct value name, comp_dir, stmt_list;
};

/* A cursor on the attributes of declaration `code` in the unit's abbreviations. */
static struct cursor find_abbreviation(const struct unit *u, uint64_t offset, uint64_t code)
{
	struct cursor c = section_at(u->d, DWARF_ABBREV, offset);

	while (!c.bad) {
		uint64_t found = cursor_leb128(&c, false), attribute, form;

		cursor_leb128(&c, false); /* tag */
		cursor_u8(&c);		  /* whether it has children */
		if (found == code)
			break;
		if (!found)
			c.bad = true;
		do {
			attribute = cursor_leb128(&c, false);
			form = cursor_leb128(&c, false);
			if (form == FORM_IMPLICIT_CONST)
				cursor_leb128(&c, true);
		} while (!c.bad && (attribute || form));
	}
	return c;
}

static bool read_entry(struct unit *u, struct cursor *c, uint64_t abbreviations,
		       struct unit_entry *e)
{
	uint64_t code = cursor_leb128(c, false);
	struct cursor a = find_abbreviation(u, abbreviations, code);

	*e = (struct unit_entry){.name = {0}};
	while (code && !a.bad && !c->bad) {
		uint64_t attribute = cursor_leb128(&a, false), form = cursor_leb128(&a, false);
		struct value v;

		if (!attribute && !form)
			return true;
		if (form == FORM_IMPLICIT_CONST)
			cursor_leb128(&a, true);
		v = take_value(u, c, form);
		switch (attribute) {
		case AT_NAME:
			e->name = v;
			break;
		case AT_COMP_DIR:
			e->comp_dir = v;
			break;
		case AT_STMT_LIST:
			e->stmt_list = v;
			break;
		case AT_STR_OFFSETS_BASE:
			u->str_offsets = v.n;
			break;
		}
	}
	return false;
}

/* The head of a unit; false if it is none with source files. */
static bool read_unit_head(struct unit *u, struct cursor *c, uint64_t *abbreviations)
{
	uint8_t type = 0;

	u->version = cursor_u16(c);
	if (u->version < 2 || u->version > 5)
		return false;
	if (u->version == 5) {
		type = cursor_u8(c);
		u->address_size = cursor_u8(c);
	}
	*abbreviations = take_offset(u, c);
	if (u->version < 5)
		u->address_size = cursor_u8(c);
	if (type == UT_SKELETON || type == UT_SPLIT_COMPILE)
		cursor_u64(c); /* of the split file */
	return !c->bad && type != UT_TYPE && type != UT_SPLIT_TYPE;
}

/* --- paths --- */

struct sources {
	struct unit u; /* of the line table */
	dwarf_source_fn fn;
	void *ctx;
	const char *comp_dir; /* NULL: not known */
	const char **dirs;
	size_t n_dirs;
	struct buf path;
};

/* Each of them counts from the one before it. */
static void found(struct sources *s, const char *comp_dir, const char *dir, const char *name)
{
	const char *const parts[] = {comp_dir, dir, name};
	size_t first = ARRAY_SIZE(parts) - 1;

	/* Compilers name what has no file "<built-in>" and such. */
	if (!name || !*name || *name == '<')
		return;
	while (first && (!parts[first] || parts[first][0] != '/'))
		first--;
	buf_clear(&s->path);
	for (size_t i = first; i < ARRAY_SIZE(parts); i++) {
		const char *p = parts[i];

		while (p && p[0] == '.' && p[1] == '/')
			p += 2;
		if (!p || !*p || !strcmp(p, "."))
			continue;
		if (s->path.len && s->path.data[s->path.len - 1] != '/')
			buf_addch(&s->path, '/');
		buf_addstr(&s->path, p);
	}
	s->fn(s->ctx, buf_str(&s->path));
}

static void add_dir(struct sources *s, const char *dir)
{
	/* The count is a power of two whenever the array is full. */
	if (!(s->n_dirs & (s->n_dirs - 1)))
		s->dirs = xrealloc(s->dirs, (s->n_dirs ? 2 * s->n_dirs : 1) * sizeof(*s->dirs));
	s->dirs[s->n_dirs++] = dir;
}

/* A file of the table: directory 0 is that of the compilation. */
static void found_file(struct sources *s, uint64_t dir, const char *name)
{
	if (dir < s->n_dirs)
		found(s, s->comp_dir, dir ? s->dirs[dir] : NULL, name);
}

/* --- the head of a line table --- */

/* Before DWARF 5: lists that end with an empty string. */
static void read_old_lists(struct sources *s, struct cursor *c)
{
	const char *text;

	add_dir(s, s->comp_dir);
	while (*(text = cursor_string(c)))
		add_dir(s, text);
	while (*(text = cursor_string(c))) {
		uint64_t dir = cursor_leb128(c, false);

		cursor_leb128(c, false); /* time, size */
		cursor_leb128(c, false);
		found_file(s, dir, text);
	}
}

#define MAX_FORMATS 32

/* A list of entries that says first what an entry consists of. */
static void read_list(struct sources *s, struct cursor *c, bool files)
{
	struct {
		uint64_t content, form;
	} format[MAX_FORMATS];
	uint8_t n_formats = cursor_u8(c);
	uint64_t count;

	if (n_formats > MAX_FORMATS) {
		c->bad = true;
		return;
	}
	for (uint8_t i = 0; i < n_formats; i++) {
		format[i].content = cursor_leb128(c, false);
		format[i].form = cursor_leb128(c, false);
	}
	count = cursor_leb128(c, false);
	for (uint64_t i = 0; i < count; i++) {
		const uint8_t *start = c->p;
		const char *name = NULL;
		uint64_t dir = 0;

		for (uint8_t k = 0; k < n_formats; k++) {
			struct value v = take_value(&s->u, c, format[k].form);

			if (format[k].content == LNCT_PATH)
				name = string_of(&s->u, &v);
			else if (format[k].content == LNCT_DIRECTORY_INDEX)
				dir = v.n;
		}
		/* An entry without bytes would be a list without end. */
		if (c->bad || c->p == start)
			return;
		if (files)
			found_file(s, dir, name);
		else
			add_dir(s, name);
	}
}

static void read_lists(struct sources *s, struct cursor *c)
{
	read_list(s, c, false);
	if (s->n_dirs && s->dirs[0] && (s->dirs[0][0] == '/' || !s->comp_dir))
		s->comp_dir = s->dirs[0];
	if (!c->bad)
		read_list(s, c, true);
}

static void read_line_table(struct sources *s, const struct unit *owner, uint64_t offset)
{
	struct cursor c = section_at(owner->d, DWARF_LINE, offset), next;
	struct unit *u = &s->u;
	uint8_t opcode_base;

	*u = *owner;
	take_length(u, &c, &next);
	u->version = cursor_u16(&c);
	if (c.bad || u->version < 2 || u->version > 5)
		return;
	if (u->version == 5) {
		u->address_size = cursor_u8(&c);
		cursor_u8(&c); /* segment selectors */
	}
	take_offset(u, &c);			  /* length of the head */
	cursor_take(&c, u->version >= 4 ? 5 : 4); /* of the line program */
	opcode_base = cursor_u8(&c);
	cursor_take(&c, opcode_base ? opcode_base - 1U : 0);
	if (c.bad)
		return;
	if (u->version == 5)
		read_lists(s, &c);
	else
		read_old_lists(s, &c);
}

static void read_unit(struct sources *s, const struct unit *u, const struct unit_entry *e)
{
	s->n_dirs = 0;
	s->comp_dir = string_of(u, &e->comp_dir);
	found(s, s->comp_dir, NULL, string_of(u, &e->name));
	if (e->stmt_list.form)
		read_line_table(s, u, e->stmt_list.n);
	free(s->dirs);
	s->dirs = NULL;
}

size_t dwarf_sources(const struct dwarf *d, dwarf_source_fn fn, void *ctx)
{
	struct sources s = {.fn = fn, .ctx = ctx, .path = BUF_INIT};
	struct cursor next = section_at(d, DWARF_INFO, 0);
	size_t n = 0;

	while (!next.bad && cursor_left(&next)) {
		struct unit u = {.d = d};
		struct cursor c = next;
		struct unit_entry e;
		uint64_t abbreviations;

		take_length(&u, &c, &next);
		/* Behind the head of its part, if nothing else is said (as in split files). */
		u.str_offsets = u.offset_size == 8 ? 16 : 8;
		if (next.bad || !read_unit_head(&u, &c, &abbreviations) ||
		    !read_entry(&u, &c, abbreviations, &e))
			continue;
		read_unit(&s, &u, &e);
		n++;
	}
	buf_release(&s.path);
	return n;
}
