/*
 * Stopping a tracee at an address, or after an instruction, without changing its code: the debug
 * registers (SDM vol. 3, 17.2) and single steps.
 *
 * A task has four slots, each for an address; nobody but the caller uses them, and a new task has
 * none. An execution breakpoint stops before its instruction, and the kernel sets RF in the
 * registers then (arch/x86/kernel/hw_breakpoint.c), so that the task just goes on from it when it
 * is resumed. A watchpoint stops after the access. Both are reported as SIGTRAP.
 */
#ifndef TASK_DEBUG_H
#define TASK_DEBUG_H

#include "task/task.h"

#define N_DEBUG_SLOTS	4
#define DEBUG_STEP_SLOT 3 /* of task_step() */

enum debug_kind { /* as in DR7 */
		  DEBUG_EXECUTE = 0,
		  DEBUG_WRITE = 1,
		  DEBUG_ACCESS = 3,
};

/* Watch `len` bytes (1, 2, 4 or 8, aligned; of DEBUG_EXECUTE 1) at `addr`. 0 or -errno. */
int task_debug_set(struct task *t, int slot, enum debug_kind kind, raddr_t addr, unsigned int len);
int task_debug_clear(struct task *t, int slot);

/* What a stopped task's SIGTRAP is. */
enum debug_trap {
	DEBUG_NO_TRAP,	  /* not from here: sent by somebody, int3, or no SIGTRAP at all */
	DEBUG_STEPPED,	  /* a single step is done */
	DEBUG_BREAKPOINT, /* a slot's address was met, and no step is done */
};
enum debug_trap task_debug_trap(struct task *t);
/* The slots that the last trap was of: bit N is slot N. 0 or -errno. */
int task_debug_hits(struct task *t, unsigned int *slots);
/* The kernel keeps them until the next trap, also of a single step that meets none. */
int task_debug_forget_hits(struct task *t);

#define FLAG_RESUME (1ULL << 16) /* RF */
/* The task must not run into a breakpoint at the very address where it is: set, or clear, RF. */
int task_set_resume_flag(struct task *t, bool on);

/* --- instructions --- */

/* As far as counting and stepping have to know them. */
enum insn_class {
	INSN_OTHER,
	INSN_BRANCH,  /* jcc, jrcxz, loop: a conditional branch */
	INSN_REPEAT,  /* a string instruction with a rep prefix */
	INSN_PUSHF,   /* would push the TF of a single step */
	INSN_SYSCALL, /* syscall, sysenter, int 0x80 */
};

struct insn {
	enum insn_class class;
	uint8_t length; /* of INSN_REPEAT and INSN_SYSCALL */
	uint8_t opcode; /* its last byte, of INSN_REPEAT */
};

#define INSN_MAX 15
struct insn insn_decode(const uint8_t *code, size_t n, bool long_mode);
/* The one that a stopped task is at. 0, -ESRCH; one that cannot be read is INSN_OTHER. */
int task_insn(struct task *t, struct insn *insn);

/* --- steps --- */

enum step {
	STEP_DONE,	 /* the instruction was executed */
	STEP_SYSCALL,	 /* nothing was done: a step would make a system call behind our back */
	STEP_BREAKPOINT, /* nothing was done: the instruction has a breakpoint, or a repeated one
			  * met a watchpoint */
	STEP_STOPPED,	 /* t->stop is something else: a signal, of the instruction or from
			  * elsewhere, or the task's end */
};

/*
 * task_run() to the SIGTRAP of a step or a slot. The kernel reports an interrupt, and that SIGCONT
 * came, before a signal that is due: such a stop is passed by then, or the program would be killed
 * by the SIGTRAP when it is resumed.
 */
int task_run_to_trap(struct task *t, int how, int signo);

/*
 * Execute one instruction of a task that stands in the program's code, with `signo` delivered
 * first: enum step or -errno. `insn` says what it is (was). A repeated one is run to its end at
 * full speed; with `iteration`, one of its rounds is done. Flags that it pushes are without the TF
 * of the step.
 *
 * After STEP_STOPPED by a signal the instruction was not executed. After a stop for job control it
 * may have been: the SIGTRAP of a step (DEBUG_STEPPED) comes at the next resumption then.
 */
int task_step(struct task *t, int signo, bool iteration, struct insn *insn);

#endif
