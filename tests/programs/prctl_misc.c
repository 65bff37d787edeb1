/* prctl: names, PDEATHSIG, dumpable, no_new_privs, TSC, timer slack; arch_prctl's FS. modes: all */
#include "check.h"

#include <asm/prctl.h>
#include <sys/prctl.h>

int main(void)
{
	char name[16] = "";
	unsigned long fs = 0;
	int sig = -1, p[2];
	pid_t middle;

	CHECK(prctl(PR_SET_NAME, "a new name that is long") == 0);
	CHECK(prctl(PR_GET_NAME, name) == 0 && !strcmp(name, "a new name that"));
	CHECK(prctl(PR_SET_PDEATHSIG, SIGUSR1) == 0 && prctl(PR_GET_PDEATHSIG, &sig) == 0);
	CHECK(sig == SIGUSR1 && prctl(PR_SET_PDEATHSIG, 0) == 0);
	CHECK(prctl(PR_GET_DUMPABLE) >= 0 && prctl(PR_SET_DUMPABLE, 1) == 0);
	CHECK(prctl(PR_SET_KEEPCAPS, 0) == 0 && prctl(PR_GET_KEEPCAPS) == 0);
	CHECK(prctl(PR_SET_TIMERSLACK, 12345) == 0 && prctl(PR_GET_TIMERSLACK) == 12345);
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	CHECK(prctl(PR_CAPBSET_READ, 0) >= 0);
	CHECK_ERRNO(prctl(0x7ffffff, 1), EINVAL);
	CHECK(syscall(SYS_arch_prctl, ARCH_GET_FS, &fs) == 0);
	printf("fs %lx\n", fs);
	CHECK_ERRNO(prctl(PR_GET_PDEATHSIG, BAD_ADDRESS), EFAULT);

	/* The grandchild dies when its parent does. */
	CHECK(pipe(p) == 0);
	middle = fork();
	if (middle == 0) {
		if (fork() == 0) {
			CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
			tell(p[1]);
			for (;;)
				pause();
		}
		hear(p[0]);
		_exit(0);
	}
	reap_ok(middle);
	close(p[1]);
	CHECK(read(p[0], name, 1) == 0);
	return 0;
}
