/* SIGSTOP, SIGTSTP, SIGCONT as a parent sees them: WUNTRACED, WCONTINUED. modes: all */
#include "check.h"

static volatile int continued;

static void on_cont(int sig)
{
	continued++;
}

static void child(int ready, int go)
{
	/* In a group of its own, which is not orphaned: there SIGTSTP would be ignored. */
	setpgid(0, 0);
	on_signal(SIGCONT, on_cont, SA_RESTART);
	tell(ready);
	hear(go);
	CHECK(continued == 1);
	CHECK(raise(SIGTSTP) == 0 && continued == 2);
	tell(ready);
	CHECK(kill(getpid(), SIGSTOP) == 0 && continued == 3);
	exit(31);
}

int main(void)
{
	int ready[2], go[2], status;
	siginfo_t si;
	pid_t pid;

	CHECK(pipe(ready) == 0 && pipe(go) == 0);
	pid = fork();
	if (pid == 0)
		child(ready[1], go[0]);
	hear(ready[0]);
	CHECK(kill(pid, SIGSTOP) == 0);
	CHECK(waitpid(pid, &status, WUNTRACED) == pid);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	CHECK(waitpid(pid, &status, WUNTRACED | WNOHANG) == 0);
	CHECK(kill(pid, SIGCONT) == 0);
	CHECK(waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
	tell(go[1]);

	CHECK(waitid(P_PID, pid, &si, WSTOPPED) == 0);
	CHECK(si.si_code == CLD_STOPPED && si.si_status == SIGTSTP);
	CHECK(kill(pid, SIGCONT) == 0);
	hear(ready[0]);
	CHECK(waitpid(pid, &status, WUNTRACED) == pid && WSTOPSIG(status) == SIGSTOP);
	CHECK(kill(pid, SIGCONT) == 0);
	CHECK(WEXITSTATUS(reap(pid)) == 31);
	printf("%d\n", pid);
	return 0;
}
