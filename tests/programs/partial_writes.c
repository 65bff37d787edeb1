/* Writes that do not fit at once: to threads and processes that read slowly, waiting or not. modes:
 * all */
#include "check.h"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define TOTAL (3 << 20)

static char *data;

struct reader {
	int fd;
	size_t got;
	uint32_t sum;
};

static void *read_slowly(void *arg)
{
	struct reader *r = arg;
	char *buf = malloc(30000);
	ssize_t n;
	int rounds = 0;

	while ((n = read(r->fd, buf, 1 + r->got * 7 % 29999)) > 0) {
		r->sum = r->sum * 31 + hash(buf, n);
		r->got += n;
		if (++rounds % 64 == 0)
			msleep(1);
	}
	CHECK(n == 0);
	free(buf);
	return NULL;
}

enum how { WRITE, WRITEV, SEND, SENDMSG };

/* One call for as much as there is; what it wrote. */
static ssize_t put(int fd, enum how how, size_t at)
{
	size_t n = TOTAL - at;
	struct iovec v[3] = {
		{data + at, n / 3}, {data + at + n / 3, 0}, {data + at + n / 3, n - n / 3}};
	struct msghdr m = {.msg_iov = v, .msg_iovlen = 3};

	switch (how) {
	case WRITE:
		return write(fd, data + at, n);
	case WRITEV:
		return writev(fd, v, 3);
	case SEND:
		return send(fd, data + at, n, 0);
	default:
		return sendmsg(fd, &m, 0);
	}
}

static uint32_t put_all(int fd, enum how how, bool waits)
{
	uint32_t calls = 0;
	size_t done = 0;

	CHECK(fcntl(fd, F_SETFL, waits ? 0 : O_NONBLOCK) == 0);
	while (done < TOTAL) {
		ssize_t n = put(fd, how, done);
		struct pollfd p = {.fd = fd, .events = POLLOUT};

		if (n < 0) {
			CHECK(!waits && errno == EAGAIN);
			CHECK(poll(&p, 1, -1) == 1);
			continue;
		}
		CHECK(!waits || n == TOTAL);
		done += n;
		calls = calls * 31 + n;
	}
	close(fd);
	return calls;
}

static void to_thread(int fds[2], enum how how, bool waits)
{
	struct reader r = {.fd = fds[0]};
	pthread_t t;
	uint32_t calls;

	CHECK(pthread_create(&t, NULL, read_slowly, &r) == 0);
	calls = put_all(fds[1], how, waits);
	CHECK(pthread_join(t, NULL) == 0);
	CHECK(r.got == TOTAL);
	printf("thread %d %d: %08x %08x\n", how, waits, calls, r.sum);
	close(fds[0]);
}

static void to_process(int fds[2], enum how how, bool waits)
{
	struct reader r = {.fd = fds[0]};
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid) {
		close(fds[1]);
		read_slowly(&r);
		CHECK(r.got == TOTAL);
		printf("process %d %d: %08x\n", how, waits, r.sum);
		exit(0);
	}
	close(fds[0]);
	printf("to it: %08x\n", put_all(fds[1], how, waits));
	reap_ok(pid);
}

static void make(bool is_socket, int fds[2])
{
	CHECK(is_socket ? socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0 : pipe(fds) == 0);
}

int main(void)
{
	int fds[2];

	data = malloc(TOTAL);
	for (size_t i = 0; i < TOTAL; i++)
		data[i] = i * 2654435761u >> 24;
	for (int waits = 0; waits < 2; waits++) {
		for (int socket = 0; socket < 2; socket++) {
			for (enum how how = WRITE; how <= (socket ? SENDMSG : WRITEV); how++) {
				make(socket, fds);
				to_thread(fds, how, waits);
				make(socket, fds);
				to_process(fds, how, waits);
			}
		}
	}
	return 0;
}
