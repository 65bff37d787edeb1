/* A program's own seccomp filters: RET_ERRNO, RET_TRAP, RET_KILL_PROCESS. modes: all */
#include "check.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <ucontext.h>

static volatile int trapped;

static void on_sys(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;

	CHECK(si->si_syscall == SYS_getuid && si->si_code == 1 /* SYS_SECCOMP */);
	CHECK(uc->uc_mcontext.gregs[REG_RAX] == SYS_getuid);
	trapped++;
	uc->uc_mcontext.gregs[REG_RAX] = 4242;
}

static void filter(int nr, uint32_t action)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {NELEM(f), f};

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0);
}

int main(void)
{
	pid_t pid;

	on_siginfo(SIGSYS, on_sys, 0);
	filter(SYS_getppid, SECCOMP_RET_ERRNO | EXDEV);
	CHECK_ERRNO(syscall(SYS_getppid), EXDEV);
	filter(SYS_getuid, SECCOMP_RET_TRAP);
	for (int i = 1; i <= 5; i++)
		CHECK(syscall(SYS_getuid) == 4242 && trapped == i);
	CHECK(prctl(PR_GET_SECCOMP) == 2);
	pid = fork();
	if (pid == 0) {
		filter(SYS_getgid, SECCOMP_RET_KILL_PROCESS);
		syscall(SYS_getgid);
		_exit(1);
	}
	CHECK(WTERMSIG(reap(pid)) == SIGSYS);
	printf("%d trapped\n", trapped);
	return 0;
}
