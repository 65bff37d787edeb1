/*
 * Signals and trapped instructions. No signal is ever delivered to a replayed task: what the kernel
 * did to the recorded one (the frame on the stack, the registers at the handler's first
 * instruction) is written.
 */
#include "base/log.h"
#include "replay/session.h"

#include <signal.h>

int replay_signal(struct session *s, struct ptask *p)
{
	int ret = s->ev.synchronous ? run_to_fault(s, p, s->ev.signo) : verify_regs(s, p, false);

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
