/*
 * Pipes, sockets, waiting for descriptors; time; what the kernel and the CPU say.
 */
#include "random.h"

#include <arpa/inet.h>
#include <cpuid.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/utsname.h>

/* Used by all threads of a process, without waiting. */
static int shared_pipe[2], shared_events, shared_epoll;

__attribute__((constructor)) static void init(void)
{
	struct epoll_event e = {.events = EPOLLIN};

	CHECK(!pipe2(shared_pipe, O_NONBLOCK | O_CLOEXEC));
	shared_events = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	shared_epoll = epoll_create1(EPOLL_CLOEXEC);
	CHECK(!epoll_ctl(shared_epoll, EPOLL_CTL_ADD, shared_pipe[0], &e));
	CHECK(!epoll_ctl(shared_epoll, EPOLL_CTL_ADD, shared_events, &e));
}

void act_pipe_rw(struct actor *a)
{
	char buf[100];
	ssize_t n;

	memset(buf, (int)a->random & 255, sizeof(buf));
	saw_result(a, write(shared_pipe[1], buf, below(a, sizeof(buf))));
	n = read(shared_pipe[0], buf, below(a, sizeof(buf)));
	saw_result(a, n);
	if (n > 0)
		saw_bytes(a, buf, n);
}

/* More than it takes, so that a part is written. */
void act_pipe_full(struct actor *a)
{
	static const char zeros[30000];
	struct iovec v[] = {{(void *)zeros, sizeof(zeros)}, {(void *)zeros, below(a, 30000)}};
	char buf[9000];
	ssize_t n;
	int p[2];

	CHECK(!pipe2(p, O_NONBLOCK | O_CLOEXEC));
	saw_result(a, fcntl(p[1], F_SETPIPE_SZ, 4096 << below(a, 4)));
	saw_result(a, once_in(a, 2) ? write(p[1], zeros, sizeof(zeros)) : writev(p[1], v, 2));
	saw_result(a, write(p[1], zeros, below(a, 30000)));
	while ((n = read(p[0], buf, sizeof(buf))) > 0)
		saw(a, n);
	close(p[1]);
	saw_result(a, read(p[0], buf, sizeof(buf)));
	close(p[0]);
}

void act_socket_pair(struct actor *a)
{
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
	struct pollfd pf[2] = {{.events = POLLIN | POLLOUT}, {.events = POLLIN | POLLRDHUP}};
	char buf[500] = "";
	int s[2];

	CHECK(!socketpair(AF_UNIX, types[below(a, 3)] | SOCK_CLOEXEC, 0, s));
	for (unsigned int i = below(a, 5); i; i--)
		saw_result(a, send(s[0], buf, 1 + below(a, 300), MSG_DONTWAIT));
	saw_result(a, recv(s[1], buf, below(a, 400), MSG_DONTWAIT | MSG_PEEK));
	saw_result(a, recv(s[1], buf, below(a, 400), MSG_DONTWAIT));
	if (once_in(a, 2))
		saw_result(a, shutdown(s[0], SHUT_WR));
	pf[0].fd = s[0];
	pf[1].fd = s[1];
	saw_result(a, poll(pf, 2, 0));
	saw(a, pf[0].revents << 16 | pf[1].revents);
	close(s[0]);
	saw_result(a, send(s[1], buf, 10, MSG_NOSIGNAL));
	close(s[1]);
}

/* With a descriptor inside. */
void act_socket_messages(struct actor *a)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	char data[40] = "message", got[80] = "";
	struct iovec v = {data, 1 + below(a, 40)}, w[2] = {{got, 10}, {got + 20, 50}};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1}, n = {.msg_iov = w, .msg_iovlen = 2};
	struct cmsghdr *c;
	int s[2], fd = -1;

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s));
	m.msg_control = n.msg_control = control.bytes;
	m.msg_controllen = n.msg_controllen = sizeof(control.bytes);
	c = CMSG_FIRSTHDR(&m);
	*c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
			      .cmsg_level = SOL_SOCKET,
			      .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(c), &shared_events, sizeof(int));
	saw_result(a, sendmsg(s[0], &m, 0));
	while (recvmsg(s[1], &n, MSG_CMSG_CLOEXEC) < 0)
		CHECK(errno == EINTR);
	saw_bytes(a, got, sizeof(got));
	c = CMSG_FIRSTHDR(&n);
	if (c) {
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
		saw(a, fd);
		close(fd);
	}
	close(s[0]);
	close(s[1]);
}

void act_socket_tcp(struct actor *a)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), c, s;
	socklen_t len = sizeof(sin);
	char buf[200] = "";

	CHECK(l >= 0);
	if (bind(l, (struct sockaddr *)&sin, sizeof(sin)) || listen(l, 1) ||
	    getsockname(l, (struct sockaddr *)&sin, &len)) {
		close(l);
		return;
	}
	saw(a, sin.sin_port);
	c = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	saw_result(a, connect(c, (struct sockaddr *)&sin, sizeof(sin)));
	do {
		s = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	} while (s < 0 && errno == EINTR);
	CHECK(s >= 0);
	saw_result(a, send(s, buf, 1 + below(a, 200), MSG_NOSIGNAL));
	saw_result(a, recv(c, buf, 200, 0));
	close(s);
	close(c);
	close(l);
}

