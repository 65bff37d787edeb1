/* unshare of mount, uts, ipc and user namespaces; mounts in it; chroot. modes: all; needs: root */
#include "check.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

int main(void)
{
	char name[65] = "", cwd[4096];
	int fd;

	if (unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC) < 0)
		SKIP("no namespaces");
	CHECK(sethostname("recorded", 8) == 0 && gethostname(name, sizeof(name)) == 0);
	CHECK(!strcmp(name, "recorded"));
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		SKIP("/ is no mount of its own");
	CHECK(mkdir("m", 0755) == 0);
	if (mount("tmpfs", "m", "tmpfs", 0, "size=1m") == 0) {
		fd = open("m/file", O_RDWR | O_CREAT, 0600);
		CHECK(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0);
		CHECK(chdir("m") == 0 && chroot(".") == 0 && access("/file", R_OK) == 0);
		CHECK(getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, "/"));
		printf("in a root of its own: %s\n", cwd);
	}
	return 0;
}
