/* A program executes copies of itself: nameless, renamed, deleted. modes: all */
#include "check.h"
#include "code.h"

#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/time.h>

static volatile int hits;

static void handler(int sig)
{
	hits++;
}

static void copy_to(int to)
{
	int from = open("/proc/self/exe", O_RDONLY);
	struct stat st;
	off_t at = 0;

	CHECK(from >= 0 && fstat(from, &st) == 0);
	while (at < st.st_size)
		CHECK(sendfile(to, from, &at, st.st_size - at) > 0);
	CHECK(fchmod(to, 0755) == 0);
	close(from);
}

static int compute(const char *name)
{
	struct itimerval it = {{0, 1000}, {0, 1000}}, off = {0};
	uint64_t x = 1;

	on_signal(SIGALRM, handler, SA_RESTART);
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
	for (int i = 0; i < 20; i++)
		x = work(x, MILLISECOND / 2);
	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
	printf("%s: %lx, %d signals\n", name, x, hits);
	return 0;
}

int main(int argc, char **argv)
{
	static const char *const names[] = {"memfd", "copy", "deleted"};

	if (argc == 2)
		return compute(argv[1]);
	for (size_t i = 0; i < NELEM(names); i++) {
		char *args[] = {argv[0], (char *)names[i], NULL};
		pid_t pid;
		int fd;

		if (i == 0)
			fd = memfd_create("a copy", MFD_CLOEXEC);
		else
			fd = open("copy", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
		CHECK(fd >= 0);
		copy_to(fd);
		if (i > 0) {
			close(fd);
			fd = open("copy", O_RDONLY | O_CLOEXEC);
			CHECK(fd >= 0);
		}
		if (i == 2)
			CHECK(unlink("copy") == 0);
		pid = fork();
		if (pid == 0) {
			fexecve(fd, args, environ);
			_exit(2);
		}
		reap_ok(pid);
		close(fd);
	}
	return 0;
}
