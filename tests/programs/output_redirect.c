/* Only what reaches the first stdout is echoed: dup2 over it, /dev/null, back again. modes: all */
#include "check.h"

int main(void)
{
	int saved = dup(1), fd = open("file", O_RDWR | O_CREAT, 0600), null;
	char buf[100] = "";

	printf("seen 1\n");
	CHECK(dup2(fd, 1) == 1);
	printf("not seen\n");
	CHECK(pread(fd, buf, 9, 0) == 9 && !memcmp(buf, "not seen\n", 9));
	null = open("/dev/null", O_WRONLY);
	CHECK(dup2(null, 1) == 1);
	printf("nor this\n");
	CHECK(dup2(saved, 1) == 1);
	printf("seen 2\n");
	CHECK(dup2(1, 2) == 2);
	fprintf(stderr, "stderr now goes to stdout\n");
	CHECK(close(1) == 0);
	CHECK_ERRNO(write(1, "x", 1), EBADF);
	CHECK(open("other", O_RDWR | O_CREAT, 0600) == 1);
	CHECK(write(1, "into a file\n", 12) == 12);
	CHECK(dprintf(saved, "seen 3\n") == 7);
	return 0;
}
