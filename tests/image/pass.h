/*
 * What stands for the agent when images run without rr: the program makes its calls itself.
 */
#ifndef TESTS_IMAGE_PASS_H
#define TESTS_IMAGE_PASS_H

#include "mem/layout.h"

static const uint8_t pass_through[] = {0xff, 0xe1}; /* jmp rcx */

static inline void pass_enter(struct tick_page *page)
{
	page->enter_call = AGENT_CODE;
}

static inline bool in_agent(uint64_t pc)
{
	return pc >= AGENT_CODE && pc < OURS_END;
}

#endif
