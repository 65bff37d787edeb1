/* Handlers repair the cause and return to the same instruction, in loops. modes: all */
#include "check.h"
#include "code.h"

#include <ucontext.h>

#define PAGES 40

static unsigned char *memory;
static volatile int hits;
static uint64_t seen;

/* rdi: memory, rsi: pages. Each touches every page once. */
void store(unsigned char *p, unsigned long n);
unsigned long load(unsigned char *p, unsigned long n);
void add(unsigned char *p, unsigned long n);
void fill(unsigned char *p, unsigned long n);
void copy(unsigned char *p, unsigned long n);
void with_stack(unsigned char *p, unsigned long n);
unsigned long divide(unsigned long n);
unsigned long pointer(unsigned long n);

ASM_FUNCTION(store, "1: movb $7, (%rdi)\n add $4096, %rdi\n dec %rsi\n jnz 1b\n ret", "");
ASM_FUNCTION(load,
	     "xor %eax, %eax\n 1: add (%rdi), %al\n lea 4096(%rdi), %rdi\n dec %rsi\n"
	     "jnz 1b\n ret",
	     "");
ASM_FUNCTION(add, "1: addq $9, 16(%rdi)\n add $4096, %rdi\n sub $1, %rsi\n jnz 1b\n ret", "");
ASM_FUNCTION(fill, "mov %rsi, %rcx\n shl $12, %rcx\n mov $3, %eax\n rep stosb\n ret", "");
ASM_FUNCTION(copy,
	     "mov %rsi, %rcx\n shl $8, %rcx\n mov %rdi, %rsi\n lea (%rdi,%rcx,8), %rdi\n"
	     "1: mov (%rsi), %rax\n mov %rax, (%rdi)\n add $8, %rsi\n add $8, %rdi\n"
	     "dec %rcx\n jnz 1b\n ret",
	     "");
/* The stack itself is what cannot be touched. */
ASM_FUNCTION(with_stack,
	     "mov %rsp, %r8\n shl $12, %rsi\n lea (%rdi,%rsi), %rsp\n mov $100, %ecx\n"
	     "1: push %rcx\n call 2f\n pop %rdx\n cmp %rcx, %rdx\n jne 3f\n"
	     "sub $0x180, %rsp\n dec %ecx\n jnz 1b\n mov %r8, %rsp\n ret\n"
	     "2: ret\n 3: ud2",
	     "");
ASM_FUNCTION(divide,
	     "xor %r8d, %r8d\n 1: xor %ecx, %ecx\n mov $42, %eax\n xor %edx, %edx\n"
	     "div %ecx\n add %rax, %r8\n dec %rdi\n jnz 1b\n mov %r8, %rax\n ret",
	     "");
ASM_FUNCTION(pointer,
	     "xor %eax, %eax\n 1: mov $16, %esi\n mov (%rsi), %rcx\n add %rcx, %rax\n"
	     "dec %rdi\n jnz 1b\n ret",
	     "");

static unsigned long forty_two = 42;

static void handler(int sig, siginfo_t *si, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	uintptr_t at = (uintptr_t)si->si_addr;

	hits++;
	CHECK(known_code(r[REG_RIP]));
	for (int i = REG_R8; i <= REG_RIP; i++)
		mix(&seen, r[i]);
	if (sig == SIGFPE) {
		CHECK(at == (uintptr_t)r[REG_RIP]);
		r[REG_RCX] = 6;
	} else if (at == 16) {
		r[REG_RSI] = (greg_t)&forty_two;
	} else {
		at &= ~4095UL;
		CHECK(at >= (uintptr_t)memory && at < (uintptr_t)memory + PAGES * 4096);
		CHECK(si->si_code == SEGV_ACCERR);
		CHECK(mprotect((void *)at, 4096, PROT_READ | PROT_WRITE) == 0);
	}
}

/* Take all pages away. */
static void close_pages(void)
{
	CHECK(mprotect(memory, PAGES * 4096, PROT_NONE) == 0);
	hits = 0;
}

int main(void)
{
	static char alternate[65536];
	const stack_t ss = {.ss_sp = alternate, .ss_size = sizeof(alternate)};

	code_init();
	memory = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	CHECK(memory != MAP_FAILED);
	CHECK(sigaltstack(&ss, NULL) == 0);
	on_siginfo(SIGSEGV, handler, SA_ONSTACK);
	on_siginfo(SIGFPE, handler, SA_ONSTACK);
	for (int i = 0; i < 3; i++) {
		close_pages();
		store(memory, PAGES);
		CHECK(hits == PAGES);
		close_pages();
		CHECK(load(memory, PAGES) == (7 * PAGES & 0xff) && hits == PAGES);
		close_pages();
		add(memory, PAGES);
		CHECK(hits == PAGES && memory[4096 + 16] == (i ? 12 : 9));
		close_pages();
		fill(memory, PAGES);
		CHECK(hits == PAGES && memory[PAGES * 4096 - 1] == 3);
		close_pages();
		copy(memory, PAGES / 2 * 2);
		CHECK(hits == PAGES &&
		      !memcmp(memory, memory + PAGES / 2 * 4096, PAGES / 2 * 4096));
		close_pages();
		with_stack(memory, PAGES);
		CHECK(hits >= 9 && hits <= 11);
		hits = 0;
		CHECK(divide(50) == 350 && hits == 50);
		CHECK(pointer(50) == 2100 && hits == 100);
		mprotect(memory, PAGES * 4096, PROT_READ | PROT_WRITE);
		memset(memory, 0, PAGES * 4096);
		for (int p = 0; p < PAGES; p++)
			memory[4096 * p + 16] = 3;
	}
	printf("%lx\n", seen);
	return 0;
}
