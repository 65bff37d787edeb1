/* O_APPEND writes of two processes, O_TRUNC, O_TMPFILE, unlinked files. modes: all */
#include "check.h"

#include <sys/stat.h>

static void writer(char c)
{
	int fd = open("log", O_WRONLY | O_APPEND);
	char line[16];

	for (int i = 0; i < 50; i++) {
		int n = snprintf(line, sizeof(line), "%c%02d\n", c, i);

		CHECK(write(fd, line, n) == n);
	}
	exit(0);
}

int main(void)
{
	char buf[1000], path[64];
	struct stat st;
	pid_t a, b;
	int fd = creat("log", 0600), tmp;

	CHECK(fd >= 0);
	a = fork();
	if (a == 0)
		writer('a');
	b = fork();
	if (b == 0)
		writer('b');
	reap_ok(a);
	reap_ok(b);
	fd = open("log", O_RDONLY);
	CHECK(read(fd, buf, sizeof(buf)) == 400);
	printf("%.400s", buf);
	CHECK(unlink("log") == 0 && pread(fd, buf, 4, 0) == 4);
	CHECK(fstat(fd, &st) == 0 && st.st_nlink == 0);
	fd = open("t", O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(write(fd, "abc", 3) == 3);
	fd = open("t", O_RDWR | O_TRUNC);
	CHECK(fstat(fd, &st) == 0 && st.st_size == 0);
	tmp = open(".", O_TMPFILE | O_RDWR, 0600);
	if (tmp >= 0) {
		CHECK(write(tmp, "secret", 6) == 6);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", tmp);
		CHECK(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW) == 0);
		CHECK(stat("named", &st) == 0 && st.st_size == 6);
	}
	return 0;
}
