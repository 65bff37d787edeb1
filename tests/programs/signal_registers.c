/* sigreturn with registers that the handler changed: rip, rax, rsp, flags and an XMM. modes: all */
#include "check.h"

#include <ucontext.h>

static void handler(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;
	greg_t *r = uc->uc_mcontext.gregs;

	r[REG_RIP] += 2; /* ud2 */
	r[REG_RAX] = 0x1234;
	r[REG_R12] ^= 0xff;
	r[REG_EFL] |= 1; /* carry */
	uc->uc_mcontext.fpregs->_xmm[5].element[0] = 0xcafe;
}

int main(void)
{
	for (int i = 0; i < 10; i++) {
		unsigned long rax = 1, r12 = i, xmm;
		unsigned char carry;

		on_siginfo(SIGILL, handler, 0);
		asm volatile("mov %[in], %%r12\n"
			     "xor %%eax, %%eax\n"
			     "movq %%rax, %%xmm5\n"
			     "clc\n"
			     "ud2\n"
			     "setc %[carry]\n"
			     "mov %%r12, %[out]\n"
			     "movq %%xmm5, %[xmm]\n"
			     : "=a"(rax), [out] "=r"(r12), [carry] "=qm"(carry), [xmm] "=r"(xmm)
			     : [in] "r"((unsigned long)i)
			     : "r12", "xmm5", "cc", "memory");
		CHECK(rax == 0x1234 && r12 == (unsigned long)(i ^ 0xff) && carry == 1);
		CHECK((uint32_t)xmm == 0xcafe);
	}
	printf("registers as the handler set them\n");
	return 0;
}
