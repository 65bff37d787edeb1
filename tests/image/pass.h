/*
 * What stands for the agent when images run without rr: the program makes its calls itself, and the
 * CPU executes all instructions.
 */
#ifndef TESTS_IMAGE_PASS_H
#define TESTS_IMAGE_PASS_H

#include "mem/layout.h"

#define LE32(x) (x) & 0xff, (x) >> 8 & 0xff, (x) >> 16 & 0xff, (x) >> 24

static const uint8_t pass_through[] = {
	0xff,
	0xe1, /* jmp rcx */
	/* xchg [saved_rcx], rcx; jmp [saved_rcx] */
	0x48,
	0x87,
	0x0c,
	0x25,
	LE32(TICK_SAVED_RCX),
	0xff,
	0x24,
	0x25,
	LE32(TICK_SAVED_RCX),
};

static inline void pass_enter(struct tick_page *page)
{
	page->enter_call = AGENT_CODE;
	page->enter_insn = AGENT_CODE + 2;
}

static inline bool in_agent(uint64_t pc)
{
	return pc >= AGENT_CODE && pc < OURS_END;
}

#endif
