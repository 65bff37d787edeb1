/* TCP over loopback between processes: accept, connect, transfers, options. modes: all */
#include "check.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define BYTES (3 << 20)

static void client(const struct sockaddr_in *to, int number)
{
	static char buf[50000];
	size_t sent = 0;
	char reply[32];
	int s = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(connect(s, (const void *)to, sizeof(*to)) == 0);
	memset(buf, 'a' + number, sizeof(buf));
	while (sent < BYTES) {
		size_t n = sizeof(buf) < BYTES - sent ? sizeof(buf) : BYTES - sent;
		ssize_t w = send(s, buf, n, 0);

		CHECK(w > 0);
		sent += w;
	}
	CHECK(shutdown(s, SHUT_WR) == 0);
	CHECK(recv(s, reply, sizeof(reply), 0) == 3 && !memcmp(reply, "got", 3));
	exit(0);
}

static void serve(int s)
{
	static char buf[65536];
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	int c = accept4(s, (void *)&peer, &len, SOCK_CLOEXEC);
	size_t total = 0;
	ssize_t n;

	CHECK(c >= 0 && len == sizeof(peer));
	while ((n = recv(c, buf, sizeof(buf), 0)) > 0)
		total += n;
	printf("%c from %s:%d\n", buf[0], inet_ntoa(peer.sin_addr), ntohs(peer.sin_port));
	CHECK(n == 0 && total == BYTES);
	CHECK(send(c, "got", 3, 0) == 3 && close(c) == 0);
}

int main(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof(a);
	struct tcp_info info;
	int s = socket(AF_INET, SOCK_STREAM, 0), on = 1, value;
	pid_t pid[2];

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0);
	CHECK(bind(s, (void *)&a, sizeof(a)) == 0 && listen(s, 5) == 0);
	CHECK(getsockname(s, (void *)&a, &len) == 0);
	printf("port %d\n", ntohs(a.sin_port));
	for (int i = 0; i < 2; i++) {
		pid[i] = fork();
		if (pid[i] == 0)
			client(&a, i);
	}
	serve(s);
	serve(s);
	reap_ok(pid[0]);
	reap_ok(pid[1]);
	len = sizeof(value);
	CHECK(getsockopt(s, SOL_SOCKET, SO_ACCEPTCONN, &value, &len) == 0 && value == 1);
	len = sizeof(info);
	CHECK(getsockopt(s, IPPROTO_TCP, TCP_INFO, &info, &len) == 0);
	printf("state %d of %u bytes\n", info.tcpi_state, len);
	a.sin_port = htons(1);
	CHECK_ERRNO(connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&a, len = sizeof(a)),
		    ECONNREFUSED);
	return 0;
}
