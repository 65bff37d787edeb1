/* Signals into code that uses its red zone, or has no stack at all. modes: all */
#include "check.h"
#include "code.h"

#include <sys/time.h>

/* Keeps rdi values in the red zone, down to its end; rax: their sum. */
unsigned long red_zone(unsigned long n);
/* Counts in rsp. */
unsigned long no_stack(unsigned long n);
/* rsp points to the start of a page below which there is nothing. */
unsigned long page_stack(unsigned long n, void *page);

ASM_FUNCTION(red_zone,
	     "xor %eax, %eax\n 1: mov %rdi, -8(%rsp)\n mov %rdi, -64(%rsp)\n"
	     "mov %rdi, -128(%rsp)\n mov $3, %ecx\n 2: dec %ecx\n jnz 2b\n"
	     "mov -8(%rsp), %rdx\n cmp -64(%rsp), %rdx\n jne 3f\n"
	     "cmp -128(%rsp), %rdx\n jne 3f\n add %rdx, %rax\n dec %rdi\n jnz 1b\n"
	     "ret\n 3: ud2",
	     "");
ASM_FUNCTION(no_stack,
	     "mov %rsp, %r8\n xor %esp, %esp\n 1: add %rdi, %rsp\n dec %rdi\n jnz 1b\n"
	     "mov %rsp, %rax\n mov %r8, %rsp\n ret",
	     "");
ASM_FUNCTION(page_stack,
	     "mov %rsp, %r8\n mov %rsi, %rsp\n xor %eax, %eax\n"
	     "1: add %rdi, %rax\n dec %rdi\n jnz 1b\n mov %r8, %rsp\n ret",
	     "");

static volatile int hits;

static void handler(int sig)
{
	hits++;
}

int main(void)
{
	static char alternate[65536];
	const stack_t ss = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
	const struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART | SA_ONSTACK};
	const struct itimerval it = {{0, 1000}, {0, 1000}}, off = {0};
	const unsigned long n = 5000000, sum = n * (n + 1) / 2;
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(pages != MAP_FAILED && munmap(pages, 4096) == 0);
	on_signal(SIGALRM, handler, SA_RESTART);
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
	CHECK(red_zone(n) == sum);
	CHECK(sigaltstack(&ss, NULL) == 0);
	CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
	for (int i = 0; i < 3; i++) {
		CHECK(red_zone(n) == sum);
		CHECK(no_stack(n) == sum);
		CHECK(page_stack(n, pages + 4096) == sum);
	}
	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
	printf("%d signals\n", hits);
	return 0;
}
