/* inotify events name what changed, and come from another process too. modes: all */
#include "check.h"

#include <sys/inotify.h>

static int drain(int fd)
{
	char buf[4096] __attribute__((aligned(8)));
	ssize_t n = read(fd, buf, sizeof(buf)), at = 0;
	int events = 0;

	CHECK(n > 0);
	while (at < n) {
		struct inotify_event *e = (void *)(buf + at);

		printf("wd %d mask %x cookie %s name %s\n", e->wd, e->mask, e->cookie ? "yes" : "-",
		       e->len ? e->name : "-");
		at += sizeof(*e) + e->len;
		events++;
	}
	return events;
}

int main(void)
{
	int fd = inotify_init1(IN_CLOEXEC), wd, events = 0;
	pid_t pid;

	CHECK(fd >= 0);
	wd = inotify_add_watch(fd, ".", IN_CREATE | IN_DELETE | IN_MOVE | IN_CLOSE_WRITE);
	CHECK(wd >= 0);
	close(creat("a", 0600));
	CHECK(drain(fd) == 2);
	CHECK(rename("a", "b") == 0 && drain(fd) == 2);
	pid = fork();
	if (pid == 0) {
		msleep(5);
		CHECK(unlink("b") == 0);
		exit(0);
	}
	events = drain(fd);
	CHECK(events == 1);
	reap_ok(pid);
	CHECK(inotify_rm_watch(fd, wd) == 0 && drain(fd) == 1);
	return 0;
}
