/* What the test of interrupts looks at: seconds in code without safepoints. Its addresses are
 * fixed. */
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

volatile long done;

int main(void)
{
	/* mov rcx, TRIPS; 1: dec rcx; jnz 1b; ret */
	uint8_t code[] = {0x48, 0xb9, 0, 0, 0, 0, 0, 0, 0, 0, 0x48, 0xff, 0xc9, 0x75, 0xfb, 0xc3};
	const uint64_t trips = 6000000000;
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);

	memcpy(code + 2, &trips, sizeof(trips));
	memcpy(at, code, sizeof(code));
	((void (*)(void))at)();
	done = 1;
	return 0;
}
