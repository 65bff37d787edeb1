/*
 * Addresses in tracees that are ours.
 *
 * Every replayed address space starts from a program of one page, the stub, which holds a `syscall`
 * instruction, and a page for arguments of remote calls. The recorder keeps programs away from
 * there.
 *
 * Behind them lies what is mapped in recorded and replayed processes alike: memory that all tracees
 * and the tracer share, then the agent's code. The shared memory begins with the tick page, in
 * which instrumented code counts; it goes on with the agent's state and stack. Sharing is sound
 * because only one task runs at a time; the tracer swaps what is a task's own when it switches
 * tasks.
 *
 * The agent's buffer is too large for a place that no program is linked to. It lies far above:
 * below the 4 GB from which the kernel serves mappings first, and where the sanitizers' layouts
 * have memory of the program's.
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
#define AGENT_ECHO	  0x110000
#define SHARED_END	  0x120000
#define AGENT_CODE	  0x120000
#define AGENT_VVAR	  0x150000 /* recording: the vDSO's data, then a copy of its code */
#define OURS_END	  0x160000 /* of what is ours from STUB_PAGE on */

#define AGENT_BUFFER	  0x7ffe00000000
#define AGENT_BUFFER_SIZE 0x200000
#define AGENT_BUFFER_END  (AGENT_BUFFER + AGENT_BUFFER_SIZE)
#define AGENT_ECHO_SIZE	  (SHARED_END - AGENT_ECHO)

/* The end of all that a program can map. */
#define TASK_SIZE_X86_64 0x7ffffffff000ULL

/* All that is ours at fixed addresses, as an initializer of struct mm_range[]. */
#define OURS_RANGES                                    \
	{                                              \
		{STUB_PAGE, OURS_END},                 \
		{                                      \
			AGENT_BUFFER, AGENT_BUFFER_END \
		}                                      \
	}

/* Instrumented code knows these addresses. */
#define TICK_REMAINING	(TICK_PAGE + 0)
#define TICK_SAVED_RCX	(TICK_PAGE + 8)
#define TICK_ENTER_CALL (TICK_PAGE + 16)
#define TICK_ENTER_INSN (TICK_PAGE + 24)
#define TICK_PATH	(TICK_PAGE + 64)

#ifndef __ASSEMBLER__
#include <stdbool.h>
#include <stdint.h>

/* Whether some of [start, end) is ours. */
static inline bool overlaps_ours(uint64_t start, uint64_t end)
{
	return (start < OURS_END && end > STUB_PAGE) ||
	       (start < AGENT_BUFFER_END && end > AGENT_BUFFER);
}

static inline bool addr_is_ours(uint64_t addr)
{
	return overlaps_ours(addr, addr + 1);
}

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
