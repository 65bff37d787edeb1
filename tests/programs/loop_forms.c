/* Loops whose flags, counters and entries are easily broken by who rewrites them. modes: all */
#include "check.h"
#include "code.h"

#include <sys/time.h>

#define FORM(name, body)                                       \
	unsigned long name(unsigned long n, unsigned long *p); \
	ASM_FUNCTION(name, body, "")

/* A sum of two numbers of rdi words each at rsi: the carry is only in the flags. rax: the last one.
 */
FORM(long_add, "mov %rdi, %rcx\n clc\n 1: mov (%rsi), %rax\n adc %rax, 8(%rsi)\n"
	       "lea 8(%rsi), %rsi\n dec %rcx\n jnz 1b\n setc %al\n movzbl %al, %eax\n ret");
FORM(long_add_loop, "mov %rdi, %rcx\n clc\n 1: mov (%rsi), %rax\n adc %rax, 8(%rsi)\n"
		    "lea 8(%rsi), %rsi\n loop 1b\n setc %al\n movzbl %al, %eax\n ret");
FORM(long_add_jrcxz, "mov %rdi, %rcx\n clc\n 1: jrcxz 2f\n mov (%rsi), %rax\n adc %rax, 8(%rsi)\n"
		     "lea 8(%rsi), %rsi\n lea -1(%rcx), %rcx\n jmp 1b\n"
		     "2: setc %al\n movzbl %al, %eax\n ret");
/* The flags of a trip are looked at in the next one, all of them. */
FORM(all_flags, "xor %eax, %eax\n xor %edx, %edx\n mov %rdi, %rcx\n 1: pushf\n pop %r8\n"
		"and $0x8d5, %r8d\n rol $7, %rax\n xor %r8, %rax\n imul $0x1234567, %rcx, %r9\n"
		"add %r9, %rdx\n lea -1(%rcx), %rcx\n jrcxz 2f\n jmp 1b\n 2: ret");
FORM(overflow, "xor %eax, %eax\n mov %rdi, %rcx\n xor %edx, %edx\n"
	       "1: lea 1(%rax), %rax\n add $0x1000001, %edx\n jno 1b\n and $0xffff, %edx\n"
	       "dec %rcx\n jnz 1b\n ret");
FORM(parity, "xor %eax, %eax\n mov %rdi, %rcx\n 1: add $1, %rax\n test %al, %al\n jp 1b\n"
	     "dec %rcx\n jns 1b\n ret");
/* Into the middle of an instruction: the second time the lock prefix is jumped over. */
FORM(into_instruction, "mov %rdi, %rcx\n xor %eax, %eax\n 1: test $1, %cl\n je 1f + 1\n"
		       "1: lock addq $1, (%rsi)\n inc %rax\n dec %rcx\n jnz 1b - 5\n ret");
/* One byte instructions, one byte blocks. */
FORM(bytes,
     "push %rbx\n push %rbp\n mov %rdi, %rcx\n xor %eax, %eax\n xor %ebx, %ebx\n xor %ebp, %ebp\n"
     "1: push %rax\n jmp 3f\n 2: pop %rax\n cld\n nop\n inc %rax\n dec %rcx\n je 4f\n jmp 1b\n"
     "3: nop\n jmp 2b\n 4: pop %rbp\n pop %rbx\n ret");
/* Several entries, several ends, and back-edges that cross. */
FORM(crossing, "mov %rdi, %rcx\n xor %eax, %eax\n test $1, %dil\n je 2f\n"
	       "1: add $1, %rax\n dec %rcx\n je 5f\n test $3, %cl\n je 3f\n"
	       "2: add $2, %rax\n dec %rcx\n je 5f\n test $4, %cl\n je 1b\n"
	       "3: add $3, %rax\n dec %rcx\n je 5f\n test $8, %cl\n je 2b\n test $16, %cl\n je 1b\n"
	       "jmp 3b\n 5: ret");
/* Duff's device: a table's jump into the middle of a loop. */
FORM(duff, "xor %eax, %eax\n mov %rdi, %rcx\n and $3, %edi\n shr $2, %rcx\n"
	   "lea duff_table(%rip), %rdx\n movslq (%rdx,%rdi,4), %rdi\n add %rdx, %rdi\n jmp *%rdi\n"
	   "10: add $1, %rax\n 13: add $1, %rax\n 12: add $1, %rax\n 11: add $1, %rax\n"
	   "19: dec %rcx\n jns 10b\n ret\n"
	   ".pushsection .rodata\n .p2align 2\n"
	   "duff_table: .long 19b-duff_table, 11b-duff_table, 12b-duff_table, 13b-duff_table\n"
	   ".popsection");
