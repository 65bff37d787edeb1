/*
 * Instructions of the program that are not the same in each run, or on each machine
 * (mem/insn_site.h): executed here and recorded, or taken from the recording. What cannot be done
 * here the CPU executes at its place, where it may trap to the tracer.
 *
 * Where rdtsc traps (PR_SET_TSC), it would fault here as well: the counter is computed from the
 * clock then, as the recorder does it for instructions that trap, so that it never goes back.
 */
#include "agent/internal.h"

#include "mem/insn_site.h"

#include <time.h>

enum { RAX, RCX, RDX, RBX, RSP }; /* numbers of registers */

#define CARRY 1

_Static_assert(SITE_XSAVE == AGENT_SITE_XSAVE, "entry.S");
_Static_assert(sizeof(struct insn_site) == AGENT_SITE_SIZE, "entry.S");

uint64_t agent_insn(struct agent_regs *r);

static uint64_t clock_ns(void)
{
	struct {
		int64_t s, ns;
	} now;

	untraced(__NR_clock_gettime, CLOCK_MONOTONIC, (uint64_t)&now, 0, 0, 0, 0);
	return (uint64_t)now.s * 1000000000 + (uint64_t)now.ns;
}

static uint64_t read_tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high));
	return low | (uint64_t)high << 32;
}

/* What the CPU says of a leaf that the recorder has asked for. */
static const struct agent_cpuid *find_leaf(uint32_t leaf, uint32_t subleaf)
{
	for (uint32_t i = 0; i < STATE->n_cpuid; i++) {
		const struct agent_cpuid *c = &STATE->cpuid[i];

		if (c->leaf == leaf && (c->any_subleaf || c->subleaf == subleaf))
			return c;
	}
	return 0;
}

static bool get_random(const struct insn_site *site, struct insn_result *out)
{
	uint8_t ok;

	if (site->kind == SITE_RDRAND) {
		if (!(STATE->features & AGENT_HAS_RDRAND))
			return false;
		__asm__ volatile("rdrand %0; setc %1" : "=r"(out->a), "=qm"(ok) : : "cc");
	} else {
		if (!(STATE->features & AGENT_HAS_RDSEED))
			return false;
		__asm__ volatile("rdseed %0; setc %1" : "=r"(out->a), "=qm"(ok) : : "cc");
	}
	out->b = ok;
	return true;
}

static void read_xcr0(struct insn_result *out)
{
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	*out = (struct insn_result){low, high};
}

static bool xgetbv(uint32_t which, struct insn_result *out)
{
	if (which || !(STATE->features & AGENT_HAS_XSAVE))
		return false;
	read_xcr0(out);
	return true;
}

/* A leaf that has nothing to hide, or that does not exist: the CPU answers anything. */
static bool cpuid_of_cpu(const uint64_t *reg, struct insn_result *out)
{
	uint32_t a, b, c, d;

	if (!(STATE->features & AGENT_HAS_CPUID))
		return false;
	__asm__ volatile("cpuid"
			 : "=a"(a), "=b"(b), "=c"(c), "=d"(d)
			 : "a"((uint32_t)reg[RAX]), "c"((uint32_t)reg[RCX]));
	*out = (struct insn_result){a | (uint64_t)b << 32, c | (uint64_t)d << 32};
	return true;
}

static bool cpuid(const uint64_t *reg, struct insn_result *out)
{
	const struct agent_cpuid *c = find_leaf((uint32_t)reg[RAX], (uint32_t)reg[RCX]);

	if (!c)
		return cpuid_of_cpu(reg, out);
	out->a = c->eax | (uint64_t)c->ebx << 32;
	out->b = c->ecx | (uint64_t)c->edx << 32;
	return true;
}

static bool execute(const struct insn_site *site, const uint64_t *reg, struct insn_result *out)
{
	switch (site->kind) {
	case SITE_RDTSC:
	case SITE_RDTSCP:
		if (STATE->tsc_free) {
			*out = (struct insn_result){read_tsc(), STATE->tsc_aux};
			return true;
		}
		if (!STATE->tsc.mult)
			return false;
		*out = (struct insn_result){tsc_at(&STATE->tsc, clock_ns()), STATE->tsc_aux};
		return true;
	case SITE_CPUID:
		return cpuid(reg, out);
	case SITE_RDRAND:
	case SITE_RDSEED:
		return get_random(site, out);
	case SITE_XGETBV:
		return xgetbv((uint32_t)reg[RCX], out);
	case SITE_XBEGIN:
		*out = (struct insn_result){0, 0};
		return true;
	default:
		return false;
	}
}

/* rdrand and rdseed: 16 bits leave the rest of the register; all flags but the carry are cleared.
 */
static void put_random(struct agent_regs *r, const struct insn_site *site,
		       const struct insn_result *v)
{
	uint64_t *reg = &r->reg[site->reg & 15], ok = v->b & CARRY, value = ok ? v->a : 0;

	if (site->size == 2)
		*reg = (*reg & ~(uint64_t)0xffff) | (value & 0xffff);
	else
		*reg = site->size == 4 ? (uint32_t)value : value;
	r->flags = (r->flags & ~(uint64_t)ARITHMETIC_FLAGS) | ok;
}

