/* A child of vfork makes many calls on its parent's memory and descriptors before it goes. modes:
 * all */
#include "check.h"

#include <sys/stat.h>

static volatile int seen;
static struct stat st;
static char buf[256];

static void child(int file, const int p[2], int how)
{
	char *args[] = {"true", NULL};

	for (int i = 0; i < 50; i++) {
		seen += getpid() > 0;
		if (fstat(file, &st) || pread(file, buf + i, 10, i) != 10 ||
		    write(p[1], buf, 20) != 20 || read(p[0], buf + 100, 20) != 20)
			_exit(99);
	}
	if (write(1, "child\n", 6) != 6)
		_exit(98);
	if (how == 0)
		_exit(5);
	if (how == 1)
		kill(getpid(), SIGKILL);
	if (how == 2)
		raise(SIGTERM);
	dup2(2, 1);
	execv("/bin/true", args);
	_exit(97);
}

int main(void)
{
	int file = open("vfork", O_RDWR | O_CREAT, 0600), p[2];
	pid_t pid;

	CHECK(file >= 0 && pipe(p) == 0);
	for (int i = 0; i < 100; i++)
		CHECK(dprintf(file, "line %d\n", i) > 0);
	for (int i = 0; i < 20; i++) {
		int before = seen;

		pid = vfork();
		if (!pid)
			child(file, p, i % 4);
		CHECK(pid > 0);
		CHECK(seen == before + 50);
		printf("%d %d: %x %08x\n", i, seen, reap(pid), hash(buf, sizeof(buf)));
	}
	return 0;
}
