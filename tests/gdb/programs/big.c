/* Fills much memory, and computes without writing to it. For memory.sh. */
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	unsigned long n = strtoul(argv[1], NULL, 10) << 20, rounds = strtoul(argv[2], NULL, 10),
		      sum = 0;
	unsigned char *memory = malloc(n);

	for (unsigned long i = 0; i < n; i += 64)
		memory[i] = i >> 6;
	for (unsigned long i = 0; i < rounds; i++)
		sum += memory[i & 0xfffff];
	printf("%lu\n", sum);
	return 0;
}
