/* clone() without CLONE_THREAD: CLONE_VM, CLONE_FILES, settid and cleartid. modes: all */
#include "check.h"

#include <linux/futex.h>
#include <sched.h>

static char stack[65536] __attribute__((aligned(16)));
static volatile int value;
static int p[2];
static pid_t ptid, ctid;

static int child(void *arg)
{
	value = (int)(long)arg;
	close(p[0]);
	_exit(11);
}

static pid_t run(int flags, long arg)
{
	return clone(child, stack + sizeof(stack), flags, (void *)arg, &ptid, NULL, &ctid);
}

int main(void)
{
	char c;
	pid_t pid;

	CHECK(pipe(p) == 0);
	pid = run(CLONE_VM | SIGCHLD, 1);
	CHECK(pid > 0 && WEXITSTATUS(reap(pid)) == 11 && value == 1);
	CHECK(fcntl(p[0], F_GETFD) == 0);

	pid = run(SIGCHLD | CLONE_PARENT_SETTID, 2);
	CHECK(ptid == pid && WEXITSTATUS(reap(pid)) == 11 && value == 1);

	ctid = -1;
	pid = run(CLONE_VM | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID, 3);
	while (ctid)
		syscall(SYS_futex, &ctid, FUTEX_WAIT, ctid, NULL, NULL, 0);
	CHECK(waitpid(pid, NULL, __WALL) == pid && value == 3);

	signal(SIGUSR1, SIG_IGN);
	pid = run(CLONE_VM | CLONE_FILES | SIGUSR1, 4);
	CHECK(waitpid(pid, NULL, __WALL) == pid && value == 4);
	CHECK_ERRNO(read(p[0], &c, 1), EBADF);

	pid = run(CLONE_VM | CLONE_VFORK | SIGCHLD, 5);
	CHECK(value == 5 && WEXITSTATUS(reap(pid)) == 11);
	CHECK_ERRNO(run(CLONE_THREAD, 6), EINVAL);
	printf("%d\n", pid);
	return 0;
}
