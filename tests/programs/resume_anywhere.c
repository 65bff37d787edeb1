/* sigreturn and setcontext into every instruction of loops. modes: all */
#include "check.h"
#include "code.h"

#include <ucontext.h>

#define PLACES 10
#define TRIPS  5

/*
 * Each adds another power of two at each of PLACES instructions, edi trips; begun at an instruction
 * in the middle it does the rest of the first trip. Short ones, so that several lie in one window.
 */
unsigned long two_bytes(long trips);
unsigned long mixed(long trips);
unsigned long padded(long trips);
unsigned long upwards(long trips);

#define PLACE_TABLE(name)                                                                       \
	".long 10b-" name ", 11b-" name ", 12b-" name ", 13b-" name ", 14b-" name ", 15b-" name \
	", 16b-" name ", 17b-" name ", 18b-" name ", 19b-" name

ASM_FUNCTION(mixed,
	     "xor %eax, %eax\n"
	     "10: add $1, %eax\n 11: lea 2(%rax), %rax\n 12: add $4, %al\n adc $0, %ah\n"
	     "13: {disp32} lea 8(%rax), %rax\n 14: add $16, %eax\n 15: add $32, %rax\n"
	     "16: lea 64(,%rax), %rax\n 17: add $128, %eax\n 18: lea 256(%rax), %eax\n"
	     "19: add $512, %eax\n dec %edi\n jnz 10b\n ret",
	     PLACE_TABLE("mixed"));
ASM_FUNCTION(two_bytes,
	     "xor %eax, %eax\n xor %ecx, %ecx\n xor %edx, %edx\n xor %esi, %esi\n"
	     "10: inc %eax\n 11: inc %ecx\n 12: inc %edx\n 13: inc %esi\n 14: inc %eax\n"
	     "15: inc %ecx\n 16: inc %edx\n 17: inc %esi\n 18: inc %eax\n 19: inc %ecx\n"
	     "dec %edi\n jnz 10b\n shl $16, %rcx\n shl $32, %rdx\n shl $48, %rsi\n"
	     "or %rcx, %rax\n or %rdx, %rax\n or %rsi, %rax\n ret",
	     PLACE_TABLE("two_bytes"));
ASM_FUNCTION(padded,
	     "xor %eax, %eax\n"
	     "10: add $1, %eax\n nop\n 11: add $2, %eax\n xchg %ax, %ax\n"
	     "12: add $4, %eax\n nopl (%rax)\n 13: add $8, %eax\n nopl 0(%rax,%rax)\n"
	     "14: add $16, %eax\n 15: add $32, %eax\n {disp32} nopl 0(%rax)\n"
	     "16: add $64, %eax\n 17: add $128, %eax\n nopw 0(%rax,%rax)\n"
	     "18: add $256, %eax\n 19: add $512, %eax\n sub $1, %edi\n jg 10b\n ret",
	     PLACE_TABLE("padded"));
/* The loop's end is before its start. */
ASM_FUNCTION(upwards,
	     "xor %eax, %eax\n jmp 10f\n 1: dec %edi\n jnz 10f\n ret\n"
	     "10: add $1, %eax\n 11: add $2, %eax\n 12: add $4, %eax\n 13: add $8, %eax\n"
	     "14: add $16, %eax\n 15: add $32, %eax\n 16: add $64, %eax\n"
	     "17: add $128, %eax\n 18: add $256, %eax\n 19: add $512, %eax\n"
	     "jmp 1b",
	     PLACE_TABLE("upwards"));

extern const uint32_t mixed_at[], two_bytes_at[], padded_at[], upwards_at[];

static const struct loop {
	const char *name;
	unsigned long (*run)(long trips);
	const uint32_t *at;
} loops[] = {
	{"mixed", mixed, mixed_at},
	{"two bytes", two_bytes, two_bytes_at},
	{"padded", padded, padded_at},
	{"upwards", upwards, upwards_at},
};

static const struct loop *running;
static volatile int place;

/* At the instruction with label 10 + `place`, as if the loop had been entered there. */
static void enter(greg_t *r)
{
	r[REG_RIP] = (greg_t)((uintptr_t)running->run + running->at[place]);
	r[REG_RAX] = r[REG_RCX] = r[REG_RDX] = r[REG_RSI] = 0;
	r[REG_RDI] = TRIPS;
	r[REG_EFL] &= ~1L;
}

static void handler(int sig, siginfo_t *si, void *context)
{
	enter(((ucontext_t *)context)->uc_mcontext.gregs);
}

/* Raises the signal where the loop's `ret` will return. */
unsigned long by_signal(void);
ASM_FUNCTION(by_signal, "call 1f\n ret\n 1: ud2", "");

static ucontext_t context, back;
static volatile unsigned long result;
static char stack[65536];

static void never(void)
{
	CHECK(!"reached");
}

static void keep(void)
{
	unsigned long value;

	asm volatile("" : "=a"(value));
	result = value;
	setcontext(&back);
}

/* setcontext sets rip, rdi and rsp; it leaves rax = 0, and rcx, rdx and rsi as they were. */
static unsigned long by_setcontext(void)
{
	uintptr_t *sp;

	CHECK(getcontext(&context) == 0);
	context.uc_stack.ss_sp = stack;
	context.uc_stack.ss_size = sizeof(stack);
	context.uc_link = NULL;
	makecontext(&context, never, 0);
	sp = (uintptr_t *)(((uintptr_t)stack + sizeof(stack) - 256) & ~15UL);
	*--sp = (uintptr_t)keep;
	enter(context.uc_mcontext.gregs);
	context.uc_mcontext.gregs[REG_RSP] = (greg_t)sp;
	CHECK(swapcontext(&back, &context) == 0);
	return result;
}

static unsigned long expected(void)
{
	unsigned long all = (1 << PLACES) - 1, counts[4] = {0};

	if (running->run != two_bytes)
		return TRIPS * all - ((1UL << place) - 1);
	for (int i = 0; i < PLACES * TRIPS; i++)
		counts[i % PLACES % 4] += i >= place;
	return counts[0] | counts[1] << 16 | counts[2] << 32 | counts[3] << 48;
}

int main(void)
{
	on_siginfo(SIGILL, handler, 0);
	for (size_t i = 0; i < NELEM(loops); i++) {
		uint64_t h = 0;

		running = &loops[i];
		place = 0;
		CHECK(running->run(TRIPS) == expected());
		for (int j = 0; j < 3 * PLACES; j++) {
			place = j % PLACES;
			mix(&h, by_signal());
			CHECK(by_signal() == expected());
			mix(&h, by_setcontext());
			CHECK(result == expected());
		}
		printf("%s: %lx\n", running->name, h);
	}
	return 0;
}
