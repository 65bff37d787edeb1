/* SCM_RIGHTS and SCM_CREDENTIALS: descriptors cross processes and work there. modes: all */
#include "check.h"

#include <sys/socket.h>

static void send_fds(int s, const int *fds, int n)
{
	char control[CMSG_SPACE(4 * sizeof(int))] = "", data = 'd';
	struct iovec v = {&data, 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control};
	struct cmsghdr *c;

	m.msg_controllen = CMSG_SPACE(n * sizeof(int));
	c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	CHECK(sendmsg(s, &m, 0) == 1);
}

static int receive_fds(int s, int *fds)
{
	char control[256], data[16] = "";
	struct iovec v[2] = {{data, 1}, {data + 8, 1}};
	struct msghdr m = {.msg_iov = v, .msg_iovlen = 2, .msg_control = control};
	int n = 0;

	m.msg_controllen = sizeof(control);
	CHECK(recvmsg(s, &m, MSG_CMSG_CLOEXEC) == 1 && data[0] == 'd');
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_type == SCM_RIGHTS) {
			n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
			memcpy(fds, CMSG_DATA(c), n * sizeof(int));
		} else if (c->cmsg_type == SCM_CREDENTIALS) {
			struct ucred u;

			memcpy(&u, CMSG_DATA(c), sizeof(u));
			printf("from pid %d uid %d\n", u.pid, u.uid);
		}
	}
	return n;
}

int main(void)
{
	int s[2], p[2], fds[4], on = 1, file = open("file", O_RDWR | O_CREAT, 0600);
	char buf[16];
	pid_t pid;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && pipe(p) == 0);
	CHECK(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0);
	CHECK(write(file, "in the file", 11) == 11);
	pid = fork();
	if (pid == 0) {
		close(file);
		close(p[0]);
		CHECK(receive_fds(s[1], fds) == 2);
		CHECK(fcntl(fds[0], F_GETFD) == FD_CLOEXEC);
		CHECK(pread(fds[0], buf, sizeof(buf), 0) == 11 && !memcmp(buf, "in the", 6));
		printf("child got %d %d\n", fds[0], fds[1]);
		tell(fds[1]);
		exit(0);
	}
	fds[0] = file;
	fds[1] = p[1];
	send_fds(s[0], fds, 2);
	close(p[1]);
	hear(p[0]);
	reap_ok(pid);
	return 0;
}
