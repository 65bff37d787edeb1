/*
 * Emitting the ways to the agent: stubs with an instruction that it may execute in the program's
 * place.
 *
 * Nothing but registers that are free is used on the way, no stack: before a system call these are
 * rcx and r11, which it destroys; else rcx, kept in the tick page. The agent jumps back to the copy
 * of the instruction or behind it, so that both ways end at the same place.
 */
#include "image/emit.h"

#include "base/log.h"
#include "mem/insn_site.h"
#include "mem/layout.h"

/* Displaced instructions that do not count: plain ones and branches forward. */
static void put_displaced(struct stubs *s, const struct insn *first, const struct insn *end)
{
	for (const struct insn *i = first; i < end; i++) {
		emit_entry(s, IMAGE_CODE, i->at);
		if (is_branch(i))
			emit_branch(s, i);
		else
			emit_copy(s, i);
	}
}

/* lea REGISTER, [rip + an address of the original] */
static void put_lea(struct stubs *s, uint8_t rex, uint8_t modrm, uint64_t to)
{
	PUT(s, rex, 0x8d, modrm);
	emit_fix(s, here(s), 0, to, false);
	put32(s, 0);
}

/* lea rcx, [the copy, which follows after `between` bytes]; jmp [where] */
static void put_leave(struct stubs *s, uint8_t between, uint32_t where)
{
	PUT(s, 0x48, 0x8d, 0x0d, 7 + between, 0, 0, 0);
	PUT(s, 0xff, 0x24, 0x25);
	put32(s, where);
}

static void put_call(struct stubs *s, const struct insn *call)
{
	uint64_t end = next_vaddr(s, call);

	emit_entry(s, IMAGE_CODE, call->at);
	put_lea(s, 0x4c, 0x1d, end); /* r11 */
	emit_entry(s, IMAGE_COUNTING, call->at);
	put_leave(s, 0, TICK_ENTER_CALL);
	emit_entry(s, IMAGE_CODE, call->at);
	PUT(s, 0x0f, 0x05);
	/* What the original instruction would have left in rcx. A task that is about to execute
	 * this stands behind the call. */
	emit_entry(s, IMAGE_CODE, (uint32_t)(end - s->c->base));
	put_lea(s, 0x48, 0x0d, end);
}

void stubs_syscall(struct stubs *s, struct insn *first, struct insn *call, struct insn *last)
{
	struct image_patch *p = emit_patch(s, first, last, (uint8_t)(last - first + 1));
	uint32_t start = here(s);

	if (call == last && call->at - first->at >= JMP_SIZE)
		p->intact = call->length;
	put_displaced(s, first, call);
	put_call(s, call);
	put_displaced(s, call + 1, last + 1);
	emit_count_and_jmp(s, next_vaddr(s, last), 1);
	/* Whoever goes on there has passed the count. */
	call->plan |= PLAN_POINT;
	emit_window(s, first, start);
}

/* What the agent has to know. */
static struct insn_site describe(const struct code *c, const struct insn *i)
{
	struct insn_site site = {.kind = i->site, .length = i->length};
	const uint8_t *p = c->text + i->at;
	uint8_t rex = 0;
	bool word = false;

	if (i->site != SITE_RDRAND && i->site != SITE_RDSEED)
		return site;
	for (; *p != 0x0f; p++) {
		word |= *p == 0x66;
		rex = (*p & 0xf0) == 0x40 ? *p : 0;
	}
	site.reg = (p[2] & 7) | (rex & 1 ? 8 : 0);
	site.size = rex & 8 ? 8 : word ? 2 : 4;
	return site;
}

static void put_insn(struct stubs *s, const struct insn *i)
{
	struct insn_site site = describe(s->c, i);

	emit_entry(s, IMAGE_CODE, i->at);
	PUT(s, 0x48, 0x89, 0x0c, 0x25); /* mov [saved], rcx */
	put32(s, TICK_SAVED_RCX);
	emit_entry(s, IMAGE_COUNTING, i->at);
	put_leave(s, sizeof(site), TICK_ENTER_INSN);
	emit_entry(s, IMAGE_OUTSIDE, 0);
	buf_add(&s->bytes, &site, sizeof(site));
	emit_entry(s, IMAGE_CODE, i->at);
	emit_copy(s, i);
	/* The rel32 of an xbegin. */
	if (i->target != NOWHERE)
		emit_fix(s, here(s) - 4, 0, code_vaddr(s->c, i->target), true);
}

void stubs_insn(struct stubs *s, struct insn *first, struct insn *site, struct insn *last)
{
	uint32_t start = here(s);

	emit_patch(s, first, last, (uint8_t)(last - first + 1));
	put_displaced(s, first, site);
	put_insn(s, site);
	put_displaced(s, site + 1, last + 1);
	emit_jmp(s, next_vaddr(s, last));
	emit_window(s, first, start);
}
