/*
 * What the files that emit stubs share: stubs.c and hooks.c. Not for others.
 */
#ifndef IMAGE_EMIT_H
#define IMAGE_EMIT_H

#include "image/stubs.h"

static inline uint32_t here(const struct stubs *s)
{
	return (uint32_t)s->bytes.len;
}

static inline void put8(struct stubs *s, uint8_t v)
{
	buf_addch(&s->bytes, (char)v);
}

static inline void put32(struct stubs *s, uint32_t v)
{
	buf_add(&s->bytes, &v, sizeof(v));
}

#define PUT(s, ...) \
	buf_add(&(s)->bytes, (const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}))

/* What follows is `where`, and the program is at `original` there. */
struct image_entry *emit_entry(struct stubs *s, enum image_where where, uint32_t original);

/* The rel32 at `pos`, `tail` bytes before its instruction's end, leads to an address of the
 * original: to the code there (`jump`), wherever that is, or to the place itself. */
void emit_fix(struct stubs *s, uint32_t pos, uint8_t tail, uint64_t to, bool jump);

/* jmp to an address of the original, where the program then is */
void emit_jmp(struct stubs *s, uint64_t to);
/* The same, with a tick counted before. */
void emit_count_and_jmp(struct stubs *s, uint64_t to, uint32_t weight);

/* A displaced instruction: a branch, or one that is none. */
void emit_branch(struct stubs *s, const struct insn *i);
void emit_copy(struct stubs *s, const struct insn *i);

/* Claim first..last; `n_insns` as in struct image_patch. Valid until the next one. */
struct image_patch *emit_patch(struct stubs *s, struct insn *first, struct insn *last,
			       uint8_t n_insns);
/* The jump of the window that begins with `first` leads to `stub`. */
void emit_window(struct stubs *s, const struct insn *first, uint32_t stub);

static inline uint64_t next_vaddr(const struct stubs *s, const struct insn *i)
{
	return code_vaddr(s->c, i->at) + i->length;
}

#endif
