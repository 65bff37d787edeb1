/*
 * Debug registers through PTRACE_POKEUSER, and what a SIGTRAP means.
 */
#include "task/debug.h"

#include "base/log.h"

#include <sys/user.h>

#define DR6_SLOTS 0xful

static long dr_offset(int n)
{
	return (long)(offsetof(struct user, u_debugreg) +
		      n * sizeof(((struct user *)0)->u_debugreg[0]));
}

static int peek_dr(struct task *t, int n, unsigned long *value)
{
	errno = 0;
	*value = ptrace(PTRACE_PEEKUSER, t->tid, dr_offset(n), 0);
	return -errno;
}

static int poke_dr(struct task *t, int n, unsigned long value)
{
	return ptrace(PTRACE_POKEUSER, t->tid, dr_offset(n), value) < 0 ? -errno : 0;
}

/* DR7: a bit that enables it locally, and four for kind and length. */
static unsigned long dr7_enable(int slot)
{
	return 1ul << (2 * slot);
}

static unsigned long dr7_fields(int slot)
{
	return 0xful << (16 + 4 * slot);
}

static unsigned long dr7_length(unsigned int len)
{
	switch (len) {
	case 1:
		return 0;
	case 2:
		return 1;
	case 4:
		return 3;
	case 8:
		return 2;
	}
	BUG("a watchpoint of %u bytes", len);
}

int task_debug_set(struct task *t, int slot, enum debug_kind kind, raddr_t addr, unsigned int len)
{
	unsigned long dr7, fields = kind | dr7_length(len) << 2;
	int ret = peek_dr(t, 7, &dr7);

	BUG_ON(slot < 0 || slot >= N_DEBUG_SLOTS);
	if (ret)
		return ret;
	/* One that is enabled cannot change its kind and address in one go. */
	if (dr7 & dr7_enable(slot)) {
		dr7 &= ~(dr7_enable(slot) | dr7_fields(slot));
		if ((ret = poke_dr(t, 7, dr7)))
			return ret;
	}
	if ((ret = poke_dr(t, slot, addr)))
		return ret;
	dr7 = (dr7 & ~dr7_fields(slot)) | fields << (16 + 4 * slot) | dr7_enable(slot);
	return poke_dr(t, 7, dr7);
}

int task_debug_clear(struct task *t, int slot)
{
	unsigned long dr7;
	int ret = peek_dr(t, 7, &dr7);

	BUG_ON(slot < 0 || slot >= N_DEBUG_SLOTS);
	if (ret || !(dr7 & dr7_enable(slot)))
		return ret;
	return poke_dr(t, 7, dr7 & ~(dr7_enable(slot) | dr7_fields(slot)));
}

enum debug_trap task_debug_trap(struct task *t)
{
	siginfo_t si;

	if (t->stop.kind != STOP_SIGNAL || t->stop.signo != SIGTRAP || task_siginfo(t, &si))
		return DEBUG_NO_TRAP;
	/* Of a step that also met a watchpoint the kernel says TRAP_TRACE (asm/traps.h,
	 * get_si_code()). */
	if (si.si_code == TRAP_TRACE)
		return DEBUG_STEPPED;
	return si.si_code == TRAP_HWBKPT ? DEBUG_BREAKPOINT : DEBUG_NO_TRAP;
}

int task_debug_hits(struct task *t, unsigned int *slots)
{
	unsigned long dr6;
	int ret = peek_dr(t, 6, &dr6);

	*slots = ret ? 0 : dr6 & DR6_SLOTS;
	return ret;
}

int task_debug_forget_hits(struct task *t)
{
	return poke_dr(t, 6, 0);
}

int task_set_resume_flag(struct task *t, bool on)
{
	int ret = task_regs(t);

	if (ret || !!(t->regs.u.eflags & FLAG_RESUME) == on)
		return ret;
	task_regs_modify(t)->u.eflags ^= FLAG_RESUME;
	return 0;
}
