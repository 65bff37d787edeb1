/*
 * Single steps, and the little decoding that they need: a system call must not be stepped into, a
 * repeated string instruction would stop at each round, and pushf shows the trap flag.
 *
 * What is known and left alone: `mov ss` and `pop ss` hold off the trap, so that the instruction
 * behind them is executed in the same step (SDM vol. 3, 6.8.3).
 */
#include "base/log.h"
#include "task/debug.h"

#define FLAG_TRAP (1ULL << 8)

static bool is_prefix(uint8_t c, bool long_mode)
{
	switch (c) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
	case 0x64:
	case 0x65: /* segments */
	case 0x66:
	case 0x67: /* sizes */
	case 0xf0:
	case 0xf2:
	case 0xf3:
		return true;
	}
	return long_mode && (c & 0xf0) == 0x40; /* REX */
}

static bool is_string(uint8_t c)
{
	return (c >= 0xa4 && c <= 0xa7) || (c >= 0xaa && c <= 0xaf) || (c >= 0x6c && c <= 0x6f);
}

struct insn insn_decode(const uint8_t *code, size_t n, bool long_mode)
{
	struct insn insn = {0};
	bool rep = false;
	size_t i = 0;
	uint8_t c;

	for (; i < n && is_prefix(code[i], long_mode); i++)
		rep |= code[i] == 0xf2 || code[i] == 0xf3;
	if (i == n)
		return insn;
	c = code[i];
	insn.length = i + 2;
	if ((c & 0xf0) == 0x70 || (c & 0xfc) == 0xe0)
		insn.class = INSN_BRANCH;
	else if (c == 0x9c)
		insn.class = INSN_PUSHF;
	else if (i + 1 < n && c == 0xcd && code[i + 1] == 0x80)
		insn.class = INSN_SYSCALL;
	else if (i + 1 < n && c == 0x0f && (code[i + 1] & 0xf0) == 0x80)
		insn.class = INSN_BRANCH;
	else if (i + 1 < n && c == 0x0f && (code[i + 1] == 0x05 || code[i + 1] == 0x34))
		insn.class = INSN_SYSCALL;
	if (rep && is_string(c))
		insn = (struct insn){INSN_REPEAT, i + 1, c};
	return insn;
}

int task_insn(struct task *t, struct insn *insn)
{
	uint8_t code[INSN_MAX];
	size_t n;
	int ret = task_regs(t);

	*insn = (struct insn){0};
	if (ret)
		return ret;
	n = mm_read_some(t->mm, t->regs.u.rip, code, sizeof(code));
	*insn = insn_decode(code, n, regs_arch(&t->regs) == ARCH_X86_64);
	return 0;
}

/* A step's SIGTRAP, or a slot's, waits: what raised it is done. */
static bool trap_is_due(struct task *t)
{
	struct __ptrace_peeksiginfo_args args = {.nr = 1};
	siginfo_t si;

	for (; ptrace(PTRACE_PEEKSIGINFO, t->tid, &args, &si) == 1; args.off++)
		if (si.si_signo == SIGTRAP &&
		    (si.si_code == TRAP_TRACE || si.si_code == TRAP_HWBKPT))
			return true;
	return false;
}

int task_run_to_trap(struct task *t, int how, int signo)
{
	int ret = task_run(t, how, signo);

	if (ret || t->stop.kind != STOP_TRAP || !trap_is_due(t))
		return ret;
	return task_run(t, how, 0);
}

/* Run it to the instruction behind it. */
static int run_repeated(struct task *t, int signo, raddr_t next)
{
	unsigned int hits = 0;
	int ret = task_debug_set(t, DEBUG_STEP_SLOT, DEBUG_EXECUTE, next, 1);

	if (ret)
		return ret;
	ret = task_run_to_trap(t, PTRACE_CONT, signo);
	if (ret || t->stop.kind == STOP_EXITED)
		return ret ? ret : STEP_STOPPED;
	if (task_debug_trap(t) != DEBUG_BREAKPOINT)
		ret = STEP_STOPPED;
	else if (!(ret = task_debug_hits(t, &hits)))
		ret = hits & 1u << DEBUG_STEP_SLOT ? STEP_DONE : STEP_BREAKPOINT;
	task_debug_clear(t, DEBUG_STEP_SLOT);
	/* A breakpoint of somebody else's may be at `next` too, and is still to be met. */
	if (ret == STEP_DONE && task_set_resume_flag(t, false))
		return -ESRCH;
	return ret;
}

static int hide_pushed_trap_flag(struct task *t)
{
	uint8_t flags;
	int ret = task_regs(t);

	if (ret || mm_read(t->mm, t->regs.u.rsp + 1, &flags, 1))
		return ret;
	flags &= ~(FLAG_TRAP >> 8);
	mm_write(t->mm, t->regs.u.rsp + 1, &flags, 1);
	return 0;
}

int task_step(struct task *t, int signo, bool iteration, struct insn *insn)
{
	bool own_trap_flag;
	int ret = task_insn(t, insn);

	if (ret)
		return ret;
	if (insn->class == INSN_SYSCALL)
		return STEP_SYSCALL;
	if (insn->class == INSN_REPEAT && !iteration)
		return run_repeated(t, signo, t->regs.u.rip + insn->length);
	own_trap_flag = t->regs.u.eflags & FLAG_TRAP;
	ret = task_run_to_trap(t, PTRACE_SINGLESTEP, signo);
	if (ret)
		return ret;
	switch (task_debug_trap(t)) {
	case DEBUG_STEPPED:
		break;
	case DEBUG_BREAKPOINT:
		return STEP_BREAKPOINT;
	case DEBUG_NO_TRAP:
		return STEP_STOPPED;
	}
	if (insn->class == INSN_PUSHF && !own_trap_flag && !signo)
		ret = hide_pushed_trap_flag(t);
	return ret ? ret : STEP_DONE;
}
