/* /proc/self maps, stat, status, cmdline, exe, fd, comm: read and printed. modes: all */
#include "check.h"

#include <dirent.h>

static void cat(const char *path, bool print)
{
	static char buf[65536];
	int fd = open(path, O_RDONLY);
	size_t used = 0;
	ssize_t n;

	CHECK(fd >= 0);
	while ((n = read(fd, buf + used, sizeof(buf) - used)) > 0)
		used += n;
	CHECK(n == 0 && close(fd) == 0 && used > 0);
	printf("%s: %zu bytes, %08x\n", path, used, hash(buf, used));
	if (print)
		fwrite(buf, 1, used, stdout);
}

int main(void)
{
	char path[4096] = "", link[4096];
	struct dirent *d;
	DIR *dir;
	ssize_t n;

	cat("/proc/self/maps", true);
	cat("/proc/self/stat", true);
	cat("/proc/self/status", true);
	cat("/proc/self/smaps", false);
	cat("/proc/self/statm", true);
	cat("/proc/self/cmdline", false);
	cat("/proc/self/environ", false);
	cat("/proc/self/comm", true);
	cat("/proc/meminfo", false);
	cat("/proc/uptime", true);
	cat("/proc/self/limits", true);
	n = readlink("/proc/self/exe", path, sizeof(path));
	CHECK(n > 0);
	printf("exe %.*s\n", (int)n, path);
	CHECK(strstr(path, "proc_self"));
	snprintf(path, sizeof(path), "/proc/%d/cwd", getpid());
	n = readlink(path, link, sizeof(link));
	CHECK(n > 0);
	printf("cwd %.*s\n", (int)n, link);
	dir = opendir("/proc/self/fd");
	while ((d = readdir(dir)))
		printf("fd %s\n", d->d_name);
	closedir(dir);
	dir = opendir("/proc/self/task");
	while ((d = readdir(dir)))
		printf("task %s\n", d->d_name);
	closedir(dir);
	return 0;
}
