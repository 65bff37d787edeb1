/* Code that the program writes itself: rwx pages, W^X pages, system calls in it. modes: all */
#include "check.h"

typedef long (*function)(long);

int main(void)
{
	/* lea rax, [rdi + N]; ret */
	unsigned char add[] = {0x48, 0x8d, 0x47, 0x00, 0xc3};
	/* mov eax, SYS_getpid; syscall; ret */
	unsigned char getpid_code[] = {0xb8, SYS_getpid, 0, 0, 0, 0x0f, 0x05, 0xc3};
	unsigned char rdtsc[] = {0x0f, 0x31, 0xc3};
	unsigned char *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(code != MAP_FAILED);
	for (int i = 0; i < 100; i++) {
		add[3] = i;
		memcpy(code, add, sizeof(add));
		CHECK(((function)code)(1000) == 1000 + i);
	}
	memcpy(code + 64, getpid_code, sizeof(getpid_code));
	CHECK(((function)(code + 64))(0) == getpid());
	memcpy(code + 128, rdtsc, sizeof(rdtsc));
	printf("%p: tsc %lx\n", code, (long)(uint32_t)((function)(code + 128))(0));

	code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 10; i++) {
		CHECK(mprotect(code, 4096, PROT_READ | PROT_WRITE) == 0);
		add[3] = 2 * i;
		memcpy(code, add, sizeof(add));
		CHECK(mprotect(code, 4096, PROT_READ | PROT_EXEC) == 0);
		CHECK(((function)code)(5) == 5 + 2 * i);
	}
	return 0;
}
