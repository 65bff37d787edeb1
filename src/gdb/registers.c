/*
 * gdb's registers: the set that a CPU has, from the table, and reading and writing them.
 *
 * A component whose bit in XSTATE_BV is clear is in its initial state, whatever bytes the area has
 * (SDM vol. 1, 13.6). ftag is special: the area has a bit per register (empty or not), gdb wants
 * the x87's two.
 */
#include "gdb/registers.h"

#include "base/log.h"

#include <cpuid.h>

#define FTAG_OFFSET	 4
#define XSTATE_BV_OFFSET 512
#define XSAVE_HEADER_END 576
#define MXCSR_OFFSET	 24
#define FCTRL_INIT	 0x37f
#define MXCSR_INIT	 0x1f80

#define VEC128_TYPES                                                                         \
	"<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"                              \
	"<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"                              \
	"<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>"                                  \
	"<vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"                                  \
	"<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>"                                  \
	"<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>"                                  \
	"<union id=\"vec128\"><field name=\"v4_float\" type=\"v4f\"/>"                       \
	"<field name=\"v2_double\" type=\"v2d\"/><field name=\"v16_int8\" type=\"v16i8\"/>"  \
	"<field name=\"v8_int16\" type=\"v8i16\"/><field name=\"v4_int32\" type=\"v4i32\"/>" \
	"<field name=\"v2_int64\" type=\"v2i64\"/><field name=\"uint128\" type=\"uint128\"/></union>"

enum row_kind { ROW_FEATURE, ROW_TYPES, ROW_GENERAL, ROW_VECTOR };

struct row {
	enum row_kind kind;
	const char *name, *suffix; /* of a feature: name; of types: the XML */
	const char *type, *group;
	uint32_t needs;
	uint16_t first, count, bits, offset, stride, stored;
	enum xsave_component component;
};

static const struct row rows[] = {
#define FEATURE(name_, needs_) {.kind = ROW_FEATURE, .name = name_, .needs = needs_},
#define TYPES(xml_)	       {.kind = ROW_TYPES, .name = xml_},
#define GENERAL(name_, bits_, type_) \
	{.kind = ROW_GENERAL, .name = name_, .count = 1, .bits = bits_, .type = type_},
#define VECTOR(prefix_, suffix_, first_, count_, bits_, type_, group_, component_, offset_, \
	       stride_, stored_)                                                            \
	{.kind = ROW_VECTOR,                                                                \
	 .name = prefix_,                                                                   \
	 .suffix = suffix_,                                                                 \
	 .first = first_,                                                                   \
	 .count = count_,                                                                   \
	 .bits = bits_,                                                                     \
	 .type = type_,                                                                     \
	 .group = group_,                                                                   \
	 .component = component_,                                                           \
	 .offset = offset_,                                                                 \
	 .stride = stride_,                                                                 \
	 .stored = stored_},
#include "gdb/registers.def"
#undef FEATURE
#undef TYPES
#undef GENERAL
#undef VECTOR
};

/* --- the set --- */

/* Where component `c` is in an area that is not compacted (SDM vol. 1, 13.4.3). */
static uint32_t component_offset(enum xsave_component c, const struct trace_cpuid *cpuid, size_t n)
{
	uint32_t eax, ebx, ecx, edx;

	if (c <= XSAVE_SSE || c == XSAVE_MXCSR)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (cpuid[i].leaf == 0xd && cpuid[i].subleaf == (uint32_t)c && cpuid[i].eax)
			return cpuid[i].ebx;
	if (!__get_cpuid_count(0xd, c, &eax, &ebx, &ecx, &edx) || !eax)
		return 0;
	return ebx;
}

static const struct reg_desc *general_register(const char *name)
{
	size_t n;
	const struct reg_desc *table = reg_table(&n);

	for (size_t i = 0; i < n; i++)
		if (!strcmp(table[i].name, name))
			return &table[i];
	BUG("no register %s in regs.def", name);
}

