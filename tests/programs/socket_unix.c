/* Named and abstract unix sockets: bind, accept, names, blocking accept, stale paths. modes: all */
#include "check.h"

#include <sys/socket.h>
#include <sys/un.h>

static void talk(struct sockaddr_un *a, socklen_t len)
{
	struct sockaddr_un peer;
	socklen_t peerlen = sizeof(peer);
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), c;
	char buf[32] = "";
	pid_t pid;

	CHECK(bind(s, (void *)a, len) == 0 && listen(s, 1) == 0);
	pid = fork();
	if (pid == 0) {
		msleep(2);
		c = socket(AF_UNIX, SOCK_STREAM, 0);
		CHECK(connect(c, (void *)a, len) == 0 && write(c, "knock", 5) == 5);
		CHECK(read(c, buf, sizeof(buf)) == 7 && !strcmp(buf, "come in"));
		exit(0);
	}
	c = accept(s, (void *)&peer, &peerlen);
	CHECK(c >= 0 && peer.sun_family == AF_UNIX && peerlen == sizeof(sa_family_t));
	CHECK(read(c, buf, sizeof(buf)) == 5 && write(c, "come in", 7) == 7);
	reap_ok(pid);
	peerlen = sizeof(peer);
	CHECK(getsockname(c, (void *)&peer, &peerlen) == 0 && peerlen == len);
	CHECK(close(s) == 0 && close(c) == 0);
}

int main(void)
{
	struct sockaddr_un a = {AF_UNIX, "sock"}, b = {AF_UNIX, ""};

	talk(&a, offsetof(struct sockaddr_un, sun_path) + 5);
	CHECK_ERRNO(connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, sizeof(a)), ECONNREFUSED);
	CHECK(unlink("sock") == 0);
	snprintf(b.sun_path + 1, 50, "rr-test-%d", getpid());
	talk(&b, offsetof(struct sockaddr_un, sun_path) + 1 + strlen(b.sun_path + 1));
	printf("%s\n", b.sun_path + 1);
	return 0;
}
