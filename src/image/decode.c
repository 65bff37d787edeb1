/*
 * Decoding: every function is swept once from its first byte to its last, and what the rest needs
 * of an instruction is kept in 16 bytes of ours. Zydis decodes without operands, which costs a
 * third of decoding with them.
 *
 * Only what is proven relocatable is marked INSN_MOVABLE: no call (return addresses stay original),
 * nothing that enters the kernel, nothing that the tracer emulates at its address, and no
 * instruction whose meaning hangs on its address other than by a plain rip-relative operand.
 */
#include "image/code.h"

#include "base/search.h"
#include "mem/insn_site.h"

#include <Zydis/Zydis.h>

#include <errno.h>

static uint8_t our_flags(ZydisAccessedFlagsMask m)
{
	return (m & ZYDIS_CPUFLAG_CF ? FLAG_CF : 0) | (m & ZYDIS_CPUFLAG_PF ? FLAG_PF : 0) |
	       (m & ZYDIS_CPUFLAG_AF ? FLAG_AF : 0) | (m & ZYDIS_CPUFLAG_ZF ? FLAG_ZF : 0) |
	       (m & ZYDIS_CPUFLAG_SF ? FLAG_SF : 0) | (m & ZYDIS_CPUFLAG_OF ? FLAG_OF : 0);
}

/* Shifts by zero and repeated string instructions with a count of zero leave the flags alone. */
static bool may_leave_flags(const ZydisDecodedInstruction *z)
{
	if (z->attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE))
		return true;
	switch (z->mnemonic) {
	case ZYDIS_MNEMONIC_SHL:
	case ZYDIS_MNEMONIC_SHR:
	case ZYDIS_MNEMONIC_SAR:
	case ZYDIS_MNEMONIC_ROL:
	case ZYDIS_MNEMONIC_ROR:
	case ZYDIS_MNEMONIC_RCL:
	case ZYDIS_MNEMONIC_RCR:
	case ZYDIS_MNEMONIC_SHLD:
	case ZYDIS_MNEMONIC_SHRD:
		/* D0, D1: by one. An immediate count is taken modulo 32 or 64. */
		if (z->opcode == 0xd0 || z->opcode == 0xd1)
			return false;
		if (z->raw.imm[0].size)
			return !(z->raw.imm[0].value.u & (z->operand_width == 64 ? 63 : 31));
		return true;
	default:
		return false;
	}
}

/*
 * What the manual calls undefined is no use to a program. But some of it is left as it was by some
 * processors (bsf, mul, div), and then what we leave there would be seen: only for shifts and
 * logic, where all of them write it, it counts as written.
 */
static bool writes_undefined(const ZydisDecodedInstruction *z)
{
	switch (z->mnemonic) {
	case ZYDIS_MNEMONIC_AND:
	case ZYDIS_MNEMONIC_OR:
	case ZYDIS_MNEMONIC_XOR:
	case ZYDIS_MNEMONIC_TEST:
	case ZYDIS_MNEMONIC_SHL:
	case ZYDIS_MNEMONIC_SHR:
	case ZYDIS_MNEMONIC_SAR:
		return true;
	default:
		return false;
	}
}

static void set_flags(struct insn *i, const ZydisDecodedInstruction *z)
{
	const ZydisAccessedFlags *f = z->cpu_flags;

	if (is_syscall(i)) /* keeps them; what r11 shows of them is nothing to the program */
		return;
	if (i->kind == INSN_SYSCALL || i->kind == INSN_END) {
		i->reads = FLAGS_ALL; /* shown to the kernel, or to a signal handler */
		return;
	}
	if (!f)
		return;
	i->reads = our_flags(f->tested);
	if (may_leave_flags(z))
		return;
	i->writes = our_flags(f->modified | f->set_0 | f->set_1);
	if (writes_undefined(z))
		i->writes |= our_flags(f->undefined);
}

