/* Pipes that block both ways: an empty one, a full one, a vanished reader and writer. modes: all */
#include "check.h"

static void producer(int fd)
{
	static char block[70000];

	for (int i = 0; i < 20; i++) {
		memset(block, 'a' + i, sizeof(block));
		CHECK(write(fd, block, sizeof(block)) == sizeof(block));
	}
	exit(0);
}

static void echoer(int in, int out)
{
	char c;

	while (read(in, &c, 1) == 1) {
		c++;
		CHECK(write(out, &c, 1) == 1);
	}
	exit(0);
}

static void ping_pong(void)
{
	int to[2], from[2];
	char c = 0;
	pid_t pid;

	CHECK(pipe(to) == 0 && pipe(from) == 0);
	pid = fork();
	if (pid == 0) {
		close(to[1]);
		echoer(to[0], from[1]);
	}
	for (int i = 0; i < 100; i++) {
		CHECK(write(to[1], &c, 1) == 1);
		CHECK(read(from[0], &c, 1) == 1);
	}
	CHECK(c == 100 && close(to[1]) == 0);
	reap_ok(pid);
}

int main(void)
{
	static char buf[100000];
	size_t total = 0;
	uint32_t h = 0;
	int p[2], reads = 0;
	ssize_t n;
	pid_t pid;

	CHECK(pipe(p) == 0);
	pid = fork();
	if (pid == 0)
		producer(p[1]);
	close(p[1]);
	while ((n = read(p[0], buf, sizeof(buf))) > 0) {
		total += n;
		reads++;
		h ^= hash(buf, n);
	}
	CHECK(n == 0 && total == 20 * 70000);
	reap_ok(pid);
	printf("%d reads, %08x\n", reads, h);
	ping_pong();
	CHECK(pipe2(p, O_NONBLOCK) == 0);
	CHECK_ERRNO(read(p[0], buf, 1), EAGAIN);
	total = 0;
	while ((n = write(p[1], buf, 10000)) > 0)
		total += n;
	CHECK(n == -1 && errno == EAGAIN);
	printf("a full pipe holds %zu\n", total);
	return 0;
}
