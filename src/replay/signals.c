/*
 * Signals and trapped instructions. No signal is ever delivered to a replayed task: what the kernel
 * did to the recorded one (the frame on the stack, the registers at the handler's first
 * instruction) is written.
 */
#include "base/log.h"
#include "replay/session.h"

#include <signal.h>

/* A SIGSEGV may be there because the stack had no room for the handler of the fault itself, whose
 * number nobody has written down. */
static int fault_of(const struct trace_event *ev)
{
	siginfo_t si;

	if (ev->signo != SIGSEGV || ev->siginfo.len < sizeof(si))
		return ev->signo;
	memcpy(&si, ev->siginfo.data, sizeof(si));
	return si.si_code == SI_KERNEL ? ANY_FAULT : SIGSEGV;
}

int replay_signal(struct session *s, struct ptask *p)
{
	int ret =
		s->ev.synchronous ? run_to_fault(s, p, fault_of(&s->ev)) : verify_regs(s, p, false);

	if (ret || s->ev.action != SIGNAL_HANDLER)
		return ret;
	p->at_entry = false;
	if (!s->ev.regs_after.len)
		return bad_trace(s, "a signal handler without registers");
	ret = apply_writes(s, p);
	return ret ? ret : apply_regs(s, p, &p->t.regs, 0);
}

int replay_insn(struct session *s, struct ptask *p)
{
	int ret = run_to_fault(s, p, SIGSEGV);

	if (!ret && !s->ev.regs_after.len)
		ret = bad_trace(s, "an instruction without a result");
	return ret ? ret : apply_regs(s, p, &p->t.regs, 0);
}
