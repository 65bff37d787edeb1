/* A program changes its own text through mprotect and sees the change at once. modes: all */
#include "check.h"

__attribute__((noinline, aligned(64))) static int answer(void)
{
	int value;

	asm volatile("movl $1000, %0" : "=r"(value));
	return value;
}

int main(void)
{
	unsigned char *code = (unsigned char *)answer, *page;
	int at;

	page = (unsigned char *)((uintptr_t)code & ~4095UL);
	for (at = 0; at < 32; at++)
		if (!memcmp(code + at, "\xe8\x03\x00\x00", 4))
			break;
	CHECK(at < 32 && answer() == 1000);
	CHECK(mprotect(page, 8192, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
	for (int i = 0; i < 50; i++) {
		code[at] = i;
		CHECK(answer() == 0x300 + i);
	}
	CHECK(mprotect(page, 8192, PROT_READ | PROT_EXEC) == 0);
	printf("%d at %p\n", answer(), code);
	return 0;
}
