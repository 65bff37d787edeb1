/*
 * Addresses in tracees that are ours.
 *
 * Every replayed address space starts from a program of one page, the stub, which holds a `syscall`
 * instruction, and a page for arguments of remote calls. The recorder keeps programs away from
 * there.
 *
 * Behind them lies what is mapped in recorded and replayed processes alike: memory that all tracees
 * and the tracer share, then the agent's code. The shared memory begins with the tick page, in
 * which instrumented code counts; it goes on with the agent's state, stack and buffer. Sharing is
 * sound because only one task runs at a time; the tracer swaps what is a task's own when it
 * switches tasks.
 */
#ifndef MEM_LAYOUT_H
#define MEM_LAYOUT_H

#define STUB_PAGE	  0x100000
#define STUB_DATA	  0x101000
#define STUB_END	  0x102000
#define STUB_SYSCALL	  (STUB_PAGE + 0x100)

#define TICK_PAGE	  0x102000
#define AGENT_STATE	  0x103000
#define AGENT_STACK	  0x110000 /* it grows down from here */
#define AGENT_BUFFER	  0x110000
#define AGENT_ECHO	  0x150000
#define SHARED_END	  0x160000
#define AGENT_CODE	  0x160000
#define OURS_END	  0x1a0000 /* of all that is ours, from STUB_PAGE */

#define AGENT_BUFFER_SIZE (AGENT_ECHO - AGENT_BUFFER)
#define AGENT_ECHO_SIZE	  (SHARED_END - AGENT_ECHO)

/* Instrumented code knows these addresses. */
#define TICK_REMAINING	(TICK_PAGE + 0)
#define TICK_SAVED_RCX	(TICK_PAGE + 8)
#define TICK_ENTER_CALL (TICK_PAGE + 16)
#define TICK_ENTER_INSN (TICK_PAGE + 24)
#define TICK_PATH	(TICK_PAGE + 64)

#ifndef __ASSEMBLER__
#include <stdint.h>

struct tick_page {
	int64_t remaining;   /* ticks until the next stop; a stub traps when it becomes <= 0 */
	uint64_t saved_rcx;  /* of a stub that may not change flags */
	uint64_t enter_call; /* where a hook at a system call jumps to */
	uint64_t enter_insn; /* where a hook at an instruction jumps to */
	uint64_t reserved[4];
	char path[64]; /* argument of the tracer's remote calls */
};
#endif

#endif