/* Not to be run anywhere else than where it is. */
static bool has_to_stay(const ZydisDecodedInstruction *z)
{
	switch (z->mnemonic) {
	case ZYDIS_MNEMONIC_ENDBR64:
	case ZYDIS_MNEMONIC_ENDBR32:
	case ZYDIS_MNEMONIC_XBEGIN:
	case ZYDIS_MNEMONIC_XEND:
	case ZYDIS_MNEMONIC_XABORT:
	case ZYDIS_MNEMONIC_RDTSC:
	case ZYDIS_MNEMONIC_RDTSCP:
	case ZYDIS_MNEMONIC_CPUID:
	case ZYDIS_MNEMONIC_RDRAND:
	case ZYDIS_MNEMONIC_RDSEED:
	case ZYDIS_MNEMONIC_XGETBV:
	case ZYDIS_MNEMONIC_XSAVE:
	case ZYDIS_MNEMONIC_XSAVEC:
	case ZYDIS_MNEMONIC_IRET:
	case ZYDIS_MNEMONIC_IRETD:
	case ZYDIS_MNEMONIC_IRETQ:
	case ZYDIS_MNEMONIC_UIRET:
	case ZYDIS_MNEMONIC_SENDUIPI:
		return true;
	default:
		return z->meta.category == ZYDIS_CATEGORY_SYSTEM;
	}
}

/* xsave or xsavec DISTANCE(%rsp), as dynamic loaders make it when they bind a function at its first
 * call. */
static bool is_at_stack_pointer(const ZydisDecodedInstruction *z)
{
	return z->length == (z->raw.modrm.mod == 1 ? 5 : 8) && z->raw.modrm.rm == 4 &&
	       z->raw.modrm.mod != 0 && z->raw.sib.base == 4 && z->raw.sib.index == 4;
}

static enum insn_site_kind site_of(const ZydisDecodedInstruction *z)
{
	switch (z->mnemonic) {
	case ZYDIS_MNEMONIC_RDTSC:
		return SITE_RDTSC;
	case ZYDIS_MNEMONIC_RDTSCP:
		return SITE_RDTSCP;
	case ZYDIS_MNEMONIC_CPUID:
		return SITE_CPUID;
	case ZYDIS_MNEMONIC_RDRAND:
		return SITE_RDRAND;
	case ZYDIS_MNEMONIC_RDSEED:
		return SITE_RDSEED;
	case ZYDIS_MNEMONIC_XGETBV:
		return SITE_XGETBV;
	case ZYDIS_MNEMONIC_XBEGIN:
		return z->raw.imm[0].size == 32 ? SITE_XBEGIN : SITE_NONE;
	case ZYDIS_MNEMONIC_XSAVE:
	case ZYDIS_MNEMONIC_XSAVEC:
		return is_at_stack_pointer(z) ? SITE_XSAVE : SITE_NONE;
	default:
		return SITE_NONE;
	}
}

static enum insn_kind kind_of(const ZydisDecodedInstruction *z)
{
	switch (z->meta.category) {
	case ZYDIS_CATEGORY_COND_BR:
		if (z->mnemonic == ZYDIS_MNEMONIC_XBEGIN)
			return INSN_PLAIN;
		return z->opcode >= 0xe0 && z->opcode <= 0xe3 &&
				       z->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT
			       ? INSN_LOOP
			       : INSN_JCC;
	case ZYDIS_CATEGORY_UNCOND_BR:
		return z->raw.imm[0].is_relative ? INSN_JMP : INSN_JMP_INDIRECT;
	case ZYDIS_CATEGORY_CALL:
		return z->raw.imm[0].is_relative ? INSN_CALL : INSN_CALL_INDIRECT;
	case ZYDIS_CATEGORY_RET:
		return INSN_RET;
	case ZYDIS_CATEGORY_SYSCALL:
	case ZYDIS_CATEGORY_SYSRET:
	case ZYDIS_CATEGORY_INTERRUPT:
		return INSN_SYSCALL;
	default:
		if (z->mnemonic == ZYDIS_MNEMONIC_UD2 || z->mnemonic == ZYDIS_MNEMONIC_UD1 ||
		    z->mnemonic == ZYDIS_MNEMONIC_UD0 || z->mnemonic == ZYDIS_MNEMONIC_HLT)
			return INSN_END;
		return INSN_PLAIN;
	}
}

static bool is_text(const struct code *c, uint64_t vaddr)
{
	return vaddr - c->base < c->size;
}

void code_note_target(struct code *c, uint64_t vaddr, bool named)
{
	code_bits_set(&c->targets, vaddr);
	if (named)
		code_bits_set(&c->named, vaddr);
}

