/*
 * Instructions that read what differs from run to run and trap to us: rdtsc and rdtscp
 * (PR_SET_TSC, or a patch), cpuid (CPUID faulting). Executed here, for the task, and their results
 * written down.
 */
#include "record/session.h"

#include "base/clock.h"
#include "base/log.h"

#include <cpuid.h>
#include <sched.h>

struct insn {
	uint8_t bytes[3];
	uint8_t len;
	void (*execute)(struct recorder *rec, struct regs *r);
};

static void set_edx_eax(struct regs *r, uint64_t v)
{
	r->u.rax = (uint32_t)v;
	r->u.rdx = v >> 32;
}

static void do_rdtsc(struct recorder *rec, struct regs *r)
{
	uint32_t aux;

	/* As others of this program read it (tsc.c). */
	if (rec->current->tsc_traps)
		set_edx_eax(r, tsc_at(&rec->agent.state->tsc, clock_now_ns()));
	else
		set_edx_eax(r, clock_read_tsc(&aux));
}

static void do_rdtscp(struct recorder *rec, struct regs *r)
{
	do_rdtsc(rec, r);
	r->u.rcx = rec->agent.state->tsc_aux;
}

/* CPUID bits of what cannot be recorded: random numbers and transactions from the CPU. SDM vol. 2A,
 * CPUID. */
#define LEAF1_ECX_RDRAND (1U << 30)
#define LEAF7_EBX_HIDDEN (1U << 18 | 1U << 11 | 1U << 4) /* RDSEED, RTM, HLE */
#define LEAF7_EBX_AVX512 \
	(1U << 16 | 1U << 17 | 1U << 21 | 1U << 26 | 1U << 27 | 1U << 28 | 1U << 30 | 1U << 31)
#define LEAF7_ECX_WAITPKG_RDPID (1U << 5 | 1U << 22)
/* XSAVEOPT, XSAVEC and XGETBV(1) show which state the CPU believes to be in use. */
#define LEAF13_1_EAX_HIDDEN (1U << 0 | 1U << 1 | 1U << 2)

static void hide_features(const struct recorder *rec, struct trace_cpuid *c)
{
	const struct record_options *opt = rec->opt;

	if (c->leaf == 1) {
		c->ecx &= ~(LEAF1_ECX_RDRAND | opt->disable_cpuid[0]);
		c->edx &= ~opt->disable_cpuid[1];
	} else if (c->leaf == 7 && c->subleaf == 0) {
		c->ebx &= ~(LEAF7_EBX_HIDDEN | opt->disable_cpuid[2]);
		c->ebx &= ~(opt->disable_avx512 ? LEAF7_EBX_AVX512 : 0);
		c->ecx &= ~(LEAF7_ECX_WAITPKG_RDPID | opt->disable_cpuid[3]);
		c->edx &= ~opt->disable_cpuid[4];
	} else if (c->leaf == 13 && c->subleaf == 1) {
		c->eax &= ~(LEAF13_1_EAX_HIDDEN | opt->disable_cpuid[5]);
	}
}

static void do_cpuid(struct recorder *rec, struct regs *r)
{
	struct trace_cpuid c = {.leaf = r->u.rax, .subleaf = r->u.rcx};

	__cpuid_count(c.leaf, c.subleaf, c.eax, c.ebx, c.ecx, c.edx);
	hide_features(rec, &c);
	r->u.rax = c.eax;
	r->u.rbx = c.ebx;
	r->u.rcx = c.ecx;
	r->u.rdx = c.edx;
}

/* Leaves whose subleaves differ; SDM vol. 2A, CPUID, and AMD's APM vol. 3, appendix E. */
bool cpuid_has_subleaves(uint32_t leaf)
{
	static const uint32_t leaves[] = {4,	7,    0xb,  0xd,  0xf,	      0x10,	 0x12,
					  0x14, 0x17, 0x18, 0x1f, 0x8000001d, 0x80000026};

	for (size_t i = 0; i < ARRAY_SIZE(leaves); i++)
		if (leaves[i] == leaf)
			return true;
	return false;
}

static uint32_t features(void)
{
	uint32_t a, b = 0, c, d, b7 = 0, x;

	__cpuid(1, a, b, c, d);
	if (__get_cpuid_max(0, NULL) >= 7)
		__cpuid_count(7, 0, a, b7, x, d);
	return (c & LEAF1_ECX_RDRAND ? AGENT_HAS_RDRAND : 0) |
	       (b7 & bit_RDSEED ? AGENT_HAS_RDSEED : 0) | (c & bit_OSXSAVE ? AGENT_HAS_XSAVE : 0);
}

void insns_tell_agent(struct recorder *rec, const struct trace_cpuid *cpuid, size_t n)
{
	struct agent_state *a = rec->agent.state;

	BUG_ON(n > ARRAY_SIZE(a->cpuid));
	for (size_t i = 0; i < n; i++) {
		struct trace_cpuid c = cpuid[i];

		hide_features(rec, &c);
		a->cpuid[i] = (struct agent_cpuid){c.leaf, c.subleaf, !cpuid_has_subleaves(c.leaf),
						   c.eax,  c.ebx,     c.ecx,
						   c.edx};
	}
	a->n_cpuid = (uint32_t)n;
	a->features = features() | (rec->cpuid_faulting ? 0 : AGENT_HAS_CPUID);
}

void insns_calibrate(struct recorder *rec)
{
	struct agent_state *a = rec->agent.state;

	tsc_clock_end(&a->tsc);
	clock_read_tsc(&a->tsc_aux);
}

static const struct insn insns[] = {
	{{0x0f, 0x31}, 2, do_rdtsc},
	{{0x0f, 0x01, 0xf9}, 3, do_rdtscp},
	{{0x0f, 0xa2}, 2, do_cpuid},
};

bool insn_emulate(struct recorder *rec, struct rtask *t, const siginfo_t *si)
{
	struct event_builder b;
	struct regs before = t->t.regs;
	uint8_t code[3] = {0};

	if (si->si_code != SI_KERNEL)
		return false;
	mm_read_some(t->t.mm, before.u.rip, code, sizeof(code));
	code_hide(t, before.u.rip, code, sizeof(code));
	for (size_t i = 0; i < ARRAY_SIZE(insns); i++) {
		struct regs *r;

		if (memcmp(code, insns[i].bytes, insns[i].len))
			continue;
		r = task_regs_modify(&t->t);
		insns[i].execute(rec, r);
		r->u.rip += insns[i].len;
		event_begin(&b, rec, t, EV_INSN);
		b.ev.regs = (struct trace_bytes){&before, sizeof(before)};
		b.ev.regs_after = (struct trace_bytes){r, sizeof(*r)};
		event_end(&b, t);
		forced_restore(t, SIGSEGV);
		return true;
	}
	return false;
}
