/* One of many stores overwrites a pointer, which is used much later. */
#include <stdio.h>
#include <stdlib.h>

struct record {
	int numbers[16];
	int *last;
};

static struct record record;
static int good = 7;

static void store(int index, int value)
{
	record.numbers[index] = value;
}

static int use(void)
{
	return *record.last;
}

int main(void)
{
	unsigned state = 1;
	volatile unsigned long work = 0;

	record.last = &good;
	for (int i = 0; i < 20000; i++) {
		state = state * 1103515245 + 12345;
		store(i == 12345 ? 16 : (int)(state >> 16 & 15), i);
		if (i < 12345)
			use();
	}
	for (int i = 0; i < 3000000; i++)
		work += i;
	printf("%d\n", use());
	return 0;
}