/* Of direct branches, calls and xbegin. */
static uint32_t target_of(const struct code *c, const struct insn *i,
			  const ZydisDecodedInstruction *z)
{
	uint64_t to = code_vaddr(c, i->at) + i->length + z->raw.imm[0].value.u;

	return is_text(c, to) ? (uint32_t)(to - c->base) : NOWHERE;
}

static void describe_branch(const struct code *c, struct insn *i, const ZydisDecodedInstruction *z)
{
	i->target = target_of(c, i, z);
	if (z->raw.imm[0].size == 32 && z->raw.imm[0].offset + 4 == i->length)
		i->props |= INSN_REL32;
	/* 66 makes rel16 of it on some processors. */
	if (i->kind != INSN_CALL && !(z->attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE))
		i->props |= INSN_MOVABLE;
	if (i->kind == INSN_LOOP && (z->attributes & ZYDIS_ATTRIB_HAS_ADDRESSSIZE))
		i->props &= ~INSN_MOVABLE;
}

static void describe_site(const struct code *c, struct insn *i, const ZydisDecodedInstruction *z)
{
	if (z->mnemonic == ZYDIS_MNEMONIC_XBEGIN) {
		i->target = target_of(c, i, z);
		if (i->target == NOWHERE)
			return;
	}
	if (site_of(z) == SITE_NONE)
		return;
	i->props |= INSN_SITE;
	i->site = site_of(z);
}

static void describe_rip(struct insn *i, const ZydisDecodedInstruction *z)
{
	if (!(z->attributes & ZYDIS_ATTRIB_IS_RELATIVE) ||
	    !(z->attributes & ZYDIS_ATTRIB_HAS_MODRM) || z->raw.modrm.mod != 0 ||
	    z->raw.modrm.rm != 5 || z->raw.disp.size != 32)
		return;
	i->props |= INSN_RIP;
	i->disp = z->raw.disp.offset;
	if (z->mnemonic == ZYDIS_MNEMONIC_LEA)
		i->props |= INSN_LEA;
}

static void describe_plain(const struct code *c, struct insn *i, const ZydisDecodedInstruction *z)
{
	describe_rip(i, z);
	if (i->kind == INSN_PLAIN || i->kind == INSN_JMP_INDIRECT || i->kind == INSN_RET)
		i->props |= INSN_MOVABLE;
	if (z->mnemonic == ZYDIS_MNEMONIC_ENDBR64)
		i->props |= INSN_ENDBR;
	if (z->mnemonic == ZYDIS_MNEMONIC_PAUSE)
		i->props |= INSN_PAUSE;
	if (z->mnemonic == ZYDIS_MNEMONIC_NOP)
		i->props |= INSN_NOP;
	describe_site(c, i, z);
	if (has_to_stay(z) || z->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR ||
	    ((i->props & INSN_RIP) && (z->attributes & ZYDIS_ATTRIB_HAS_ADDRESSSIZE)))
		i->props &= ~INSN_MOVABLE;
}

/* What was decoded at `at`; false: its function is not to be touched. */
static bool describe(const struct code *c, uint32_t at, const ZydisDecodedInstruction *z,
		     struct insn *i)
{
	*i = (struct insn){
		.at = at,
		.length = z->length,
		.kind = kind_of(z),
		.opcode = z->opcode,
		.target = NOWHERE,
	};
	set_flags(i, z);
	if (is_branch(i) || i->kind == INSN_CALL) {
		describe_branch(c, i, z);
		return i->kind == INSN_CALL || !(z->attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE);
	}
	if (i->kind != INSN_SYSCALL)
		describe_plain(c, i, z);
	return true;
}

uint64_t code_rip_operand(const struct code *c, const struct insn *i)
{
	int32_t d;

	memcpy(&d, c->text + i->at + i->disp, sizeof(d));
	return code_vaddr(c, i->at) + i->length + (uint64_t)(int64_t)d;
}

