/* int3 raises SIGTRAP in the program; so does raise(). modes: all */
#include "check.h"

static volatile int traps, steps;

static void handler(int sig, siginfo_t *si, void *uc)
{
	if (si->si_code == TRAP_TRACE)
		steps++;
	else
		traps++;
}

int main(void)
{
	on_siginfo(SIGTRAP, handler, 0);
	for (int i = 0; i < 10; i++)
		asm volatile("int3");
	CHECK(traps == 10 && steps == 0);
	raise(SIGTRAP);
	CHECK(traps == 11);
	printf("%d\n", traps);
	return 0;
}