/* A loop around a call of a local label, and one around a call that is popped. */
FORM(local_call, "mov %rdi, %rcx\n xor %eax, %eax\n 1: call 2f\n dec %rcx\n jnz 1b\n ret\n"
		 "2: add $3, %rax\n ret");
FORM(call_pop, "mov %rdi, %rcx\n xor %eax, %eax\n 1: call 2f\n 2: pop %rdx\n lea 2b(%rip), %r8\n"
	       "cmp %rdx, %r8\n jne 3f\n inc %rax\n dec %rcx\n jnz 1b\n ret\n 3: ud2");
/* rip-relative data in every form, also before and behind an immediate. */
FORM(relative, "mov %rdi, %rcx\n xor %eax, %eax\n movq $0, word(%rip)\n"
	       "1: addq $3, word(%rip)\n cmpl $0x7fffffff, word(%rip)\n jg 2f\n"
	       "incq word(%rip)\n dec %rcx\n jnz 1b\n 2: mov word(%rip), %rax\n ret\n"
	       ".pushsection .bss\n .p2align 3\n word: .zero 8\n .popsection");
FORM(vector, "mov %rdi, %rcx\n pxor %xmm0, %xmm0\n pcmpeqd %xmm1, %xmm1\n"
	     "1: psubq %xmm1, %xmm0\n ptest %xmm0, %xmm0\n je 2f\n dec %rcx\n jnz 1b\n"
	     "2: movq %xmm0, %rax\n ret");

static volatile int hits;

static void handler(int sig)
{
	hits++;
}

#define N 100003UL

static unsigned long words[N + 1];

/* Numbers that carry often. */
static void set_words(void)
{
	for (unsigned long i = 0; i <= N; i++)
		words[i] = i % 3 ? ~0UL : i * 0x9e3779b97f4a7c15;
}

static unsigned long model_add(void)
{
	unsigned char carry = 0;

	for (unsigned long i = 0; i < N; i++) {
		unsigned __int128 s = (unsigned __int128)words[i] + words[i + 1] + carry;

		words[i + 1] = (unsigned long)s;
		carry = s >> 64;
	}
	return carry;
}

static unsigned long model_crossing(unsigned long n)
{
	unsigned long sum = 0;
	int at = n % 2 ? 1 : 2;

	for (;;) {
		sum += at;
		if (--n == 0)
			return sum;
		switch (at) {
		case 1:
			at = n % 4 == 0 ? 3 : 2;
			break;
		case 2:
			at = !(n & 4) ? 1 : 3;
			break;
		case 3:
			at = !(n & 8) ? 2 : !(n & 16) ? 1 : 3;
			break;
		}
	}
}

static void test_adds(uint64_t *h)
{
	static unsigned long (*const adds[])(unsigned long, unsigned long *) = {
		long_add, long_add_loop, long_add_jrcxz};
	unsigned long carry;
	uint32_t sum;

	set_words();
	carry = model_add();
	sum = hash(words, sizeof(words));
	mix(h, sum);
	for (size_t i = 0; i < NELEM(adds); i++) {
		set_words();
		CHECK(adds[i](N, words) == carry);
		CHECK(hash(words, sizeof(words)) == sum);
	}
}

static unsigned long model_overflow(unsigned long n)
{
	unsigned long trips = 0;
	int x = 0;

	do {
		do
			trips++;
		while (!__builtin_add_overflow(x, 0x1000001, &x));
		x &= 0xffff;
	} while (--n);
	return trips;
}

int main(void)
{
	struct itimerval it = {{0, 1000}, {0, 1000}}, off = {0};
	unsigned long flags = all_flags(N, NULL), odd_ones = parity(N, NULL), word;
	uint64_t h = 0;

	on_signal(SIGALRM, handler, SA_RESTART);
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
	for (int i = 0; i < 20; i++) {
		test_adds(&h);
		CHECK(all_flags(N, NULL) == flags);
		CHECK(overflow(1000, NULL) == model_overflow(1000));
		CHECK(parity(N, NULL) == odd_ones);
		word = 0;
		CHECK(into_instruction(N, &word) == N && word == N);
		CHECK(bytes(N, NULL) == N);
		CHECK(crossing(N, NULL) == model_crossing(N));
		CHECK(crossing(N + 1, NULL) == model_crossing(N + 1));
		for (unsigned long j = 0; j < 200; j++)
			CHECK(duff(j, NULL) == j);
		CHECK(local_call(N, NULL) == 3 * N);
		CHECK(call_pop(N, NULL) == N);
		CHECK(relative(N, NULL) == 4 * N);
		CHECK(vector(N, NULL) == N);
	}
	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
	printf("%lx %lx %lx, %d signals\n", h, flags, odd_ones, hits);
	return 0;
}
