/* clone3: pidfd, set_tid refused without right, exit signal, parent tid. modes: all */
#include "check.h"

#include <linux/sched.h>
#include <poll.h>

static void ignore(int sig)
{
}

int main(void)
{
	int pidfd = -1, parent_tid = 0;
	struct clone_args a = {
		.flags = CLONE_PIDFD | CLONE_PARENT_SETTID,
		.pidfd = (uintptr_t)&pidfd,
		.parent_tid = (uintptr_t)&parent_tid,
		.exit_signal = SIGCHLD,
	};
	struct pollfd f = {.events = POLLIN};
	siginfo_t si;
	long pid;

	pid = syscall(SYS_clone3, &a, sizeof(a));
	if (pid == -1 && errno == ENOSYS)
		SKIP("no clone3");
	CHECK(pid >= 0);
	if (pid == 0) {
		msleep(3);
		_exit(12);
	}
	CHECK(parent_tid == pid && pidfd >= 0);
	f.fd = pidfd;
	CHECK(poll(&f, 1, -1) == 1);
	CHECK(waitid(P_PIDFD, pidfd, &si, WEXITED) == 0 && si.si_status == 12);
	CHECK_ERRNO(syscall(SYS_clone3, &a, 8), EINVAL);
	a = (struct clone_args){.flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD};
	on_signal(SIGUSR1, ignore, 0);
	pid = syscall(SYS_clone3, &a, sizeof(a));
	if (pid == 0) {
		struct sigaction sa;

		sigaction(SIGUSR1, NULL, &sa);
		_exit(sa.sa_handler == SIG_DFL ? 0 : 1);
	}
	reap_ok(pid);
	printf("%d %d\n", parent_tid, pidfd);
	return 0;
}