static void add_register(struct register_set *set, const struct row *row, unsigned i, uint32_t base,
			 unsigned feature)
{
	struct gdb_register *r;

	set->v = xrealloc(set->v, (set->n + 1) * sizeof(*set->v));
	r = &set->v[set->n++];
	*r = (struct gdb_register){
		.type = row->type,
		.group = row->group,
		.size = row->bits / 8,
		.feature = feature,
		.component = -1,
	};
	set->size += r->size;
	if (row->suffix)
		snprintf(r->name, sizeof(r->name), "%s%u%s", row->name, row->first + i,
			 row->suffix);
	else
		snprintf(r->name, sizeof(r->name), "%s", row->name);
	if (row->kind == ROW_GENERAL) {
		r->offset = general_register(row->name)->offset;
		r->stored = r->size;
	} else {
		r->offset = base + row->offset + i * row->stride;
		r->stored = row->stored;
		r->component = (int8_t)row->component;
	}
}

static void describe_register(struct register_set *set, unsigned number)
{
	const struct gdb_register *r = &set->v[number];

	buf_addf(&set->xml, "<reg name=\"%s\" bitsize=\"%d\" type=\"%s\" regnum=\"%u\"", r->name,
		 r->size * 8, r->type, number);
	if (r->group)
		buf_addf(&set->xml, " group=\"%s\"", r->group);
	buf_addstr(&set->xml, "/>\n");
}

static void add_row(struct register_set *set, const struct row *row, unsigned feature,
		    const struct trace_cpuid *cpuid, size_t n_cpuid)
{
	uint32_t base = 0;

	if (row->kind == ROW_TYPES) {
		buf_addstr(&set->xml, row->name);
		return;
	}
	if (row->kind == ROW_VECTOR)
		base = component_offset(row->component, cpuid, n_cpuid);
	for (unsigned i = 0; i < row->count; i++) {
		add_register(set, row, i, base, feature);
		describe_register(set, set->n - 1);
	}
}

void register_set_init(struct register_set *set, uint64_t xcr0, const struct trace_cpuid *cpuid,
		       size_t n_cpuid)
{
	unsigned feature = 0;
	bool present = false;

	*set = (struct register_set){.n = 0};
	buf_addstr(&set->xml,
		   "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n"
		   "<target>\n<architecture>i386:x86-64</architecture>\n"
		   "<osabi>GNU/Linux</osabi>\n");
	for (const struct row *row = rows; row < rows + ARRAY_SIZE(rows); row++) {
		if (row->kind != ROW_FEATURE) {
			if (present)
				add_row(set, row, feature, cpuid, n_cpuid);
			continue;
		}
		if (present)
			buf_addstr(&set->xml, "</feature>\n");
		present = (xcr0 & row->needs) == row->needs;
		feature++;
		if (present)
			buf_addf(&set->xml, "<feature name=\"%s\">\n", row->name);
	}
	buf_addstr(&set->xml, present ? "</feature>\n</target>\n" : "</target>\n");
}

void register_set_release(struct register_set *set)
{
	free(set->v);
	buf_release(&set->xml);
	*set = (struct register_set){.n = 0};
}

/* --- values --- */

static uint64_t components_in_use(const struct register_values *values)
{
	uint64_t bits = 0;

	if (values->xsave.len >= XSAVE_HEADER_END)
		memcpy(&bits, values->xsave.data + XSTATE_BV_OFFSET, sizeof(bits));
	else if (values->xsave.len >= XSTATE_BV_OFFSET) /* an FXSAVE area */
		bits = 1 << XSAVE_X87 | 1 << XSAVE_SSE;
	return bits;
}

static bool in_use(const struct register_values *values, const struct gdb_register *r)
{
	uint64_t bits = components_in_use(values);

	if (r->component == XSAVE_MXCSR)
		return bits & (1 << XSAVE_SSE | 1 << XSAVE_AVX);
	return bits >> r->component & 1;
}

static bool is_ftag(const struct gdb_register *r)
{
	return r->component == XSAVE_X87 && r->offset == FTAG_OFFSET;
}

/* The two bits of a register that is not empty: valid, zero, or special (SDM vol. 1, 8.1.7). */
static unsigned tag_of(const uint8_t st[10])
{
	unsigned exponent = st[8] | (st[9] & 0x7f) << 8;
	uint64_t significand;

	memcpy(&significand, st, sizeof(significand));
	if (!exponent && !significand)
		return 1;
	if (!exponent || exponent == 0x7fff || !(significand >> 63))
		return 2;
	return 0;
}

