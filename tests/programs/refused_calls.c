/* What cannot be recorded is refused gracefully: rseq, io_uring, userfaultfd. modes: all */
#include "check.h"

static const struct {
	const char *name;
	long nr;
} refused[] = {
	{"rseq", SYS_rseq},
	{"io_uring_setup", SYS_io_uring_setup},
};

int main(void)
{
	static char args[4096] __attribute__((aligned(32)));

	for (size_t i = 0; i < NELEM(refused); i++) {
		long ret = syscall(refused[i].nr, args, args, 0, 0, 0, 0);

		if (recorded())
			CHECK(ret == -1 && errno == ENOSYS);
		printf("%s: %ld\n", refused[i].name, recorded() ? ret : 0);
	}
	CHECK_ERRNO(syscall(9999), ENOSYS);
	CHECK_ERRNO(syscall(-1), ENOSYS);
	return 0;
}
