/* UDP: recvfrom, recvmsg, sendmmsg, recvmmsg with short vectors and time-outs. modes: all */
#include "check.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#define N 4

int main(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET}, from[N];
	socklen_t len = sizeof(a);
	struct mmsghdr out[N] = {}, in[N + 1] = {};
	struct iovec vo[N], vi[N + 1][2];
	char text[N][8], buf[N + 1][2][16], control[64];
	int s = socket(AF_INET, SOCK_DGRAM, 0), c = socket(AF_INET, SOCK_DGRAM, 0), on = 1;
	struct timespec ts = {0, 3000000};
	pid_t pid;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(bind(s, (void *)&a, sizeof(a)) == 0 && getsockname(s, (void *)&a, &len) == 0);
	CHECK(setsockopt(s, SOL_SOCKET, SO_TIMESTAMP, &on, sizeof(on)) == 0);
	CHECK(connect(c, (void *)&a, sizeof(a)) == 0);
	memset(buf, 0, sizeof(buf));
	pid = fork();
	if (pid == 0) {
		msleep(2);
		CHECK(send(c, "first", 5, 0) == 5);
		exit(0);
	}
	CHECK(recvfrom(s, buf[0][0], 3, MSG_TRUNC, (void *)&from[0], &len) == 5);
	CHECK(len == sizeof(a) && buf[0][0][3] == 0);
	printf("from port %d\n", ntohs(from[0].sin_port));
	reap_ok(pid);
	for (int i = 0; i < N; i++) {
		snprintf(text[i], sizeof(text[i]), "msg %d", i);
		vo[i] = (struct iovec){text[i], 5 + i % 2};
		out[i].msg_hdr = (struct msghdr){.msg_iov = &vo[i], .msg_iovlen = 1};
	}
	for (int i = 0; i <= N; i++) {
		vi[i][0] = (struct iovec){buf[i][0], 2};
		vi[i][1] = (struct iovec){buf[i][1], 16};
		in[i].msg_hdr = (struct msghdr){.msg_iov = vi[i], .msg_iovlen = 2};
	}
	in[0].msg_hdr.msg_control = control;
	in[0].msg_hdr.msg_controllen = sizeof(control);
	in[1].msg_hdr.msg_name = &from[1];
	in[1].msg_hdr.msg_namelen = sizeof(from[1]);
	CHECK(sendmmsg(c, out, N, 0) == N && out[1].msg_len == 6);
	CHECK(recvmmsg(s, in, N + 1, MSG_WAITFORONE, NULL) == N);
	for (int i = 0; i < N; i++) {
		printf("%u: %s|%s control %zu\n", in[i].msg_len, buf[i][0], buf[i][1],
		       in[i].msg_hdr.msg_controllen);
		CHECK(in[i].msg_len == 5u + i % 2 && !memcmp(buf[i][0], "ms", 2));
	}
	CHECK(in[1].msg_hdr.msg_namelen == sizeof(a));
	CHECK(recvmmsg(s, in, 1, MSG_DONTWAIT, &ts) == -1 && errno == EAGAIN);
	return 0;
}
