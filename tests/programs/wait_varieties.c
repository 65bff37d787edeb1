/* wait4, waitid, WNOHANG, WNOWAIT, by group, core flag, rusage of children, ECHILD. modes: all */
#include "check.h"

#include <sys/resource.h>

static pid_t child(int delay_ms, int status)
{
	pid_t pid = fork();

	if (pid == 0) {
		msleep(delay_ms);
		_exit(status);
	}
	return pid;
}

int main(void)
{
	struct rusage ru;
	siginfo_t si;
	pid_t a, b, c;
	int status;

	CHECK_ERRNO(wait(NULL), ECHILD);
	a = child(4, 21);
	CHECK(waitpid(a, &status, WNOHANG) == 0);
	memset(&si, 1, sizeof(si));
	CHECK(waitid(P_PID, a, &si, WEXITED | WNOHANG) == 0 && si.si_pid == 0);
	CHECK(waitid(P_PID, a, &si, WEXITED | WNOWAIT) == 0);
	CHECK(si.si_pid == a && si.si_status == 21 && si.si_code == CLD_EXITED);
	CHECK(waitid(P_ALL, 0, &si, WEXITED | WNOWAIT) == 0 && si.si_pid == a);
	CHECK(wait4(a, &status, 0, &ru) == a && WEXITSTATUS(status) == 21);
	printf("child %d: %ld us, %ld kB, %ld faults\n", a, (long)ru.ru_utime.tv_usec, ru.ru_maxrss,
	       ru.ru_minflt);
	CHECK_ERRNO(waitpid(a, &status, 0), ECHILD);
	CHECK_ERRNO(waitid(P_PID, a, &si, WEXITED), ECHILD);

	b = fork();
	if (b == 0) {
		setpgid(0, 0);
		msleep(3);
		_exit(22);
	}
	setpgid(b, b);
	c = child(1, 23);
	CHECK(waitpid(-b, &status, 0) == b && WEXITSTATUS(status) == 22);
	CHECK(waitpid(0, &status, 0) == c && WEXITSTATUS(status) == 23);
	a = fork();
	if (a == 0) {
		pause();
		_exit(1);
	}
	CHECK(kill(a, SIGTERM) == 0 && waitid(P_PID, a, &si, WEXITED) == 0);
	CHECK(si.si_code == CLD_KILLED && si.si_status == SIGTERM);
	CHECK_ERRNO(waitpid(-1, NULL, 0x40000), EINVAL);
	CHECK(getrusage(RUSAGE_CHILDREN, &ru) == 0);
	signal(SIGCHLD, SIG_IGN);
	a = child(1, 0);
	CHECK_ERRNO(waitpid(a, &status, 0), ECHILD);
	return 0;
}
