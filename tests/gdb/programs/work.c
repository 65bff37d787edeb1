/* Computes for some seconds: blocks of rounds. For distance.sh. */
#include <stdio.h>
#include <stdlib.h>

static unsigned table[4096];
static unsigned long checksum;
volatile int blocks_done;

static unsigned mix(unsigned state, unsigned i)
{
	unsigned x = table[(state ^ i) & 4095];

	x ^= state << 5;
	x += i * 2654435761u;
	table[i & 4095] = x;
	return x;
}

static unsigned block(int number)
{
	unsigned state = number;

	for (unsigned i = 0; i < 200000; i++)
		state = mix(state, i);
	blocks_done++;
	return state;
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 1000;

	for (int i = 0; i < n; i++) {
		checksum += block(i);
		checksum ^= checksum >> 7;
	}
	printf("%lx\n", checksum);
	return 0;
}
