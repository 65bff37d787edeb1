/*
 * Breakpoints, watchpoints and single steps of a real child, and the decoding that steps need.
 */
#include "../check.h"
#include "loops.h"

#include "base/log.h"
#include "task/debug.h"

#include <asm/unistd_64.h>

static void test_decode(void)
{
	static const struct {
		uint8_t code[6];
		bool long_mode;
		struct insn want;
	} rows[] = {
		{{0x90}, true, {INSN_OTHER, 2, 0}},
		{{0x74, 0x10}, true, {INSN_BRANCH, 2, 0}},
		{{0x2e, 0x75, 0xfe}, true, {INSN_BRANCH, 3, 0}},
		{{0xf2, 0x0f, 0x84}, true, {INSN_BRANCH, 3, 0}},
		{{0x0f, 0x90, 0xc0}, true, {INSN_OTHER, 2, 0}}, /* setcc */
		{{0x0f, 0x45, 0xc1}, true, {INSN_OTHER, 2, 0}}, /* cmovcc */
		{{0xe2, 0xfe}, true, {INSN_BRANCH, 2, 0}},
		{{0x67, 0xe3, 0x00}, true, {INSN_BRANCH, 3, 0}},
		{{0xe8}, true, {INSN_OTHER, 2, 0}},
		{{0xeb}, true, {INSN_OTHER, 2, 0}},
		{{0xf3, 0xa4}, true, {INSN_REPEAT, 2, 0xa4}},
		{{0xf3, 0x48, 0xab}, true, {INSN_REPEAT, 3, 0xab}},
		{{0xf2, 0xae}, true, {INSN_REPEAT, 2, 0xae}},
		{{0xf3, 0x90}, true, {INSN_OTHER, 3, 0}}, /* pause */
		{{0x48, 0xa5}, true, {INSN_OTHER, 3, 0}},
		{{0x48, 0xa5}, false, {INSN_OTHER, 2, 0}}, /* dec eax */
		{{0x9c}, true, {INSN_PUSHF, 2, 0}},
		{{0x66, 0x9c}, true, {INSN_PUSHF, 3, 0}},
		{{0x0f, 0x05}, true, {INSN_SYSCALL, 2, 0}},
		{{0x0f, 0x34}, true, {INSN_SYSCALL, 2, 0}},
		{{0xcd, 0x80}, true, {INSN_SYSCALL, 2, 0}},
		{{0xcd, 0x81}, true, {INSN_OTHER, 2, 0}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct insn got =
			insn_decode(rows[i].code, sizeof(rows[i].code), rows[i].long_mode);

		CHECK_EQ(got.class, rows[i].want.class);
		if (got.class == INSN_REPEAT || got.class == INSN_SYSCALL) {
			CHECK_EQ(got.length, rows[i].want.length);
			CHECK_EQ(got.opcode, rows[i].want.opcode);
		}
	}
	CHECK_EQ(insn_decode(NULL, 0, true).class, INSN_OTHER);
	CHECK_EQ(insn_decode((const uint8_t *)"\x0f", 1, true).class, INSN_OTHER);
}

static void resume(struct task *t)
{
	CHECK(!task_resume(t, PTRACE_CONT, 0));
	while (task_wait(t) == -EINTR)
		;
	CHECK(!task_regs(t));
}

static void test_breakpoint(void)
{
	unsigned int hits;
	struct child c;

	child_start(&c, "count");
	CHECK(!task_debug_set(&c.t, 0, DEBUG_EXECUTE, c.branch, 1));
	for (int i = 1; i <= 100; i++) {
		resume(&c.t);
		CHECK_EQ(task_debug_trap(&c.t), DEBUG_BREAKPOINT);
		CHECK_EQ(c.t.regs.u.rip, c.branch);
		CHECK_EQ(child_rounds(&c), i);
		CHECK(!task_debug_hits(&c.t, &hits));
		CHECK_EQ(hits, 1);
	}
	/* Another slot watches what the loop writes: after the access. */
	CHECK(!task_debug_set(&c.t, 2, DEBUG_WRITE, c.oracle, 8));
	resume(&c.t);
	CHECK_EQ(task_debug_trap(&c.t), DEBUG_BREAKPOINT);
	CHECK(!task_debug_hits(&c.t, &hits));
	CHECK_EQ(hits, 4);
	CHECK_EQ(child_rounds(&c), 101);
	/* The slot at another place, of another kind. */
	CHECK(!task_debug_set(&c.t, 2, DEBUG_EXECUTE, c.branch, 1));
	resume(&c.t);
	CHECK(!task_debug_hits(&c.t, &hits));
	CHECK_EQ(hits, 5);
	CHECK(!task_debug_clear(&c.t, 0));
	CHECK(!task_debug_clear(&c.t, 2));
	CHECK(!task_debug_clear(&c.t, 2));
	CHECK_EQ(child_finish(&c), 5000 * 5001 / 2);
	CHECK_EQ(child_rounds(&c), 5000);
	child_kill(&c);
}

#define NOPS_BEHIND 3 /* behind each scenario's body */

/* From the beginning to the second int3, instruction by instruction. */
static uint64_t step_through(const char *scenario, bool iterations, uint64_t *steps)
{
	struct insn insn;
	struct child c;
	uint64_t result;
	int ret;

	child_start(&c, scenario);
	*steps = 0;
	while ((ret = task_step(&c.t, 0, iterations, &insn)) == STEP_DONE)
		++*steps;
	CHECK_EQ(ret, STEP_STOPPED);
	CHECK_EQ(task_debug_trap(&c.t), DEBUG_NO_TRAP);
	CHECK(!task_regs(&c.t));
	result = c.t.regs.u.rax;
	child_kill(&c);
	return result;
}

static void test_steps(void)
{
	uint64_t steps, whole;

	CHECK_EQ(step_through("stack", false, &steps), child_result("stack"));
	CHECK_EQ(steps, 2 + 1500 * 12 + NOPS_BEHIND);
	CHECK_EQ(step_through("calls", false, &steps), child_result("calls"));
	CHECK_EQ(step_through("copy", true, &steps), child_result("copy"));
	CHECK(steps > 4 * 5000);
	CHECK_EQ(step_through("copy", false, &whole), child_result("copy"));
	CHECK_EQ(whole, 2 + 4 * 15 + 2 + NOPS_BEHIND);
}

static void test_step_stops(void)
{
	struct insn insn;
	struct child c;
	int n = 0;

	/* A system call is not stepped into. */
	child_start(&c, "syscalls");
	while (task_step(&c.t, 0, false, &insn) == STEP_DONE)
		n++;
	CHECK_EQ(n, 2);
	CHECK_EQ(insn.class, INSN_SYSCALL);
	CHECK_EQ(task_step(&c.t, 0, false, &insn), STEP_SYSCALL);
	CHECK_EQ(child_finish(&c), 20);
	child_kill(&c);

	/* A breakpoint, which the instruction is behind when it is stepped again. */
	child_start(&c, "count");
	CHECK(!task_debug_set(&c.t, 1, DEBUG_EXECUTE, c.branch, 1));
	n = 0;
	while (task_step(&c.t, 0, false, &insn) == STEP_DONE)
		n++;
	CHECK_EQ(n, 2 + 3);
	CHECK_EQ(task_debug_trap(&c.t), DEBUG_BREAKPOINT);
	CHECK_EQ(task_step(&c.t, 0, false, &insn), STEP_DONE);
	CHECK_EQ(insn.class, INSN_BRANCH);
	child_kill(&c);

	/* A signal comes first; the instruction is done by the next step. */
	child_start(&c, "count");
	CHECK(!task_kill(&c.t, SIGUSR1));
	CHECK_EQ(task_step(&c.t, 0, false, &insn), STEP_STOPPED);
	CHECK_EQ(c.t.stop.signo, SIGUSR1);
	CHECK_EQ(task_step(&c.t, 0, false, &insn), STEP_DONE);
	CHECK_EQ(child_finish(&c), 5000 * 5001 / 2);
	child_kill(&c);

	/* The flag that would make it pass a breakpoint. */
	child_start(&c, "count");
	CHECK(!task_debug_set(&c.t, 0, DEBUG_EXECUTE, c.t.regs.u.rip, 1));
	CHECK(!task_set_resume_flag(&c.t, true));
	CHECK_EQ(task_step(&c.t, 0, false, &insn), STEP_DONE);
	child_kill(&c);
}

/* Signals while every instruction is stepped: none is lost, none done twice. */
static void test_pestered_steps(void)
{
	struct insn insn;
	struct child c;
	int ret, signals = 0;

	child_start(&c, "stack");
	child_pester(&c, SIGUSR1);
	for (;;) {
		ret = task_step(&c.t, 0, false, &insn);
		if (ret == STEP_STOPPED && c.t.stop.signo == SIGUSR1)
			signals++;
		else if (ret != STEP_DONE)
			break;
	}
	child_quiet();
	CHECK_EQ(ret, STEP_STOPPED);
	CHECK(signals > 10);
	CHECK(!task_regs(&c.t));
	CHECK_EQ(c.t.regs.u.rax, child_result("stack"));
	CHECK_EQ(child_rounds(&c), 1500);
	child_kill(&c);
}

/* Let the child queue a SIGTRAP for itself as if it had been stepped: it stays due. */
static void raise_step_trap(struct child *c)
{
	const raddr_t at = c->t.regs.u.rsp - 1024;
	const siginfo_t si = {.si_signo = SIGTRAP, .si_code = TRAP_TRACE};
	int64_t result;

	c->t.mm->syscall_insn = c->t.regs.u.rdx;
	CHECK(!mm_write(c->t.mm, at, &si, sizeof(si)));
	CHECK(!task_remote_syscall(&c->t, &result, __NR_rt_tgsigqueueinfo,
				   REMOTE_ARGS(c->t.tgid, c->t.tid, SIGTRAP, at)));
	CHECK_EQ(result, 0);
}

/* The kernel reports an interrupt before it: it must not be left for later. */
static void test_trap_behind_interrupt(void)
{
	struct child c;
	raddr_t at;

	child_start(&c, "count");
	CHECK(!task_regs(&c.t));
	at = c.t.regs.u.rip;
	raise_step_trap(&c);
	CHECK(!task_interrupt(&c.t));
	CHECK(!task_run_to_trap(&c.t, PTRACE_SINGLESTEP, 0));
	CHECK_EQ(c.t.stop.kind, STOP_SIGNAL);
	CHECK_EQ(c.t.stop.signo, SIGTRAP);
	CHECK(!task_regs(&c.t));
	CHECK_EQ(c.t.regs.u.rip, at);
	child_kill(&c);
}

/* One cannot be blocked while a call is made for us: the call is made, and it comes afterwards. */
static void test_stopped_in_call(void)
{
	struct child c;
	int64_t result;

	child_start(&c, "count");
	CHECK(!task_regs(&c.t));
	c.t.mm->syscall_insn = c.t.regs.u.rdx;
	CHECK(!task_kill(&c.t, SIGSTOP));
	CHECK(!task_remote_syscall(&c.t, &result, __NR_getpid, REMOTE_ARGS(0)));
	CHECK_EQ(result, c.t.tgid);
	CHECK(!task_run(&c.t, PTRACE_CONT, 0));
	CHECK_EQ(c.t.stop.kind, STOP_SIGNAL);
	CHECK_EQ(c.t.stop.signo, SIGSTOP);
	child_kill(&c);
}

int main(int argc, char **argv)
{
	loops_child(argc, argv);
	setlinebuf(stdout);
	test_decode();
	test_breakpoint();
	test_steps();
	test_step_stops();
	test_pestered_steps();
	test_trap_behind_interrupt();
	test_stopped_in_call();
	return check_status("debug registers and steps");
}
