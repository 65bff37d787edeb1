/* socketpair: streams, datagrams, seqpackets, shutdown, MSG_PEEK, MSG_TRUNC, SO_*. modes: all */
#include "check.h"

#include <sys/socket.h>
#include <sys/un.h>

static void streams(void)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	char buf[64];
	int s[2], size;
	pid_t pid;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	pid = fork();
	if (pid == 0) {
		CHECK(recv(s[1], buf, 5, MSG_WAITALL) == 5 && !memcmp(buf, "hello", 5));
		CHECK(send(s[1], "good day", 8, 0) == 8);
		CHECK(shutdown(s[1], SHUT_WR) == 0);
		exit(0);
	}
	CHECK(send(s[0], "hel", 3, MSG_NOSIGNAL) == 3);
	msleep(2);
	CHECK(send(s[0], "lo", 2, 0) == 2);
	CHECK(recv(s[0], buf, 4, MSG_PEEK) > 0 && buf[0] == 'g');
	CHECK(recv(s[0], buf, 8, MSG_WAITALL) == 8 && !memcmp(buf, "good day", 8));
	CHECK(recv(s[0], buf, 8, 0) == 0);
	reap_ok(pid);
	CHECK(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0);
	CHECK(cred.pid == getpid() && len == sizeof(cred));
	len = sizeof(size);
	CHECK(getsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &size, &len) == 0);
	printf("send buffer %d\n", size);
}

static void packets(int type)
{
	struct timeval tv = {0, 2000};
	char buf[8];
	int s[2];

	CHECK(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, s) == 0);
	CHECK(send(s[0], "0123456789", 10, 0) == 10 && send(s[0], "next", 4, 0) == 4);
	memset(buf, '#', sizeof(buf));
	CHECK(recv(s[1], buf, 4, MSG_TRUNC) == 10 && !memcmp(buf, "0123####", 8));
	CHECK(recv(s[1], buf, sizeof(buf), 0) == 4);
	CHECK_ERRNO(recv(s[1], buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	CHECK(setsockopt(s[1], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == 0);
	CHECK_ERRNO(recv(s[1], buf, sizeof(buf), 0), EAGAIN);
}

int main(void)
{
	streams();
	packets(SOCK_DGRAM);
	packets(SOCK_SEQPACKET);
	return 0;
}
