/* Jumps that the program looks into, as Mono does: each is followed by a number. modes: all */
#include "check.h"

extern const uint8_t slot_a[], slot_b[];
extern uint64_t (*slot_targets[2])(uint64_t n);

__asm__(".text\n"
	".type slot_a, @function\n"
	"slot_a: jmp *slot_targets(%rip)\n.long 0x1111\n.size slot_a, .-slot_a\n"
	".type slot_b, @function\n"
	"slot_b: jmp *slot_targets+8(%rip)\n.long 0x2222\n.size slot_b, .-slot_b\n");

static uint64_t count_down(uint64_t n)
{
	uint64_t (*again)(uint64_t n) = (uint64_t(*)(uint64_t))(uintptr_t)slot_b;

	return n ? again(n - 1) + 1 : 0;
}

__attribute__((noinline)) static uint64_t twice(uint64_t n)
{
	return 2 * n;
}

uint64_t (*slot_targets[2])(uint64_t n) = {twice, count_down};

/* What the slot jumps through, as its code says. */
static void *target_of(const uint8_t *slot)
{
	int32_t distance;

	CHECK(slot[0] == 0xff && slot[1] == 0x25);
	memcpy(&distance, slot + 2, sizeof(distance));
	return (void *)(slot + 6 + distance);
}

int main(void)
{
	uint64_t (*a)(uint64_t n) = (uint64_t(*)(uint64_t))(uintptr_t)slot_a;
	uint64_t (*b)(uint64_t n) = (uint64_t(*)(uint64_t))(uintptr_t)slot_b;
	uint64_t sum = 0;

	CHECK(target_of(slot_a) == &slot_targets[0] && target_of(slot_b) == &slot_targets[1]);
	for (uint64_t i = 0; i < 1000; i++)
		sum += a(i) + b(i);
	CHECK(sum == 999 * 1000 / 2 * 3);
	printf("%llu\n", (unsigned long long)sum);
	return 0;
}
