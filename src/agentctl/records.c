/*
 * Records and pieces: lengths that must fit into what contains them.
 */
#include "agentctl/records.h"

#include "abi/syscall.h"
#include "mem/insn_site.h"

static const struct agent_piece *piece_at(const struct agent_record *r, size_t at)
{
	return at < r->size ? (const struct agent_piece *)((const uint8_t *)r + at) : NULL;
}

const struct agent_piece *agent_first_piece(const struct agent_record *r)
{
	return piece_at(r, sizeof(*r));
}

const struct agent_piece *agent_next_piece(const struct agent_record *r,
					   const struct agent_piece *p)
{
	size_t at = (size_t)((const uint8_t *)p - (const uint8_t *)r);

	return piece_at(r, at + sizeof(*p) + AGENT_ALIGN(p->size));
}

const struct agent_part *agent_part_of(const struct agent_record *r, const struct agent_piece *p)
{
	return r->flags & RECORD_CLONED ? (const struct agent_part *)(p + 1) : NULL;
}

static bool pieces_fit(const struct agent_record *r)
{
	size_t at = sizeof(*r);

	while (at < r->size) {
		const struct agent_piece *p = piece_at(r, at);

		if (r->size - at < sizeof(*p) || p->size > r->size - at - sizeof(*p))
			return false;
		if ((r->flags & RECORD_CLONED) && p->size != sizeof(struct agent_part))
			return false;
		at += sizeof(*p) + AGENT_ALIGN(p->size);
	}
	return at == r->size;
}

static const struct agent_record *next_like(const struct agent_like *like, size_t *at,
					    struct agent_record *last)
{
	if (!last->size || like->what >> 1 != last->nr)
		return NULL;
	agent_expand(last, like);
	*at += sizeof(*like);
	return last;
}

const struct agent_record *agent_next_record(const void *buf, size_t n, size_t *at,
					     struct agent_record *last)
{
	const void *p = (const uint8_t *)buf + *at;
	const struct agent_record *r = p;
	size_t left = n - *at;

	if (left < sizeof(struct agent_like))
		return NULL;
	if (agent_is_like(p))
		return next_like(p, at, last);
	if (left < sizeof(*r) || r->size < sizeof(*r) || r->size % 8 || r->size > left ||
	    !pieces_fit(r))
		return NULL;
	if (agent_has_like(r))
		*last = *r;
	else
		last->size = 0;
	*at += r->size;
	return r;
}

const char *agent_call_name(int nr)
{
	static const char *const insns[] = {
		[SITE_NONE] = "unknown",  [SITE_RDTSC] = "rdtsc",   [SITE_RDTSCP] = "rdtscp",
		[SITE_CPUID] = "cpuid",	  [SITE_RDRAND] = "rdrand", [SITE_RDSEED] = "rdseed",
		[SITE_XGETBV] = "xgetbv", [SITE_XBEGIN] = "xbegin", [SITE_XSAVE] = "xsave",
	};
	size_t kind = (size_t)nr - AGENT_INSN;

	if (nr < AGENT_INSN)
		return syscall_name(ARCH_X86_64, nr);
	return insns[kind < ARRAY_SIZE(insns) ? kind : SITE_NONE];
}
