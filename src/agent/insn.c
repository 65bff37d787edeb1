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

static bool xgetbv(uint32_t which, struct insn_result *out)
{
	uint32_t low, high;

	if (which || !(STATE->features & AGENT_HAS_XSAVE))
		return false;
	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(which));
	*out = (struct insn_result){low, high};
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

/* Where the program goes on. */
uint64_t agent_insn(struct agent_regs *r)
{
	const struct insn_site *site = (const struct insn_site *)STATE->raw - 1;
	uint64_t next = STATE->raw + site->length;
	struct insn_result v;
	bool done;

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
