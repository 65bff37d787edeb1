/* SIGPIPE kills, is handled, is ignored; MSG_NOSIGNAL; SIGIO of an O_ASYNC pipe. modes: all */
#include "check.h"

#include <sys/socket.h>

static volatile int hits;

static void count(int sig)
{
	hits++;
}

int main(void)
{
	int p[2], s[2], q[2];
	pid_t pid;

	CHECK(pipe(p) == 0 && close(p[0]) == 0);
	pid = fork();
	if (pid == 0) {
		CHECK(write(p[1], "x", 1) == 1);
		_exit(1);
	}
	CHECK(WTERMSIG(reap(pid)) == SIGPIPE);
	on_signal(SIGPIPE, count, 0);
	CHECK_ERRNO(write(p[1], "x", 1), EPIPE);
	CHECK(hits == 1);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && close(s[0]) == 0);
	CHECK_ERRNO(send(s[1], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK(hits == 1);
	CHECK_ERRNO(send(s[1], "x", 1, 0), EPIPE);
	CHECK(hits == 2);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERRNO(write(p[1], "x", 1), EPIPE);
	hits = 0;
	on_signal(SIGIO, count, 0);
	CHECK(pipe(q) == 0 && fcntl(q[0], F_SETOWN, getpid()) == 0);
	CHECK(fcntl(q[0], F_SETFL, O_ASYNC) == 0 && write(q[1], "x", 1) == 1);
	CHECK(hits == 1);
	printf("%d\n", pid);
	return 0;
}
