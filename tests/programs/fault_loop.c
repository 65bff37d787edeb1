/* Faults of many kinds inside of tight loops: what handlers are told, skipping them. modes: all */
#include "check.h"
#include "code.h"

#include <ucontext.h>

#define TRIPS 50

/* Each has a faulting instruction between labels 8 and 9, and makes TRIPS trips. */
#define LOOP(name, before, insn)                                                       \
	unsigned long name(void);                                                      \
	ASM_FUNCTION(name,                                                             \
		     "xor %r9d, %r9d\n mov $8, %esi\n mov $50, %r8d\n" before "\n"     \
		     "1: lea 3(%r9), %r9\n 8: " insn "\n 9: add %r8, %r9\n dec %r8d\n" \
		     "jnz 1b\n mov %r9, %rax\n ret",                                   \
		     ".long 8b-" #name ", 9b-" #name)
/* The same, with the loop head at the instruction, and another way round. */
#define HEAD(name, before, insn)                                                       \
	unsigned long name(void);                                                      \
	ASM_FUNCTION(name,                                                             \
		     "xor %r9d, %r9d\n mov $8, %esi\n mov $50, %r8d\n" before "\n"     \
		     "8: " insn "\n 9: add $3, %r9\n add %r8, %r9\n dec %r8\n jz 7f\n" \
		     "jmp 8b\n 7: mov %r9, %rax\n ret",                                \
		     ".long 8b-" #name ", 9b-" #name)

LOOP(load, "", "mov (%rsi), %ecx");
HEAD(load_at_head, "", "mov (%rsi), %ecx");
LOOP(load_long, "", "mov 0x1000(%rsi,%rsi,8), %rcx");
HEAD(store, "", "mov %r8d, (%rsi)");
LOOP(store_immediate, "", "movq $-1, 0x100(%rsi)");
HEAD(store_at_head, "", "movq $-1, 0x100(%rsi)");
LOOP(modify, "", "addl $5, (%rsi)");
LOOP(locked, "", "lock incq (%rsi)");
LOOP(compare, "", "cmpb $0, (%rsi)");
HEAD(noncanonical, "movabs $0x8000000000000000, %rsi", "mov (%rsi), %eax");
LOOP(misaligned, "mov %rsp, %rsi\n or $1, %rsi", "movaps (%rsi), %xmm1");
LOOP(string, "mov $100, %ecx\n mov $8, %edi", "rep stosb");
LOOP(push_memory, "", "pushq (%rsi)");
LOOP(pop_memory, "push $0\n pop %rax", "popq (%rsi)");
LOOP(divide, "xor %ecx, %ecx\n xor %edx, %edx\n mov $7, %eax", "div %ecx");
HEAD(divide_at_head, "xor %ecx, %ecx\n xor %edx, %edx\n mov $7, %eax", "idiv %rcx");
LOOP(divide_overflow, "mov $-1, %ecx\n mov $0x80000000, %eax\n mov $-1, %edx", "idiv %ecx");
LOOP(undefined, "", "ud2");
HEAD(undefined_at_head, "", "ud2");
LOOP(bad_lock, "", ".byte 0xf0, 0x90");
LOOP(halt, "", "hlt");
HEAD(halt_at_head, "", "hlt");
LOOP(port, "mov $0x80, %edx", "in (%dx), %al");
LOOP(control, "", "mov %cr0, %rcx");
LOOP(interrupt, "", "int $0x81");
LOOP(breakpoint, "", "int3");
HEAD(breakpoint_at_head, "", "int3");
LOOP(breakpoint_long, "", ".byte 0xcd, 0x03");
LOOP(call_bad, "", "call *%rsi");
HEAD(call_bad_memory, "lea bad_target(%rip), %rdi", "call *(%rdi)");
LOOP(jump_bad, "", "jmp *%rsi");

static const struct fault {
	const char *name;
	unsigned long (*run)(void);
	const uint32_t *at;
	int sig, code;
	enum { ADDRESS, RIP, ZERO, JUMP, CALL } what;
	unsigned long address;
} faults[] = {
	{"load", load, load_at, SIGSEGV, SEGV_MAPERR, ADDRESS, 8},
	{"load at the head", load_at_head, load_at_head_at, SIGSEGV, SEGV_MAPERR, ADDRESS, 8},
	{"long load", load_long, load_long_at, SIGSEGV, SEGV_MAPERR, ADDRESS, 0x1048},
	{"store", store, store_at, SIGSEGV, SEGV_MAPERR, ADDRESS, 8},
	{"store a constant", store_immediate, store_immediate_at, SIGSEGV, SEGV_MAPERR, ADDRESS,
	 0x108},
	{"store at the head", store_at_head, store_at_head_at, SIGSEGV, SEGV_MAPERR, ADDRESS,
	 0x108},
	{"modify", modify, modify_at, SIGSEGV, SEGV_MAPERR, ADDRESS, 8},
	{"locked", locked, locked_at, SIGSEGV, SEGV_MAPERR, ADDRESS, 8},
	{"compare", compare, compare_at, SIGSEGV, SEGV_MAPERR, ADDRESS, 8},
	{"noncanonical", noncanonical, noncanonical_at, SIGSEGV, SI_KERNEL, ZERO, 0},
	{"misaligned", misaligned, misaligned_at, SIGSEGV, SI_KERNEL, ZERO, 0},
	{"string", string, string_at, SIGSEGV, SEGV_MAPERR, ADDRESS, 8},
	{"push memory", push_memory, push_memory_at, SIGSEGV, SEGV_MAPERR, ADDRESS, 8},
	{"pop memory", pop_memory, pop_memory_at, SIGSEGV, SEGV_MAPERR, ADDRESS, 8},
	{"divide", divide, divide_at, SIGFPE, FPE_INTDIV, RIP, 0},
	{"divide at the head", divide_at_head, divide_at_head_at, SIGFPE, FPE_INTDIV, RIP, 0},
	{"divide, overflow", divide_overflow, divide_overflow_at, SIGFPE, FPE_INTDIV, RIP, 0},
	{"undefined", undefined, undefined_at, SIGILL, ILL_ILLOPN, RIP, 0},
	{"undefined at the head", undefined_at_head, undefined_at_head_at, SIGILL, ILL_ILLOPN, RIP,
	 0},
	{"bad lock", bad_lock, bad_lock_at, SIGILL, ILL_ILLOPN, RIP, 0},
	{"halt", halt, halt_at, SIGSEGV, SI_KERNEL, ZERO, 0},
	{"halt at the head", halt_at_head, halt_at_head_at, SIGSEGV, SI_KERNEL, ZERO, 0},
	{"port", port, port_at, SIGSEGV, SI_KERNEL, ZERO, 0},
	{"control register", control, control_at, SIGSEGV, SI_KERNEL, ZERO, 0},
	{"interrupt", interrupt, interrupt_at, SIGSEGV, SI_KERNEL, ZERO, 0},
	{"breakpoint", breakpoint, breakpoint_at, SIGTRAP, SI_KERNEL, ZERO, 0},
	{"breakpoint at the head", breakpoint_at_head, breakpoint_at_head_at, SIGTRAP, SI_KERNEL,
	 ZERO, 0},
	{"long breakpoint", breakpoint_long, breakpoint_long_at, SIGTRAP, SI_KERNEL, ZERO, 0},
	{"call nowhere", call_bad, call_bad_at, SIGSEGV, SEGV_MAPERR, CALL, 8},
	{"call nowhere from memory", call_bad_memory, call_bad_memory_at, SIGSEGV, SEGV_MAPERR,
	 CALL, 8},
	{"jump nowhere", jump_bad, jump_bad_at, SIGSEGV, SEGV_MAPERR, JUMP, 8},
};

__attribute__((used)) static void *const volatile bad_target = (void *)8;
static const struct fault *running;
static volatile int hits;
static uint64_t seen;

static void handler(int sig, siginfo_t *si, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	unsigned long start = (uintptr_t)running->run, before = start + running->at[0],
		      after = start + running->at[1], rip = r[REG_RIP];

	hits++;
	for (int i = REG_R8; i <= REG_RIP; i++)
		mix(&seen, r[i]);
	/* What is undefined behind a division goes from one trip into the next one's flags. */
	if (sig != SIGFPE)
		mix(&seen, r[REG_EFL]);
	CHECK(sig == running->sig && si->si_code == running->code);
	CHECK((unsigned long)r[REG_R8] == TRIPS + 1UL - hits);
	CHECK(!(r[REG_EFL] & 0x100)); /* TF */
	switch (running->what) {
	case ADDRESS:
		CHECK((uintptr_t)si->si_addr == running->address);
		break;
	case RIP:
		CHECK((uintptr_t)si->si_addr == before);
		break;
	case ZERO:
		CHECK(si->si_addr == NULL);
		break;
	case CALL:
		/* As if the function had returned at once. */
		CHECK(rip == 8 && (uintptr_t)si->si_addr == 8);
		CHECK(*(unsigned long *)r[REG_RSP] == after);
		r[REG_RSP] += 8;
		r[REG_RIP] = after;
		return;
	case JUMP:
		CHECK(rip == 8 && (uintptr_t)si->si_addr == 8);
		r[REG_RIP] = after;
		return;
	}
	CHECK(rip == (sig == SIGTRAP ? after : before));
	r[REG_RIP] = after;
}

int main(void)
{
	static const int signals[] = {SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGBUS};
	unsigned long expected = 0;

	for (size_t i = 0; i < NELEM(signals); i++)
		on_siginfo(signals[i], handler, 0);
	for (unsigned long i = TRIPS; i; i--)
		expected += 3 + i;
	for (size_t i = 0; i < NELEM(faults); i++) {
		running = &faults[i];
		seen = hits = 0;
		CHECK(running->run() == expected);
		CHECK(hits == TRIPS);
		printf("%s: %lx\n", running->name, seen);
	}
	return 0;
}