/* What an instruction names by an address: rip-relative, or absolute in a fixed program. */
static void note_names(struct code *c, const struct insn *i, const ZydisDecodedInstruction *z)
{
	if (i->props & INSN_RIP) {
		uint64_t to = code_rip_operand(c, i);

		if (!(i->props & INSN_LEA)) {
			code_bits_set(&c->data, to);
			return;
		}
		code_note_target(c, to, true);
		GROW(c->leas, c->n_leas, c->cap_leas);
		c->leas[c->n_leas++] = to;
	} else if (c->elf->fixed) {
		for (int k = 0; k < 2; k++) {
			if (z->raw.imm[k].size >= 32 && !z->raw.imm[k].is_relative)
				code_note_target(c, z->raw.imm[k].value.u, true);
		}
		if (z->raw.disp.size == 32)
			code_note_target(c, (uint32_t)z->raw.disp.value, true);
	}
}

static void note(struct code *c, const struct insn *i, const ZydisDecodedInstruction *z)
{
	if (i->target != NOWHERE)
		code_note_target(c, code_vaddr(c, i->target), i->kind == INSN_PLAIN);
	if (z->mnemonic == ZYDIS_MNEMONIC_SYSCALL) {
		GROW(c->syscalls, c->n_syscalls, c->cap_syscalls);
		c->syscalls[c->n_syscalls++] = i->at;
	}
	if (i->props & INSN_SITE)
		c->stats->insns.found++;
	note_names(c, i, z);
}

static void init_decoder(ZydisDecoder *d)
{
	ZydisDecoderInit(d, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
}

/* What no compiler makes for user code, but data may look like. */
static bool is_unusual(const ZydisDecodedInstruction *z, const uint8_t *bytes)
{
	switch (z->meta.category) {
	case ZYDIS_CATEGORY_DECIMAL:
	case ZYDIS_CATEGORY_IO:
	case ZYDIS_CATEGORY_IOSTRINGOP:
	case ZYDIS_CATEGORY_KNC:
	case ZYDIS_CATEGORY_SEGOP:
	case ZYDIS_CATEGORY_SGX:
	case ZYDIS_CATEGORY_SMAP:
	case ZYDIS_CATEGORY_SYSRET:
	case ZYDIS_CATEGORY_UINTR:
	case ZYDIS_CATEGORY_VTX:
		return true;
	case ZYDIS_CATEGORY_INTERRUPT:
		return z->mnemonic != ZYDIS_MNEMONIC_INT3;
	case ZYDIS_CATEGORY_SYSCALL:
		return z->mnemonic != ZYDIS_MNEMONIC_SYSCALL;
	default:
		break;
	}
	switch (z->mnemonic) {
	case ZYDIS_MNEMONIC_CLI:
	case ZYDIS_MNEMONIC_STI:
	case ZYDIS_MNEMONIC_ENTER:
	case ZYDIS_MNEMONIC_XLAT:
		return true;
	case ZYDIS_MNEMONIC_HLT:
		return false;
	default:
		return (z->attributes & ZYDIS_ATTRIB_IS_PRIVILEGED) ||
		       z->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR ||
		       (bytes[0] == 0 && bytes[1] == 0);
	}
}

enum code_read code_read(const struct code *c, uint32_t at, uint32_t end, struct insn *i)
{
	ZydisDecodedInstruction z;
	ZydisDecoder d;

	*i = (struct insn){.at = at, .length = 1, .target = NOWHERE};
	init_decoder(&d);
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&d, NULL, c->text + at, end - at, &z)))
		return READ_NOTHING;
	return describe(c, at, &z, i) && !is_unusual(&z, c->text + at) ? READ_USUAL : READ_ODD;
}

static void sweep(struct code *c, const ZydisDecoder *d, struct function *f)
{
	uint32_t at = f->start;

	f->first = c->n_insns;
	while (at < f->end) {
		ZydisDecodedInstruction z;
		struct insn *i;

		if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(d, NULL, c->text + at, f->end - at,
								&z))) {
			f->left = true;
			break;
		}
		GROW(c->insns, c->n_insns, c->cap_insns);
		i = &c->insns[c->n_insns++];
		if (!describe(c, at, &z, i))
			f->left = true;
		note(c, i, &z);
		if (i->kind == INSN_JMP_INDIRECT)
			f->indirect = true;
		at += i->length;
	}
	f->n = c->n_insns - f->first;
}

