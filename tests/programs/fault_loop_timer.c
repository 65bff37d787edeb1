/* Faults in loops while timer signals come: each sees the program's own addresses. modes: all */
#include "check.h"
#include "code.h"

#include <sys/time.h>
#include <ucontext.h>

#define TRIPS 2000

/* A fault of each kind in a trip; edi trips. rax counts what was not skipped. */
unsigned long faults(long trips, void *bad);
ASM_FUNCTION(faults,
	     "xor %eax, %eax\n 1: inc %rax\n 10: mov (%rsi), %rdx\n 11: add $2, %rax\n"
	     "mov $20, %ecx\n 2: dec %ecx\n jnz 2b\n 12: ud2\n 13: add $4, %rax\n"
	     "mov $20, %ecx\n 3: sub $1, %ecx\n jg 3b\n"
	     "14: movq $1, 8(%rsi)\n 15: int3\n 16: lea 8(%rax), %rax\n dec %rdi\n jnz 1b\n"
	     "ret",
	     ".long 10b-faults, 11b-faults, 12b-faults, 13b-faults, 14b-faults, 15b-faults, "
	     "15b-faults, 16b-faults");

static volatile int hits, alarms;
static uint64_t seen;

static void on_fault(int sig, siginfo_t *si, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	unsigned long offset = r[REG_RIP] - (uintptr_t)faults;

	hits++;
	mix(&seen, offset);
	mix(&seen, r[REG_RDI] * 100 + r[REG_RCX]);
	if (sig == SIGTRAP) {
		CHECK(offset == faults_at[7]);
		return;
	}
	for (int i = 0; i < 6; i += 2) {
		if (offset != faults_at[i])
			continue;
		CHECK(sig == (i == 2 ? SIGILL : SIGSEGV));
		if (sig == SIGILL)
			CHECK((greg_t)si->si_addr == r[REG_RIP]);
		r[REG_RIP] += faults_at[i + 1] - faults_at[i];
		return;
	}
	CHECK(!"a fault elsewhere");
}

static void on_alarm(int sig, siginfo_t *si, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;

	CHECK(known_code(r[REG_RIP]));
	mix(&seen, r[REG_RIP]);
	alarms++;
}

int main(void)
{
	struct itimerval it = {{0, 1000}, {0, 1000}}, off = {0};

	code_init();
	on_siginfo(SIGSEGV, on_fault, SA_RESTART);
	on_siginfo(SIGILL, on_fault, SA_RESTART);
	on_siginfo(SIGTRAP, on_fault, SA_RESTART | SA_NODEFER);
	on_siginfo(SIGALRM, on_alarm, SA_RESTART);
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
	CHECK(faults(TRIPS, BAD_ADDRESS) == 15 * TRIPS);
	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
	CHECK(hits == 4 * TRIPS);
	printf("%d alarms, %lx\n", alarms, seen);
	return 0;
}
