/* User and group ids, groups, capabilities, credentials of threads. modes: all */
#include "check.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/fsuid.h>

int main(void)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2] = {};
	uid_t r, e, s;
	gid_t groups[100];
	int n = getgroups(100, groups);

	CHECK(n >= 0 && getresuid(&r, &e, &s) == 0 && r == getuid() && e == geteuid());
	printf("uid %d %d %d, %d groups, pid %d ppid %d tid %ld\n", r, e, s, n, getpid(), getppid(),
	       (long)syscall(SYS_gettid));
	CHECK(getresgid(&r, &e, &s) == 0 && r == getgid() && e == getegid());
	CHECK(syscall(SYS_capget, &h, d) == 0);
	printf("capabilities %x %x\n", d[0].effective, d[1].effective);
	CHECK(setresuid(-1, -1, -1) == 0 && setregid(-1, -1) == 0);
	CHECK(setfsuid(geteuid()) == (int)geteuid());
	if (geteuid() == 0) {
		CHECK(setgroups(0, NULL) == 0 && setresgid(1234, 1234, 1234) == 0);
		CHECK(setresuid(1234, 1234, 1234) == 0 && getuid() == 1234 && getgid() == 1234);
		CHECK_ERRNO(setuid(0), EPERM);
		CHECK(getgroups(100, groups) == 0);
	}
	return 0;
}
