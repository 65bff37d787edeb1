/* rdtsc and rdtscp are trapped and come again; the counter goes forwards. modes: all */
#include "check.h"

#include <x86intrin.h>

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
		last = t;
	}
	printf("aux %x\n", aux);
	if (fork() == 0) {
		printf("child %llx\n", (unsigned long long)__rdtsc());
		exit(0);
	}
	CHECK(wait(NULL) > 0);
	return 0;
}
