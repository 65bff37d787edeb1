/* A program changes loops in its text while another thread computes. modes: all */
#include "check.h"
#include "code.h"

#include <pthread.h>

/* rdi trips, each adds the constant in the lea's last byte, which is at label 8. */
unsigned long loop(unsigned long n);
ASM_FUNCTION(loop, "xor %eax, %eax\n 1: lea 1(%rax), %rax\n 8: dec %rdi\n jnz 1b\n ret",
	     ".long 8b-loop");

static volatile bool done;
static uint64_t result;

__attribute__((aligned(4096))) static void *compute(void *arg)
{
	uint64_t x = 3;

	for (int i = 0; i < 20; i++)
		x = work(x, MILLISECOND / 2);
	result = x;
	done = true;
	return NULL;
}

static void protect(int prot)
{
	char *page = (char *)((uintptr_t)loop & ~4095UL);

	CHECK(mprotect(page, 8192, prot) == 0);
}

int main(void)
{
	unsigned char *code = (unsigned char *)loop;
	pthread_t t;

	CHECK(pthread_create(&t, NULL, compute, NULL) == 0);
	CHECK(loop(1000) == 1000);
	for (int i = 2; i < 100; i++) {
		protect(PROT_READ | PROT_WRITE | PROT_EXEC);
		code[loop_at[0] - 1] = i;
		CHECK(loop(1000) == 1000UL * i);
		if (i % 2)
			protect(PROT_READ | PROT_EXEC);
		CHECK(loop(2000) == 2000UL * i);
	}
	/* Through a page that is writable and then executable again: W^X. */
	protect(PROT_READ | PROT_WRITE | PROT_EXEC);
	code[loop_at[0] - 1] = 1;
	protect(PROT_READ | PROT_EXEC);
	CHECK(loop(100) == 100);
	CHECK(pthread_join(t, NULL) == 0);
	CHECK(done && result == work(3, 20 * (MILLISECOND / 2)));
	printf("%lx at %p\n", result, code);
	return 0;
}
