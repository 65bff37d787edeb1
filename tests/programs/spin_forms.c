/* Waiting loops with all backward jumps, with live flags. modes: all; needs: ticks quick-landing */
#include "check.h"
#include "code.h"

#include <pthread.h>

static volatile uint32_t flag;

/* Each waits until *rdi is not 0; rsi is a number to add; *rdx gets the flags at the end. */
typedef unsigned long form(volatile uint32_t *p, unsigned long step, unsigned long *flags);

#define FORM(name, body) \
	form name;       \
	ASM_FUNCTION(name, body, "")

/* As short as can be; the assembler cannot choose another form. */
FORM(short_je, "1: cmpl $0, (%rdi)\n .byte 0x74, 1b - 2f\n 2: xor %eax, %eax\n ret");
FORM(short_jmp, "jmp 2f\n 1: cmpl $0, (%rdi)\n jne 4f\n 2: .byte 0xeb, 1b - 3f\n 3: ud2\n"
		"4: xor %eax, %eax\n ret");
FORM(near_je, "1: cmpl $0, (%rdi)\n {disp32} je 1b\n xor %eax, %eax\n ret");
FORM(counted, "xor %eax, %eax\n 1: inc %rax\n cmpl $0, (%rdi)\n je 1b\n ret");
FORM(with_pause, "xor %eax, %eax\n 1: pause\n add $1, %rax\n mov (%rdi), %ecx\n test %ecx, %ecx\n"
		 "jz 1b\n ret");
FORM(jump_at_end, "xor %eax, %eax\n 1: cmpl $0, (%rdi)\n jne 2f\n inc %eax\n jmp 1b\n 2: ret");
FORM(near_jump_at_end, "xor %eax, %eax\n 1: cmpl $0, (%rdi)\n jne 2f\n inc %eax\n"
		       "{disp32} jmp 1b\n 2: ret");
FORM(jump_into, "xor %eax, %eax\n jmp 2f\n 1: inc %rax\n 2: cmpl $0, (%rdi)\n je 1b\n ret");
FORM(jump_over, "xor %eax, %eax\n jmp 2f\n 1: cmpl $0, (%rdi)\n jne 3f\n inc %rax\n 2: jmp 1b\n"
		"3: ret");
FORM(jrcxz_back, "xor %eax, %eax\n 1: inc %rax\n mov (%rdi), %ecx\n jrcxz 1b\n ret");
FORM(jecxz_back, "xor %eax, %eax\n 1: inc %rax\n mov (%rdi), %ecx\n jecxz 1b\n ret");
FORM(loope_back, "xor %eax, %eax\n xor %ecx, %ecx\n 1: inc %rax\n cmpl $0, (%rdi)\n loope 1b\n"
		 "ret");
FORM(loop_back, "xor %eax, %eax\n 1: mov $7, %ecx\n 2: inc %rax\n loop 2b\n cmpl $0, (%rdi)\n"
		"je 1b\n ret");
FORM(loopne_back, "xor %eax, %eax\n 1: mov $9, %ecx\n 2: inc %rax\n cmp $-1, %rax\n loopne 2b\n"
		  "cmpl $0, (%rdi)\n je 1b\n ret");
FORM(register_jump, "xor %eax, %eax\n lea 1f(%rip), %rcx\n 1: inc %rax\n cmpl $0, (%rdi)\n jne 2f\n"
		    "jmp *%rcx\n 2: ret");
FORM(return_jump, "xor %eax, %eax\n lea 1f(%rip), %rcx\n 1: inc %rax\n cmpl $0, (%rdi)\n jne 2f\n"
		  "push %rcx\n ret\n 2: ret");
FORM(recursion, "xor %eax, %eax\n call 1f\n ret\n 1: inc %rax\n cmpl $0, (%rdi)\n jne 2f\n"
		"add $8, %rsp\n call 1b\n 2: ret");
FORM(parity, "xor %eax, %eax\n 1: inc %rax\n testb $0xff, (%rdi)\n jp 1b\n ret");
FORM(carry, "xor %eax, %eax\n 1: inc %rax\n btl $0, (%rdi)\n jnc 1b\n ret");
FORM(nested, "xor %eax, %eax\n 1: mov $3, %ecx\n 2: inc %rax\n dec %ecx\n jnz 2b\n"
	     "cmpl $0, (%rdi)\n je 1b\n ret");
FORM(two_exits, "xor %eax, %eax\n 1: inc %rax\n test $1, %al\n jz 1b\n cmpl $0, (%rdi)\n je 1b\n"
		"ret");

