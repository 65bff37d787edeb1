/* Deep recursion grows the stack, in main and again in a child; contents stay. modes: all */
#include "check.h"

static long recurse(int n)
{
	volatile char frame[2000];
	long below;

	memset((char *)frame, n, sizeof(frame));
	below = n ? recurse(n - 1) : 0;
	return below + frame[n];
}

int main(void)
{
	long a = recurse(1500), b = recurse(1500);

	CHECK(a == b);
	printf("%ld\n", a);
	if (fork() == 0)
		exit(recurse(1800) == 0);
	reap_ok(-1);
	return 0;
}
