/* Resource limits: few descriptors, SIGXFSZ, all limits printed, inherited. modes: all */
#include "check.h"

#include <sys/resource.h>

static volatile int xfsz;

static void on_xfsz(int sig)
{
	xfsz++;
}

int main(void)
{
	struct rlimit nofile = {16, 16}, fsize = {1000, RLIM_INFINITY}, lim;
	int fd, fds = 0;

	for (int i = 0; i < RLIM_NLIMITS; i++) {
		CHECK(getrlimit(i, &lim) == 0);
		printf("%d: %lx %lx\n", i, (long)lim.rlim_cur, (long)lim.rlim_max);
	}
	CHECK(setrlimit(RLIMIT_NOFILE, &nofile) == 0);
	while ((fd = open("/dev/null", O_RDONLY)) >= 0)
		fds++;
	CHECK(errno == EMFILE && fds > 0);
	CHECK_ERRNO(dup(0), EMFILE);
	printf("%d more descriptors\n", fds);
	close(15);
	close(14);
	on_signal(SIGXFSZ, on_xfsz, 0);
	CHECK(setrlimit(RLIMIT_FSIZE, &fsize) == 0);
	fd = open("file", O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0 && ftruncate(fd, 990) == 0 && lseek(fd, 990, SEEK_SET) == 990);
	CHECK(write(fd, "0123456789abcdef", 16) == 10);
	CHECK_ERRNO(write(fd, "x", 1), EFBIG);
	CHECK(xfsz == 1);
	CHECK(prlimit(0, RLIMIT_CORE, &(struct rlimit){0, 0}, &lim) == 0);
	if (fork() == 0) {
		CHECK(getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur == 16);
		exit(0);
	}
	CHECK(wait(NULL) > 0);
	return 0;
}
