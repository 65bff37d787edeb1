/* fcntl commands, close_range, memfd seals, pipe sizes, owners, leases' refusals. modes: all */
#include "check.h"

int main(void)
{
	struct f_owner_ex own = {F_OWNER_TID, getpid()}, got = {};
	int p[2], fd = open("file", O_RDWR | O_CREAT, 0600), m;

	CHECK(pipe2(p, O_CLOEXEC | O_NONBLOCK) == 0);
	CHECK(fcntl(p[0], F_GETFD) == FD_CLOEXEC && fcntl(p[0], F_SETFD, 0) == 0);
	CHECK(fcntl(p[0], F_GETFD) == 0);
	CHECK(fcntl(p[0], F_GETFL) == O_NONBLOCK && fcntl(p[0], F_SETFL, 0) == 0);
	CHECK(fcntl(fd, F_DUPFD, 200) == 200 && fcntl(fd, F_DUPFD_CLOEXEC, 200) == 201);
	CHECK(fcntl(201, F_GETFD) == FD_CLOEXEC);
	printf("pipe size %d -> %d\n", fcntl(p[0], F_GETPIPE_SZ),
	       fcntl(p[0], F_SETPIPE_SZ, 1 << 17));
	CHECK(fcntl(p[0], F_SETOWN_EX, &own) == 0 && fcntl(p[0], F_GETOWN_EX, &got) == 0);
	CHECK(got.pid == getpid() && fcntl(p[0], F_GETOWN) == getpid());
	CHECK(fcntl(p[0], F_SETSIG, SIGUSR1) == 0 && fcntl(p[0], F_GETSIG) == SIGUSR1);
	m = memfd_create("sealed", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	CHECK(m >= 0 && ftruncate(m, 4096) == 0);
	CHECK(fcntl(m, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_WRITE) == 0);
	CHECK(fcntl(m, F_GET_SEALS) == (F_SEAL_SHRINK | F_SEAL_WRITE));
	CHECK_ERRNO(write(m, "x", 1), EPERM);
	CHECK_ERRNO(ftruncate(m, 0), EPERM);
	CHECK_ERRNO(fcntl(fd, 9999), EINVAL);
	CHECK(syscall(SYS_close_range, 100, 300, 0) == 0);
	CHECK_ERRNO(fcntl(200, F_GETFD), EBADF);
	CHECK(syscall(SYS_close_range, 3, ~0u, 4 /* CLOSE_RANGE_CLOEXEC */) == 0);
	CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
	printf("fds %d %d %d %d\n", fd, p[0], p[1], m);
	return 0;
}
