/* stdout moved, closed, replaced and put back while it is written to: what was printed comes again.
 * modes: all */
#include "check.h"

#include <sys/uio.h>

static void say(int fd, const char *text)
{
	ssize_t n = write(fd, text, strlen(text));

	if (n < 0)
		dprintf(2, "%s: errno %d\n", text, errno);
}

int main(void)
{
	struct iovec v[3] = {{"one ", 4}, {"two ", 4}, {"three\n", 6}};
	int saved = dup(1), file = open("games", O_RDWR | O_CREAT, 0600), p[2];
	char buf[64];
	pid_t pid;

	CHECK(saved >= 0 && file >= 0 && pipe(p) == 0);
	say(1, "plain\n");
	say(saved, "a copy\n");
	CHECK(dup2(file, 1) == 1);
	say(1, "to a file\n");
	CHECK(dup2(saved, file) == file);
	say(file, "the number of the file is stdout now\n");
	say(1, "to the file still\n");
	CHECK(dup2(p[1], 1) == 1);
	say(1, "into a pipe\n");
	CHECK(read(p[0], buf, sizeof(buf)) == 12);
	close(1);
	say(1, "to nobody\n");
	CHECK(fcntl(saved, F_DUPFD, 0) == 1);
	say(1, "back\n");
	CHECK(writev(1, v, 3) == 14 && writev(saved, v, 2) == 8 && write(1, "\n", 1) == 1);
	close(saved);
	CHECK(open("/dev/null", O_WRONLY) == saved);
	say(saved, "to nowhere\n");
	CHECK(syscall(SYS_close_range, file, file, 0) == 0);
	say(file, "to nobody either\n");
	CHECK(dup3(1, 200, O_CLOEXEC) == 200);
	say(200, "far away\n");
	CHECK(syscall(SYS_close_range, 100, 300, 0) == 0);
	say(200, "closed by a range\n");
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		say(1, "from a child\n");
		CHECK(dup2(2, 1) == 1);
		say(1, "from a child to stderr\n");
		_exit(0);
	}
	reap_ok(pid);
	say(1, "its parent's stays\n");
	CHECK(syscall(SYS_unshare, 0x400) == 0); /* CLONE_FILES */
	say(1, "unshared\n");
	CHECK(dup2(1, 2) == 2);
	say(2, "stderr is stdout\n");
	CHECK(syscall(SYS_close_range, 0, ~0U, 4) == 0); /* at exec */
	say(1, "until exec\n");
	printf("last\n");
	return 0;
}
