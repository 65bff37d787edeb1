/* poll, ppoll, select, pselect, epoll: ready, timed out, blocked for a while. modes: all */
#include "check.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

static int p[2], q[2];

static pid_t writer_soon(int fd)
{
	pid_t pid = fork();

	if (pid == 0) {
		msleep(3);
		tell(fd);
		exit(0);
	}
	return pid;
}

static void polls(void)
{
	struct pollfd f[3] = {{p[0], POLLIN, 0}, {q[0], POLLIN, 0}, {-1, POLLIN, 7}};
	struct timespec t = {0, 1000000};
	sigset_t mask;
	pid_t pid;

	CHECK(poll(f, 3, 0) == 0 && poll(f, 3, 2) == 0 && f[2].revents == 0);
	sigfillset(&mask);
	CHECK(ppoll(f, 3, &t, &mask) == 0);
	pid = writer_soon(q[1]);
	CHECK(poll(f, 3, -1) == 1 && f[0].revents == 0 && f[1].revents == POLLIN);
	hear(q[0]);
	reap_ok(pid);
	f[0] = (struct pollfd){p[1], POLLOUT | POLLIN, 0};
	CHECK(poll(f, 1, -1) == 1 && f[0].revents == POLLOUT);
	f[0] = (struct pollfd){999, POLLIN, 0};
	CHECK(poll(f, 1, -1) == 1 && f[0].revents == POLLNVAL);
}

static void selects(void)
{
	struct timeval tv = {0, 2000};
	struct timespec ts = {5, 0};
	fd_set r, w;
	pid_t pid;

	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_SET(p[0], &r);
	CHECK(select(p[1] + 1, &r, NULL, NULL, &tv) == 0 && !FD_ISSET(p[0], &r));
	CHECK(tv.tv_sec == 0 && tv.tv_usec == 0);
	FD_SET(p[0], &r);
	FD_SET(p[1], &w);
	CHECK(select(p[1] + 1, &r, &w, NULL, NULL) == 1 && FD_ISSET(p[1], &w));
	FD_SET(p[0], &r);
	pid = writer_soon(p[1]);
	CHECK(pselect(p[0] + 1, &r, NULL, NULL, &ts, NULL) == 1 && FD_ISSET(p[0], &r));
	hear(p[0]);
	reap_ok(pid);
	tv = (struct timeval){10, 0};
	FD_SET(p[0], &r);
	pid = writer_soon(p[1]);
	CHECK(select(p[0] + 1, &r, NULL, NULL, &tv) == 1);
	printf("select left %ld.%06ld\n", (long)tv.tv_sec, (long)tv.tv_usec);
	hear(p[0]);
	reap_ok(pid);
}

static void epolls(void)
{
	struct epoll_event ev = {EPOLLIN, {.u64 = 0x1234567890abcdef}}, out[4];
	int ep = epoll_create1(EPOLL_CLOEXEC);
	pid_t pid;

	CHECK(ep >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev) == 0);
	CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev), EEXIST);
	CHECK(epoll_wait(ep, out, 4, 0) == 0 && epoll_wait(ep, out, 4, 2) == 0);
	pid = writer_soon(p[1]);
	CHECK(epoll_pwait(ep, out, 4, -1, NULL) == 1);
	CHECK(out[0].data.u64 == 0x1234567890abcdef && out[0].events == EPOLLIN);
	reap_ok(pid);
	ev.events = EPOLLIN | EPOLLET;
	CHECK(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &ev) == 0);
	CHECK(epoll_wait(ep, out, 4, -1) == 1 && epoll_wait(ep, out, 4, 0) == 0);
	hear(p[0]);
	CHECK(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL) == 0);
	ev = (struct epoll_event){EPOLLOUT, {.fd = q[1]}};
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, q[1], &ev) == 0);
	CHECK(epoll_wait(ep, out, 4, -1) == 1 && out[0].data.fd == q[1]);
	if (epoll_pwait2(ep, out, 4, &(struct timespec){0, 1000}, NULL) < 0)
		CHECK(errno == ENOSYS);
}

int main(void)
{
	CHECK(pipe(p) == 0 && pipe(q) == 0);
	polls();
	selects();
	epolls();
	return 0;
}
