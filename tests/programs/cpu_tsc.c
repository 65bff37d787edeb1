/* rdtsc and rdtscp are recorded and come again, patched or trapped; the counter goes forwards.
 * modes: all */
#include "check.h"

#include <x86intrin.h>

/* Jumps lead to either side of it: there is no room for a patch. */
__asm__(".pushsection .text\n"
	".balign 16\n"
	".type no_room, @function\n"
	"no_room:\n"
	".cfi_startproc\n"
	"xor %ecx, %ecx\n"
	"jmp 2f\n"
	"1: rdtsc\n"
	"2: inc %ecx\n"
	"cmp $3, %ecx\n"
	"jb 1b\n"
	"shl $32, %rdx\n"
	"or %rdx, %rax\n"
	"ret\n"
	".cfi_endproc\n"
	".size no_room, . - no_room\n"
	".popsection\n");
unsigned long long no_room(void);

int main(void)
{
	unsigned long long last = __rdtsc();
	unsigned int aux;

	printf("%llx\n", last);
	for (int i = 0; i < 200; i++) {
		unsigned long long t = i & 1 ? __rdtsc() : __rdtscp(&aux);

		CHECK(t >= last);
		if (i % 20 == 0)
			printf("%llx\n", t);
		last = __rdtsc();
		CHECK(last >= t);
	}
	printf("aux %x\n", aux);
	for (int i = 0; i < 20; i++) {
		unsigned long long t = no_room();

		CHECK(t >= last);
		printf("%llx\n", t);
		last = t;
	}
	if (fork() == 0) {
		printf("child %llx\n", (unsigned long long)__rdtsc());
		exit(0);
	}
	CHECK(wait(NULL) > 0);
	return 0;
}
