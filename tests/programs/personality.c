/* personality is read and set; fork and exec keep what was set. modes: all */
#include "check.h"

#include <sys/personality.h>

int main(int argc, char **argv)
{
	int old = personality(0xffffffff);

	CHECK(old >= 0);
	if (argc > 1) {
		CHECK(old & STICKY_TIMEOUTS);
		return 0;
	}
	CHECK(personality(old | STICKY_TIMEOUTS) == old);
	CHECK(personality(0xffffffff) == (old | STICKY_TIMEOUTS));
	printf("%x\n", old & ~ADDR_NO_RANDOMIZE);
	if (fork() == 0)
		exit(personality(0xffffffff) != (old | STICKY_TIMEOUTS));
	reap_ok(-1);
	execl(argv[0], argv[0], "again", NULL);
	return 1;
}
