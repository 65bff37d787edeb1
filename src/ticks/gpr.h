/* General registers by the CPU's numbers. */
#ifndef TICKS_GPR_H
#define TICKS_GPR_H

#include "abi/regs.h"

enum { GPR_RAX, GPR_RCX, GPR_RSP = 4, N_GPRS = 16 };

static inline uint64_t gpr(const struct regs *r, unsigned int number)
{
	const unsigned long long in_order[N_GPRS] = {
		r->u.rax, r->u.rcx, r->u.rdx, r->u.rbx, r->u.rsp, r->u.rbp, r->u.rsi, r->u.rdi,
		r->u.r8,  r->u.r9,  r->u.r10, r->u.r11, r->u.r12, r->u.r13, r->u.r14, r->u.r15,
	};

	return in_order[number];
}

#endif