/* `je +1; lock ...`: the prefix is jumped over if there is one processor. */
static bool skips_lock(const struct code *c, uint32_t at)
{
	return at && c->text[at - 1] == 0xf0;
}

bool code_may_enter(const struct code *c, const struct function *f, uint32_t at)
{
	return code_insn(c, f, at) || skips_lock(c, at);
}

/* A direct branch into the middle of an instruction of its own function: not what we decoded. */
static bool off_boundary(const struct code *c, const struct function *f)
{
	for (size_t k = f->first; k < f->first + f->n; k++) {
		const struct insn *i = &c->insns[k];

		if (is_branch(i) && i->target >= f->start && i->target < f->end &&
		    !code_may_enter(c, f, i->target))
			return true;
	}
	return false;
}

static struct function function_of(const struct code *c, const struct code_range *r, bool called)
{
	return (struct function){
		.start = (uint32_t)(r->start - c->base),
		.end = (uint32_t)(r->end - c->base),
		.called = called,
		.live = -1,
	};
}

static int list_functions(struct code *c)
{
	struct code_ranges r = {0};
	int err = elf_functions(c->elf, &r);

	if (err)
		goto out;
	c->functions = xcalloc(r.n + 1, sizeof(*c->functions));
	for (size_t k = 0; k < r.n; k++) {
		if (r.v[k].start < c->base || !is_text(c, r.v[k].end - 1))
			continue;
		c->functions[c->n_functions++] = function_of(c, &r.v[k], false);
	}
out:
	free(r.v);
	return err;
}

/* Those from `first` on. */
static void sweep_functions(struct code *c, size_t first)
{
	ZydisDecoder d;

	init_decoder(&d);
	for (size_t k = first; k < c->n_functions; k++)
		sweep(c, &d, &c->functions[k]);
	for (size_t k = first; k < c->n_functions; k++) {
		struct function *f = &c->functions[k];

		f->left = f->left || off_boundary(c, f);
		c->stats->functions++;
		c->stats->functions_left += f->left;
	}
}

static int by_start(const void *pa, const void *pb)
{
	const struct function *a = pa, *b = pb;

	return a->start < b->start ? -1 : a->start > b->start;
}

/* What nothing describes, but something calls. */
static int add_called(struct code *c)
{
	size_t first = c->n_functions;
	struct code_ranges r = {0};
	int err = code_search_gaps(c, &r);

	if (!err) {
		c->functions = xrealloc(c->functions, (first + r.n + 1) * sizeof(*c->functions));
		for (size_t k = 0; k < r.n; k++)
			c->functions[c->n_functions++] = function_of(c, &r.v[k], true);
		sweep_functions(c, first);
		qsort(c->functions, c->n_functions, sizeof(*c->functions), by_start);
	}
	code_ranges_release(&r);
	return err;
}

int code_decode(struct code *c)
{
	int err = list_functions(c);

	if (err)
		return err;
	sweep_functions(c, 0);
	err = add_called(c);
	c->stats->instructions = c->n_insns;
	c->stats->syscalls.found = c->n_syscalls;
	return err;
}

void code_release(struct code *c)
{
	free(c->insns);
	free(c->functions);
	free(c->syscalls);
	free(c->leas);
	free(c->text_copy);
	free(c->plts.v);
	code_bits_release(&c->targets);
	code_bits_release(&c->named);
	code_bits_release(&c->tables);
	code_bits_release(&c->pads);
	code_bits_release(&c->data);
}

struct function *code_function(const struct code *c, uint32_t at)
{
	size_t i = FIRST_WHERE(k, c->n_functions, c->functions[k].end > at);

	return i < c->n_functions && c->functions[i].start <= at ? &c->functions[i] : NULL;
}

struct insn *code_insn(const struct code *c, const struct function *f, uint32_t at)
{
	struct insn *v = &c->insns[f->first];
	size_t i = FIRST_WHERE(k, f->n, v[k].at >= at);

	return i < f->n && v[i].at == at ? &v[i] : NULL;
}

bool code_in_plt(const struct code *c, uint64_t vaddr)
{
	for (size_t k = 0; k < c->plts.n; k++) {
		if (vaddr >= c->plts.v[k].start && vaddr < c->plts.v[k].end)
			return true;
	}
	return false;
}
