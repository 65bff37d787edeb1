/* SIGFPE and SIGILL handlers that skip the instruction; codes and addresses. modes: all */
#include "check.h"

#include <ucontext.h>

static volatile int fpe, ill, skip;

static void handler(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;

	if (sig == SIGFPE) {
		fpe++;
		CHECK(si->si_code == FPE_INTDIV);
	} else {
		ill++;
		CHECK(si->si_code == ILL_ILLOPN);
	}
	CHECK(si->si_addr == (void *)uc->uc_mcontext.gregs[REG_RIP]);
	uc->uc_mcontext.gregs[REG_RIP] += skip;
}

int main(void)
{
	on_siginfo(SIGFPE, handler, 0);
	on_siginfo(SIGILL, handler, 0);
	for (int i = 0; i < 20; i++) {
		skip = 2;
		asm volatile("xor %%edx, %%edx\n mov $5, %%eax\n xor %%ecx, %%ecx\n div %%ecx" ::
				     : "rax", "rdx", "rcx", "cc");
		asm volatile("ud2");
	}
	CHECK(fpe == 20 && ill == 20);
	printf("%d %d\n", fpe, ill);
	return 0;
}