void act_poll_all(struct actor *a)
{
	struct pollfd pf[] = {{shared_pipe[0], POLLIN, 0},
			      {shared_pipe[1], POLLOUT, 0},
			      {shared_events, POLLIN | POLLOUT, 0}};
	struct timeval tv = {0, below(a, 300)};
	fd_set fds;

	saw_result(a, poll(pf, below(a, 4), (int)below(a, 2)));
	saw(a, pf[0].revents << 8 ^ pf[2].revents);
	FD_ZERO(&fds);
	FD_SET(shared_pipe[0], &fds);
	saw_result(a, select(shared_pipe[0] + 1, &fds, NULL, NULL, &tv));
	saw(a, tv.tv_usec);
}

void act_epoll(struct actor *a)
{
	struct epoll_event e[2] = {{0}};
	int n = epoll_wait(shared_epoll, e, 2, (int)below(a, 2));

	saw_result(a, n);
	for (int i = 0; i < n; i++)
		saw(a, e[i].events);
	e[0].events = EPOLLIN | (once_in(a, 2) ? EPOLLET : 0);
	saw_result(a, epoll_ctl(shared_epoll, EPOLL_CTL_MOD, shared_pipe[0], &e[0]));
}

void act_events_fd(struct actor *a)
{
	uint64_t v = below(a, 5);

	saw_result(a, write(shared_events, &v, 8));
	if (once_in(a, 2)) {
		saw_result(a, read(shared_events, &v, 8));
		saw(a, v);
	}
}

void act_timer_fd(struct actor *a)
{
	struct itimerspec t = {{0, 100000 + below(a, 300000)}, {0, 1 + below(a, 300000)}};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | (once_in(a, 2) ? TFD_NONBLOCK : 0));
	uint64_t n = 0;

	CHECK(fd >= 0 && !timerfd_settime(fd, 0, &t, NULL));
	work(a, below(a, 100));
	saw_result(a, read(fd, &n, 8));
	saw(a, n);
	timerfd_gettime(fd, &t);
	saw(a, t.it_value.tv_nsec);
	close(fd);
}

void act_sleep(struct actor *a)
{
	struct timespec t = brief(a), left = {0};

	saw_result(a, once_in(a, 2) ? nanosleep(&t, &left)
				    : clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &left));
	saw(a, left.tv_nsec);
}

void act_clocks(struct actor *a)
{
	static const clockid_t ids[] = {CLOCK_REALTIME,
					CLOCK_MONOTONIC,
					CLOCK_BOOTTIME,
					CLOCK_PROCESS_CPUTIME_ID,
					CLOCK_THREAD_CPUTIME_ID,
					CLOCK_MONOTONIC_COARSE,
					CLOCK_TAI};
	struct timespec t;
	struct timeval tv;

	for (unsigned int i = below(a, 30); i; i--) {
		CHECK(!clock_gettime(ids[below(a, NELEM(ids))], &t));
		saw(a, t.tv_nsec);
	}
	gettimeofday(&tv, NULL);
	saw(a, tv.tv_usec);
	saw(a, time(NULL));
}

void act_cpu(struct actor *a)
{
	unsigned int eax, ebx, ecx, edx, aux;

	saw(a, __builtin_ia32_rdtsc());
	saw(a, __builtin_ia32_rdtscp(&aux));
	saw(a, aux);
	__cpuid_count(below(a, 8), 0, eax, ebx, ecx, edx);
	saw(a, eax ^ edx);
}

void act_randoms(struct actor *a)
{
	char buf[64] = "";

	saw_result(a, getrandom(buf, below(a, sizeof(buf)), once_in(a, 2) ? GRND_NONBLOCK : 0));
	saw_bytes(a, buf, sizeof(buf));
}

void act_identity(struct actor *a)
{
	struct utsname u;

	saw_result(a, getpid());
	saw_result(a, gettid());
	saw_result(a, getppid());
	saw_result(a, getsid(0));
	CHECK(!uname(&u));
	saw_bytes(a, u.release, strlen(u.release));
	saw_result(a, syscall(9999));
	saw_result(a, close(-1));
}

void act_usage(struct actor *a)
{
	struct rusage ru;
	struct sysinfo si;
	struct tms tms;

	CHECK(!getrusage(once_in(a, 2) ? RUSAGE_SELF : RUSAGE_THREAD, &ru));
	saw(a, ru.ru_utime.tv_usec + ru.ru_nvcsw + ru.ru_minflt);
	CHECK(!sysinfo(&si));
	saw(a, si.freeram);
	saw_result(a, times(&tms));
	saw(a, tms.tms_utime);
}

/* A process may read and write its own memory in this way, too. */
void act_vm_copies(struct actor *a)
{
	char from[300], to[300] = "";
	struct iovec l[2] = {{to, 100}, {to + 150, below(a, 150)}}, r = {from, below(a, 300)};

	memset(from, (int)a->random & 255, sizeof(from));
	saw_result(a, process_vm_readv(getpid(), l, 2, &r, 1, 0));
	saw_result(a, process_vm_writev(getpid(), l, 2, &r, 1, 0));
	saw_bytes(a, to, sizeof(to));
	saw_bytes(a, from, sizeof(from));
}