/* The flags from before the loop are there after it; rsi is what they are. */
FORM(flags_before, "xor %eax, %eax\n push %rsi\n popf\n 1: lea 1(%rax), %rax\n mov (%rdi), %ecx\n"
		   "jrcxz 1b\n pushf\n popq (%rdx)\n ret");
FORM(flags_no_count, "mov $0, %eax\n push %rsi\n popf\n 1: mov (%rdi), %ecx\n jrcxz 1b\n"
		     "pushf\n popq (%rdx)\n ret");
/* The carry goes from one trip to the next one: a sum modulo 2^64 - 1. rax: trips. */
FORM(carry_chain, "xor %eax, %eax\n xor %r8d, %r8d\n 1: adc %rsi, %r8\n lea 1(%rax), %rax\n"
		  "mov (%rdi), %ecx\n jrcxz 1b\n adc $0, %r8\n mov %r8, (%rdx)\n ret");
FORM(borrow_chain, "xor %eax, %eax\n xor %r8d, %r8d\n 1: sbb %rsi, %r8\n lea 1(%rax), %rax\n"
		   "mov (%rdi), %ecx\n jrcxz 1b\n sbb $0, %r8\n mov %r8, (%rdx)\n ret");
/* inc and dec leave the carry; the zero flag is inc's. */
FORM(carry_kept, "mov $-1000, %rax\n stc\n 1: inc %rax\n jnz 1b\n setc %al\n movzbl %al, %eax\n"
		 "mov %rax, (%rdx)\n 2: cmpl $0, (%rdi)\n je 2b\n ret");

enum result { ANY, FLAGS, SUM, NEGATIVE_SUM, ONE };

static const struct {
	const char *name;
	form *run;
	enum result result;
} forms[] = {
	{"short je", short_je, ANY},
	{"short jmp", short_jmp, ANY},
	{"near je", near_je, ANY},
	{"counted", counted, ANY},
	{"pause", with_pause, ANY},
	{"jump at the end", jump_at_end, ANY},
	{"near jump at the end", near_jump_at_end, ANY},
	{"jump into", jump_into, ANY},
	{"jump over", jump_over, ANY},
	{"jrcxz", jrcxz_back, ANY},
	{"jecxz", jecxz_back, ANY},
	{"loope", loope_back, ANY},
	{"loop", loop_back, ANY},
	{"loopne", loopne_back, ANY},
	{"indirect jump", register_jump, ANY},
	{"return", return_jump, ANY},
	{"call", recursion, ANY},
	{"parity", parity, ANY},
	{"carry", carry, ANY},
	{"nested", nested, ANY},
	{"two exits", two_exits, ANY},
	{"flags before", flags_before, FLAGS},
	{"flags, no count", flags_no_count, FLAGS},
	{"carry chain", carry_chain, SUM},
	{"borrow chain", borrow_chain, NEGATIVE_SUM},
	{"carry kept", carry_kept, ONE},
};

static void *set(void *arg)
{
	uint64_t *x = arg;

	*x = work(*x, 2 * MILLISECOND);
	flag = 1;
	return NULL;
}

/* n * step, modulo 2^64 - 1. */
static uint64_t folded(unsigned long n, unsigned long step)
{
	return (unsigned __int128)n * step % UINT64_MAX;
}

static unsigned long run(size_t i, unsigned long in, uint64_t *x)
{
	unsigned long out = 0, n;
	pthread_t t;

	flag = 0;
	CHECK(pthread_create(&t, NULL, set, x) == 0);
	n = forms[i].run(&flag, in, &out);
	CHECK(pthread_join(t, NULL) == 0);
	printf("%s: %lu %lx\n", forms[i].name, n, out);
	switch (forms[i].result) {
	case ANY:
		break;
	case FLAGS:
		CHECK((out & 0x8d5) == (in & 0x8d5));
		break;
	case SUM:
		CHECK(out % UINT64_MAX == folded(n, in));
		break;
	case NEGATIVE_SUM:
		CHECK(((unsigned __int128)out + folded(n, in)) % UINT64_MAX == 0);
		break;
	case ONE:
		CHECK(out == 1);
		break;
	}
	return 1;
}

int main(void)
{
	/* Interrupts are on, bit 1 is always set; each arithmetic flag is set and not. */
	static const unsigned long flags[] = {0x202, 0xad7, 0xa03, 0x246, 0x297, 0xa92};
	unsigned long runs = 0;
	uint64_t x = 0;

	for (size_t i = 0; i < NELEM(forms); i++)
		for (size_t j = 0; j < (forms[i].result == FLAGS ? NELEM(flags) : 1); j++)
			runs += run(i, forms[i].result == FLAGS ? flags[j] : 0x9e3779b97f4a7c15,
				    &x);
	CHECK(x == work(0, runs * 2 * MILLISECOND));
	return 0;
}
