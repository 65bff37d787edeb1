/* getrandom, /dev/urandom, AT_RANDOM, mkstemp: printed and the same again. modes: all */
#include "check.h"

#include <sys/auxv.h>
#include <sys/random.h>

static void show(const char *what, const unsigned char *p, size_t n)
{
	printf("%s ", what);
	for (size_t i = 0; i < n; i++)
		printf("%02x", p[i]);
	printf("\n");
}

int main(void)
{
	unsigned char buf[300];
	char name[] = "tmpXXXXXX";

	CHECK(getrandom(buf, 32, 0) == 32);
	show("getrandom", buf, 32);
	CHECK(getrandom(buf, sizeof(buf), GRND_NONBLOCK) == sizeof(buf));
	printf("%08x\n", hash(buf, sizeof(buf)));
	CHECK(getentropy(buf, 16) == 0);
	show("getentropy", buf, 16);
	CHECK(read(open("/dev/urandom", O_RDONLY), buf, 16) == 16);
	show("urandom", buf, 16);
	show("AT_RANDOM", (const unsigned char *)getauxval(AT_RANDOM), 16);
	CHECK(mkstemp(name) >= 0);
	printf("%s\n", name);
	CHECK_ERRNO(getrandom(BAD_ADDRESS, 16, 0), EFAULT);
	return 0;
}
