/* fork between buffered calls, by processes with threads, again and again; exec with descriptors
 * open. modes: all */
#include "check.h"

#include <pthread.h>

static volatile bool stop;
static int file;

static void *busy(void *arg)
{
	unsigned int i = 0;
	char c;

	(void)arg;
	while (!stop) {
		CHECK(pwrite(file, "x", 1, i++ % 5000) == 1);
		CHECK(pread(file, &c, 1, 0) == 1);
	}
	return NULL;
}

static void offspring(int depth, int out)
{
	for (int i = 0; i < 3; i++) {
		pid_t pid;

		CHECK(write(file, "child\n", 6) == 6);
		pid = depth ? fork() : -1;
		CHECK(write(file, pid ? "after\n" : "young\n", 6) == 6);
		if (!pid) {
			offspring(depth - 1, out);
			_exit(0);
		}
		CHECK(write(out, &pid, sizeof(pid)) == sizeof(pid));
		if (depth)
			reap_ok(pid);
	}
}

static int after_exec(void)
{
	char text[8192];
	ssize_t n = pread(10, text, sizeof(text), 0);

	CHECK(n > 0);
	CHECK_ERRNO(write(11, "x", 1), EBADF);
	CHECK(write(10, "after exec\n", 11) == 11 && lseek(10, 0, SEEK_CUR) > n);
	printf("after exec: %zd, %08x\n", n, hash(text, n));
	return 0;
}

int main(int argc, char **argv)
{
	char *args[] = {argv[0], "again", NULL};
	int p[2], pids[600], sum = 0;
	pthread_t t;
	ssize_t n;

	if (argc > 1)
		return after_exec();
	file = open("midway", O_RDWR | O_CREAT, 0600);
	CHECK(file >= 0 && pipe2(p, O_NONBLOCK) == 0);
	CHECK(lseek(file, 5000, SEEK_SET) == 5000);
	CHECK(pthread_create(&t, NULL, busy, NULL) == 0);
	offspring(3, p[1]);
	stop = true;
	CHECK(pthread_join(t, NULL) == 0);
	n = read(p[0], pids, sizeof(pids));
	CHECK(n > 0);
	for (size_t i = 0; i < n / sizeof(int); i++)
		sum = sum * 31 + pids[i];
	printf("%zd forks, %d\n", n / sizeof(int), sum);
	CHECK(dup2(file, 10) == 10 && dup3(file, 11, O_CLOEXEC) == 11);
	execv("/proc/self/exe", args);
	return 1;
}
