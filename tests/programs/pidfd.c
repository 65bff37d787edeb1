/* pidfd_open, pidfd_send_signal, pidfd_getfd, process_vm_readv and writev of a child. modes: all */
#include "check.h"

#include <poll.h>
#include <sys/uio.h>

static char shared_name[32] = "parent";

int main(void)
{
	struct iovec local, remote;
	struct pollfd f = {.events = POLLIN};
	char buf[32] = "";
	int ready[2], go[2], fd, got;
	pid_t pid;

	CHECK(pipe(ready) == 0 && pipe(go) == 0);
	pid = fork();
	if (pid == 0) {
		snprintf(shared_name, sizeof(shared_name), "child %d", getpid());
		tell(ready[1]);
		hear(go[0]);
		printf("child has: %s\n", shared_name);
		CHECK(!strcmp(shared_name, "changed"));
		tell(ready[1]);
		pause();
	}
	hear(ready[0]);
	local = (struct iovec){buf, sizeof(buf)};
	remote = (struct iovec){shared_name, sizeof(buf)};
	CHECK(process_vm_readv(pid, &local, 1, &remote, 1, 0) == sizeof(buf));
	printf("read: %s\n", buf);
	memcpy(buf, "changed", 8);
	CHECK(process_vm_writev(pid, &local, 1, &remote, 1, 0) == sizeof(buf));
	tell(go[1]);
	hear(ready[0]);
	fd = syscall(SYS_pidfd_open, pid, 0);
	CHECK(fd >= 0);
	got = syscall(SYS_pidfd_getfd, fd, ready[1], 0);
	if (got >= 0) {
		tell(got);
		hear(ready[0]);
	}
	f.fd = fd;
	CHECK(poll(&f, 1, 0) == 0);
	CHECK(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0) == 0);
	CHECK(poll(&f, 1, -1) == 1 && WTERMSIG(reap(pid)) == SIGTERM);
	CHECK_ERRNO(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0), ESRCH);
	return 0;
}