static uint16_t expand_ftag(const uint8_t *fxsave)
{
	unsigned top = fxsave[3] >> 3 & 7;
	uint16_t tags = 0;

	for (unsigned i = 0; i < 8; i++) { /* bits are by physical register, the area by st(i) */
		const uint8_t *st = fxsave + 32 + ((i - top) & 7) * 16;
		unsigned tag = fxsave[FTAG_OFFSET] >> i & 1 ? tag_of(st) : 3;

		tags |= tag << 2 * i;
	}
	return tags;
}

static uint8_t abridge_ftag(const uint8_t *value)
{
	unsigned tags = value[0] | value[1] << 8;
	uint8_t bits = 0;

	for (unsigned i = 0; i < 8; i++)
		bits |= ((tags >> 2 * i & 3) != 3) << i;
	return bits;
}

/* The value in the initial state. */
static void initial_value(const struct gdb_register *r, uint8_t *out)
{
	const struct {
		enum xsave_component component;
		uint32_t offset, value;
	} specials[] = {
		{XSAVE_X87, 0, FCTRL_INIT},
		{XSAVE_X87, FTAG_OFFSET, UINT16_MAX},
		{XSAVE_MXCSR, MXCSR_OFFSET, MXCSR_INIT},
	};

	for (size_t i = 0; i < ARRAY_SIZE(specials); i++)
		if (specials[i].component == (enum xsave_component)r->component &&
		    specials[i].offset == r->offset)
			memcpy(out, &specials[i].value, sizeof(specials[i].value));
}

bool register_read(const struct register_set *set, unsigned number,
		   const struct register_values *values, uint8_t out[REGISTER_SIZE_MAX])
{
	const struct gdb_register *r;
	uint16_t tags;

	memset(out, 0, REGISTER_SIZE_MAX);
	if (number >= set->n)
		return false;
	r = &set->v[number];
	if (r->component < 0) {
		memcpy(out, (const char *)&values->regs + r->offset, r->stored);
		return true;
	}
	if (r->offset + r->stored > values->xsave.len)
		return false;
	if (!in_use(values, r)) {
		initial_value(r, out);
	} else if (is_ftag(r)) {
		tags = expand_ftag((const uint8_t *)values->xsave.data);
		memcpy(out, &tags, sizeof(tags));
	} else {
		memcpy(out, values->xsave.data + r->offset, r->stored);
	}
	return true;
}

/* Bring a component from its initial state, in which its bytes mean nothing, into use. */
static void bring_into_use(const struct register_set *set, struct register_values *values,
			   const struct gdb_register *r)
{
	int component = r->component == XSAVE_MXCSR ? XSAVE_SSE : r->component;
	uint64_t bits = components_in_use(values);
	uint8_t *area = (uint8_t *)values->xsave.data;

	if (bits >> component & 1)
		return;
	for (const struct gdb_register *other = set->v; other < set->v + set->n; other++) {
		uint8_t value[REGISTER_SIZE_MAX] = {0};

		if (other->component != component &&
		    !(component == XSAVE_SSE && other->component == XSAVE_MXCSR &&
		      !in_use(values, other)))
			continue;
		if (other->offset + other->stored > values->xsave.len)
			continue;
		initial_value(other, value);
		memcpy(area + other->offset, value, other->stored);
		if (is_ftag(other))
			area[FTAG_OFFSET] = abridge_ftag(value);
	}
	bits |= 1ULL << component;
	if (values->xsave.len >= XSAVE_HEADER_END)
		memcpy(area + XSTATE_BV_OFFSET, &bits, sizeof(bits));
}

bool register_write(const struct register_set *set, unsigned number, struct register_values *values,
		    const uint8_t *value)
{
	uint8_t *area = (uint8_t *)values->xsave.data;
	const struct gdb_register *r;

	if (number >= set->n)
		return false;
	r = &set->v[number];
	if (r->component < 0) {
		memset((char *)&values->regs + r->offset, 0, sizeof(uint64_t));
		memcpy((char *)&values->regs + r->offset, value, r->stored);
		return true;
	}
	if (r->offset + r->stored > values->xsave.len)
		return false;
	bring_into_use(set, values, r);
	if (is_ftag(r))
		area[FTAG_OFFSET] = abridge_ftag(value);
	else
		memcpy(area + r->offset, value, r->stored);
	return true;
}