static void put_result(struct agent_regs *r, const struct insn_site *site,
		       const struct insn_result *v)
{
	uint64_t *reg = r->reg;

	switch (site->kind) {
	case SITE_RDTSCP:
		reg[RCX] = (uint32_t)v->b;
		/* fall through */
	case SITE_RDTSC:
		reg[RAX] = (uint32_t)v->a;
		reg[RDX] = v->a >> 32;
		break;
	case SITE_XGETBV:
		reg[RAX] = (uint32_t)v->a;
		reg[RDX] = (uint32_t)v->b;
		break;
	case SITE_XBEGIN: /* aborted: without a reason, and without hope */
		reg[RAX] = 0;
		break;
	case SITE_CPUID:
		reg[RAX] = (uint32_t)v->a;
		reg[RBX] = v->a >> 32;
		reg[RCX] = (uint32_t)v->b;
		reg[RDX] = v->b >> 32;
		break;
	default:
		put_random(r, site, v);
	}
}

/* The area of xsave: MXCSR and its mask, which xsavec takes for a part of the second component; a
 * bit for each component that is not as at the beginning, and what follows. */
#define MXCSR		 24
#define MXCSR_INITIAL	 0x1f80
#define XSTATE_BV	 512
#define XSTATE_EXTENSION 576

static bool is_zero(const uint64_t *p, uint32_t size)
{
	for (uint32_t i = 0; i < size / sizeof(*p); i++)
		if (p[i])
			return false;
	return true;
}

/* Where the components of `mask` are: by themselves, or one behind the other (SDM vol. 1, 13.4). */
static void place_components(uint32_t at[N_XSTATES], uint64_t mask, bool compact)
{
	uint32_t end = XSTATE_EXTENSION;

	for (uint32_t i = 1; i < N_XSTATES; i++) {
		const struct agent_xstate *x = &STATE->xstate[i];

		at[i] = mask & 1U << i ? x->offset : 0;
		if (!compact || !at[i] || i == 1)
			continue;
		at[i] = x->aligned ? (end + 63) & ~63U : end;
		end = at[i] + x->size;
	}
}

static void fill_compact(uint8_t *area, const uint32_t at[N_XSTATES])
{
	for (uint32_t i = 1; i < N_XSTATES; i++)
		if (at[i])
			memset(area + at[i], 0, STATE->xstate[i].size);
	if (at[1])
		*(uint64_t *)(area + MXCSR) = MXCSR_INITIAL | (uint64_t)STATE->mxcsr_mask << 32;
}

/*
 * The CPU says of components whether it believes them to be in use, of which the last switch of
 * tasks has made it sure or not; and xsavec stores only these. Said here is what they hold, and all
 * are stored. (The first, of the x87, begins with other values than zeros, and is left.)
 */
static void xsave(const struct agent_regs *r, const uint8_t *insn)
{
	const bool compact = insn[1] == 0xc7, far = insn[2] & 0x80;
	const int64_t distance = far ? *(const int32_t *)(insn + 4) : (int8_t)insn[4];
	uint8_t *area = (uint8_t *)(r->reg[RSP] + (uint64_t)distance);
	uint64_t *in_use = (uint64_t *)(area + XSTATE_BV);
	struct insn_result xcr0;
	uint32_t at[N_XSTATES];

	read_xcr0(&xcr0);
	place_components(at, r->reg[RAX] & xcr0.a, compact);
	if (compact)
		fill_compact(area, at);
	if (compact)
		__asm__ volatile("xsavec (%0)"
				 :
				 : "r"(area), "a"(r->reg[RAX]), "d"(r->reg[RDX])
				 : "memory");
	else
		__asm__ volatile("xsave (%0)"
				 :
				 : "r"(area), "a"(r->reg[RAX]), "d"(r->reg[RDX])
				 : "memory");
	if (compact && *(const uint32_t *)(area + MXCSR) != MXCSR_INITIAL)
		at[1] = 0;
	for (uint32_t i = 1; i < N_XSTATES; i++)
		if (at[i] && is_zero((const uint64_t *)(area + at[i]), STATE->xstate[i].size))
			*in_use &= ~(uint64_t)(1U << i);
}

/* Where the program goes on. */
uint64_t agent_insn(struct agent_regs *r)
{
	const struct insn_site *site = (const struct insn_site *)STATE->raw - 1;
	uint64_t next = STATE->raw + site->length;
	struct insn_result v;
	bool done;

	if (site->kind == SITE_XSAVE) {
		xsave(r, (const uint8_t *)STATE->raw);
		return next;
	}
	STATE->nr = AGENT_INSN + site->kind;
	if (STATE->mode == AGENT_REPLAYS) {
		done = replay_insn((uint16_t)STATE->nr, &v);
	} else {
		done = execute(site, r->reg, &v);
		record_insn((uint16_t)STATE->nr, done ? &v : NULL);
	}
	if (!done)
		return STATE->raw;
	put_result(r, site, &v);
	if (site->kind == SITE_XBEGIN)
		next += (uint64_t)(int64_t) * (const int32_t *)(next - 4);
	return next;
}
