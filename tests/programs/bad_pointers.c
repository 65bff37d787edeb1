/* Pointers to nothing, to memory that ends too early, and to what cannot be written, in many calls.
 * modes: all */
#include "check.h"

#include <dirent.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/utsname.h>

static char *page;     /* one page, then nothing */
static char *readonly; /* one page that can be read only */
static char *nothing;
static long page_size;

/* What a call says of each of them; the page's content afterwards is what matters. */
static void say(const char *what, long ret)
{
	printf("%-14s %ld errno %d, page %08x\n", what, ret, ret < 0 ? errno : 0,
	       hash(page, page_size));
}

static void fill_pipe(int fd, size_t n)
{
	char buf[8192];

	memset(buf, 'p', sizeof(buf));
	CHECK(write(fd, buf, n) == (ssize_t)n);
}

static void reads(char *at, size_t n)
{
	int zero = open("/dev/zero", O_RDONLY), file = open("data", O_RDWR), p[2], s[2];
	struct iovec v[2] = {{page, 10}, {at, n}};
	struct msghdr m = {.msg_iov = v, .msg_iovlen = 2};

	CHECK(zero >= 0 && file >= 0 && pipe2(p, O_NONBLOCK) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s) == 0);
	say("read zero", read(zero, at, n));
	say("read file", read(file, at, n));
	say("offset", lseek(file, 0, SEEK_CUR));
	say("pread", pread(file, at, n, 5));
	say("preadv", preadv(file, v, 2, 5));
	say("readv", readv(file, v, 2));
	fill_pipe(p[1], 8192);
	say("read pipe", read(p[0], at, n));
	say("readv pipe", readv(p[0], v, 2));
	say("left", read(p[0], page, page_size));
	fill_pipe(s[1], 8192);
	say("read socket", read(s[0], at, n));
	say("recv", recv(s[0], at, n, 0));
	say("recvmsg", recvmsg(s[0], &m, 0));
	say("left", read(s[0], page, page_size));
	say("getrandom", syscall(SYS_getrandom, at, 0, 0));
	close(zero), close(file);
	close(p[0]), close(p[1]), close(s[0]), close(s[1]);
}

static void writes(char *at, size_t n)
{
	int file = open("data", O_RDWR), p[2], s[2];
	struct iovec v[2] = {{page, 10}, {at, n}};
	struct msghdr m = {.msg_iov = v, .msg_iovlen = 2};

	CHECK(file >= 0 && pipe2(p, O_NONBLOCK) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s) == 0);
	say("write file", write(file, at, n));
	say("writev file", writev(file, v, 2));
	say("write pipe", write(p[1], at, n));
	say("writev pipe", writev(p[1], v, 2));
	say("write socket", write(s[1], at, n));
	say("send", send(s[1], at, n, 0));
	say("sendmsg", sendmsg(s[1], &m, 0));
	say("stdout", write(1, at, n));
	say("offset", lseek(file, 0, SEEK_CUR));
	close(file), close(p[0]), close(p[1]), close(s[0]), close(s[1]);
}

static void structs(char *at)
{
	int fd = open(".", O_RDONLY), ep = epoll_create1(0), s[2];
	struct epoll_event e = {.events = EPOLLIN};
	struct timeval now = {0};
	struct timespec no_time = {0};

	CHECK(fd >= 0 && ep >= 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s) == 0);
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, s[0], &e) == 0 && write(s[1], "x", 1) == 1);
	say("stat", syscall(SYS_newfstatat, AT_FDCWD, "data", at, 0));
	say("statx", syscall(SYS_statx, AT_FDCWD, "data", 0, 0xfff, at));
	say("stat path", syscall(SYS_newfstatat, AT_FDCWD, at, page, 0));
	say("statfs", syscall(SYS_statfs, "/", at));
	say("pipe", syscall(SYS_pipe2, at, 0));
	say("socketpair", syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, at));
	say("getcwd", syscall(SYS_getcwd, at, 4096));
	say("readlink", syscall(SYS_readlink, "/proc/self/exe", at, 4096));
	say("poll", syscall(SYS_poll, at, 1, 0));
	say("poll wait", syscall(SYS_poll, at, 1, 1));
	say("ppoll", syscall(SYS_ppoll, at, 1, &no_time, NULL, 8));
	say("select", syscall(SYS_select, 1024, at, NULL, NULL, &now));
	say("epoll_wait", syscall(SYS_epoll_wait, ep, at, 1, 1));
	say("getdents", syscall(SYS_getdents64, fd, at, 4096));
	say("uname", syscall(SYS_uname, at));
	say("sysinfo", syscall(SYS_sysinfo, at) < 0 ? -1 : 0);
	say("clock", syscall(SYS_clock_gettime, 1, at));
	say("clock_getres", syscall(SYS_clock_getres, 1, at));
	say("getrusage", syscall(SYS_getrusage, 0, at));
	say("getrlimit", syscall(SYS_getrlimit, RLIMIT_CORE, at));
	say("getitimer", syscall(SYS_getitimer, 0, at));
	say("setitimer", syscall(SYS_setitimer, 0, at, NULL));
	say("recvmsg", syscall(SYS_recvmsg, s[0], at, MSG_DONTWAIT));
	say("sendmsg", syscall(SYS_sendmsg, s[0], at, MSG_DONTWAIT));
	say("getsockname", syscall(SYS_getsockname, s[0], page, at));
	say("getsockopt", syscall(SYS_getsockopt, s[0], 1, 3, page, at));
	say("sigprocmask", syscall(SYS_rt_sigprocmask, SIG_BLOCK, at, NULL, 8));
	say("sigprocmask", syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, at, 8));
	say("sigaction", syscall(SYS_rt_sigaction, SIGUSR1, at, NULL, 8));
	say("sigaction", syscall(SYS_rt_sigaction, SIGUSR1, NULL, at, 8));
	say("futex", syscall(SYS_futex, at, 0, 1, NULL, NULL, 0));
	say("wait4", syscall(SYS_wait4, -1, at, WNOHANG, NULL));
	say("open", syscall(SYS_openat, AT_FDCWD, at, O_RDONLY, 0));
	say("unlink", syscall(SYS_unlink, at));
	say("readv", syscall(SYS_readv, s[0], at, 2));
	say("bind", syscall(SYS_bind, s[0], at, 16));
	close(fd), close(ep), close(s[0]), close(s[1]);
}

int main(void)
{
	int fd = open("data", O_RDWR | O_CREAT, 0600);
	char buf[8192];

	page_size = sysconf(_SC_PAGESIZE);
	memset(buf, 'd', sizeof(buf));
	CHECK(fd >= 0 && write(fd, buf, sizeof(buf)) == sizeof(buf));
	close(fd);
	page = mmap(NULL, 2 * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	readonly = mmap(NULL, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED && readonly != MAP_FAILED);
	CHECK(munmap(page + page_size, page_size) == 0);
	nothing = BAD_ADDRESS;

	puts("nothing");
	reads(nothing, 100);
	writes(nothing, 100);
	structs(nothing);
	puts("read-only");
	reads(readonly, 100);
	structs(readonly);
	puts("half");
	reads(page + page_size - 50, 100);
	writes(page + page_size - 50, 100);
	for (int left = 1; left < 300; left += 37)
		structs(page + page_size - left);
	puts("high");
	reads((char *)0xffff800000000000, 100);
	structs((char *)0xffff800000000000);
	puts("beyond all");
	reads(page + page_size - 50, SIZE_MAX / 2);
	writes(page + page_size - 50, SIZE_MAX / 2);
	return 0;
}
