/* A sweep of small calls that only return or fill a struct: each printed or checked. modes: all */
#include "check.h"

#include <sys/swap.h>
#include <sys/sysinfo.h>

int main(void)
{
	char buf[256];
	unsigned long mask[16] = {};
	int fd = open("file", O_RDWR | O_CREAT, 0600), policy = -1;

	CHECK(gethostname(buf, sizeof(buf)) == 0);
	printf("host %s pagesize %d clk %ld\n", buf, getpagesize(), sysconf(_SC_CLK_TCK));
	CHECK(getpgrp() > 0 && getsid(0) > 0 && getuid() == geteuid());
	CHECK(syscall(SYS_set_tid_address, buf) == getpid());
	printf("get_mempolicy %ld\n",
	       (long)syscall(SYS_get_mempolicy, &policy, mask, sizeof(mask) * 8, 0, 0));
	CHECK(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE) == 0 && syncfs(fd) == 0);
	printf("membarrier %ld\n", (long)syscall(SYS_membarrier, 0, 0, 0));
	CHECK_ERRNO(syscall(SYS_kcmp, getpid(), getpid(), 99, 0, 0), EINVAL);
	CHECK(syscall(SYS_getcpu, mask, NULL, NULL) == 0);
	CHECK_ERRNO(swapoff("/nonexistent"), getuid() ? EPERM : ENOENT);
	CHECK(fallocate(fd, 0, 0, 100) == 0);
	CHECK(lseek(fd, 0, SEEK_DATA) >= 0 || errno == ENXIO);
	printf("hole at %ld\n", (long)lseek(fd, 0, SEEK_HOLE));
	return 0;
}
