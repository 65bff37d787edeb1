/*
 * Instructions that read what differs from run to run and trap to us: rdtsc and rdtscp
 * (PR_SET_TSC), cpuid (CPUID faulting). Executed here, for the task, and their results written
 * down.
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

	set_edx_eax(r, clock_read_tsc(&aux));
}

static void do_rdtscp(struct recorder *rec, struct regs *r)
{
	uint32_t aux;

	set_edx_eax(r, clock_read_tsc(&aux));
	r->u.rcx = aux;
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

static void do_cpuid(struct recorder *rec, struct regs *r)
{
	const struct record_options *opt = rec->opt;
	uint32_t leaf = r->u.rax, sub = r->u.rcx, a, b, c, d;

	__cpuid_count(leaf, sub, a, b, c, d);
	if (leaf == 1) {
		c &= ~(LEAF1_ECX_RDRAND | opt->disable_cpuid[0]);
		d &= ~opt->disable_cpuid[1];
	} else if (leaf == 7 && sub == 0) {
		b &= ~(LEAF7_EBX_HIDDEN | opt->disable_cpuid[2]);
		b &= ~(opt->disable_avx512 ? LEAF7_EBX_AVX512 : 0);
		c &= ~(LEAF7_ECX_WAITPKG_RDPID | opt->disable_cpuid[3]);
		d &= ~opt->disable_cpuid[4];
	} else if (leaf == 13 && sub == 1) {
		a &= ~(LEAF13_1_EAX_HIDDEN | opt->disable_cpuid[5]);
	}
	r->u.rax = a;
	r->u.rbx = b;
	r->u.rcx = c;
	r->u.rdx = d;
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
