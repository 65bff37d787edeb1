/* Process groups and sessions: setpgid, setsid, kill of a group, getsid, tcgetpgrp. modes: all */
#include "check.h"

static pid_t sleeper(pid_t group)
{
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(1);
	}
	CHECK(setpgid(pid, group ? group : pid) == 0);
	return pid;
}

int main(void)
{
	pid_t a = sleeper(0), b = sleeper(a), s;
	int p[2];

	CHECK(getpgid(a) == a && getpgid(b) == a && getpgrp() != a);
	printf("group %d: %d %d, mine %d, session %d\n", a, a, b, getpgrp(), getsid(0));
	CHECK(killpg(a, 0) == 0 && kill(-a, SIGTERM) == 0);
	CHECK(WTERMSIG(reap(a)) == SIGTERM && WTERMSIG(reap(b)) == SIGTERM);
	CHECK_ERRNO(killpg(a, 0), ESRCH);
	CHECK_ERRNO(setpgid(getpid(), 99999999), EPERM);
	CHECK(pipe(p) == 0);
	s = fork();
	if (s == 0) {
		CHECK(setsid() == getpid() && getsid(0) == getpid() && getpgrp() == getpid());
		CHECK_ERRNO(setsid(), EPERM);
		CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
		tell(p[1]);
		pause();
	}
	hear(p[0]);
	CHECK(getsid(s) == s && kill(s, SIGINT) == 0 && WTERMSIG(reap(s)) == SIGINT);
	return 0;
}
