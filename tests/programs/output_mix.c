/* stdout and stderr interleaved by write, writev, stdio, sendfile and children. modes: all */
#include "check.h"

#include <sys/sendfile.h>
#include <sys/uio.h>

/* As programs do: where sendfile is refused, which a recording does here, they write. */
static void send_or_write(int out, int in)
{
	char buf[12];

	if (sendfile(out, in, &(off_t){0}, 12) == 12)
		return;
	CHECK(errno == EINVAL && pread(in, buf, 12, 0) == 12 && write(out, buf, 12) == 12);
}

int main(void)
{
	struct iovec v[3] = {{"one ", 4}, {"two ", 4}, {"three\n", 6}};
	int fd = open("file", O_RDWR | O_CREAT, 0600), dupped;
	char zero[100] = "";

	for (int i = 0; i < 5; i++) {
		CHECK(write(1, "write out\n", 10) == 10);
		CHECK(write(2, "write err\n", 10) == 10);
		CHECK(writev(i & 1 ? 1 : 2, v, 3) == 14);
		printf("printf %d pid %d\n", i, getpid());
		fprintf(stderr, "fprintf %d\n", i);
	}
	CHECK(write(fd, "from a file\n", 12) == 12);
	send_or_write(1, fd);
	send_or_write(2, fd);
	dupped = dup(1);
	CHECK(write(dupped, "through a dup\n", 14) == 14);
	CHECK(write(1, zero, sizeof(zero)) == 100 && write(1, "", 0) == 0);
	if (fork() == 0) {
		printf("child %d of %d\n", getpid(), getppid());
		exit(0);
	}
	CHECK(wait(NULL) > 0);
	dprintf(2, "end\n");
	return 0;
}
