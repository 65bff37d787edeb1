/* SIGSEGV and SIGTRAP blocked, handled and ignored while calls are made with bad pointers. modes:
 * all */
#include "check.h"

#include <setjmp.h>
#include <sys/stat.h>

static sigjmp_buf back;
static volatile sig_atomic_t segv, trap;

static void on_segv(int sig)
{
	struct stat st;

	(void)sig;
	CHECK(stat("/", &st) == 0);
	segv++;
	siglongjmp(back, 1);
}

static void on_trap(int sig)
{
	(void)sig;
	CHECK(getpid() > 0);
	trap++;
}

static void calls(void)
{
	sigset_t now;
	struct sigaction sa;

	for (int i = 0; i < 100; i++) {
		CHECK_ERRNO(read(0, BAD_ADDRESS, 0) < 0 ? -1 : read(-1, BAD_ADDRESS, 10), EBADF);
		CHECK_ERRNO(fstat(1, BAD_ADDRESS), EFAULT);
		CHECK_ERRNO(syscall(SYS_poll, BAD_ADDRESS, 1, 1), EFAULT);
		CHECK(getppid() >= 0);
	}
	CHECK(sigprocmask(SIG_BLOCK, NULL, &now) == 0);
	CHECK(sigaction(SIGSEGV, NULL, &sa) == 0);
	printf("mask %d %d %d, handled %d, %d and %d\n", sigismember(&now, SIGSEGV),
	       sigismember(&now, SIGTRAP), sigismember(&now, SIGUSR1), sa.sa_handler == on_segv,
	       segv, trap);
}

static void fault(void)
{
	if (!sigsetjmp(back, 1))
		*(volatile char *)BAD_ADDRESS = 1;
}

int main(void)
{
	sigset_t set, old;
	pid_t pid;

	calls();
	on_signal(SIGSEGV, on_segv, SA_NODEFER);
	on_signal(SIGTRAP, on_trap, 0);
	fault();
	calls();
	sigemptyset(&set);
	sigaddset(&set, SIGSEGV);
	sigaddset(&set, SIGTRAP);
	sigaddset(&set, SIGUSR1);
	CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	calls();
	raise(SIGTRAP);
	calls();
	CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
	CHECK(trap == 1);
	raise(SIGTRAP);
	__asm__ volatile("int3");
	fault();
	calls();
	on_signal(SIGTRAP, SIG_IGN, 0);
	on_signal(SIGSEGV, SIG_IGN, 0);
	raise(SIGTRAP);
	raise(SIGSEGV);
	calls();
	on_signal(SIGSEGV, on_segv, SA_NODEFER | SA_RESETHAND);
	fault();
	calls();
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		sigprocmask(SIG_BLOCK, &set, NULL);
		on_signal(SIGSEGV, on_segv, 0);
		calls();
		*(volatile char *)BAD_ADDRESS = 1; /* blocked: fatal, handler or not */
		_exit(0);
	}
	printf("child: %x\n", reap(pid) & 0x7f);
	return 0;
}
