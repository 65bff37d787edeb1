/*
 * The surroundings of the oracle's cases: memory, files, sockets and processes in the state that a
 * call is to find. What cannot be had on this machine comes as -1, so that the call fails and its
 * case is counted as skipped.
 */
#include "oracle.h"

#include "base/io.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <mqueue.h>
#include <net/if.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static int owned_sem = -1, owned_shm = -1, owned_msg = -1;
static pid_t owned_child;
static char queue_name[64], scratch_dir[64];

uint64_t str(const char *s)
{
	return data(s, strlen(s) + 1);
}

uint64_t data(const void *p, size_t n)
{
	uint64_t addr = buf(n);

	memcpy((void *)addr, p, n);
	return addr;
}

uint64_t numbers(unsigned int size, size_t count, const uint64_t *v)
{
	uint64_t addr = buf(size * count);

	for (size_t i = 0; i < count; i++)
		memcpy((void *)(addr + i * size), &v[i], size);
	return addr;
}

uint64_t iov(size_t a, size_t b)
{
	if (!b)
		return WORDS(buf(a), a);
	return WORDS(buf(a), a, buf(b), b);
}

uint64_t msghdr(uint64_t name, uint64_t namelen, uint64_t control, uint64_t controllen)
{
	return WORDS(name, namelen, iov(4, 60), 2, control, controllen, 0x77);
}

int dev(const char *path)
{
	int fd = open(path, O_RDWR | O_NONBLOCK);

	return fd >= 0 ? fd : open(path, O_RDONLY | O_NONBLOCK);
}

int dir(const char *path)
{
	return open(path, O_RDONLY | O_DIRECTORY);
}

int file(const char *content)
{
	int fd = memfd_create("oracle", MFD_ALLOW_SEALING);

	if (write(fd, content, strlen(content)) < 0)
		return -1;
	lseek(fd, 0, SEEK_SET);
	return fd;
}

int pipe_with(const char *content)
{
	int fd[2];

	if (pipe(fd) || write(fd[1], content, strlen(content)) < 0)
		return -1;
	return fd[0];
}

int pipe_to(void)
{
	int fd[2];

	return pipe(fd) ? -1 : fd[1];
}

static int pair(int type, const char *content)
{
	int fd[2];

	if (socketpair(AF_UNIX, type, 0, fd) || write(fd[1], content, strlen(content)) < 0)
		return -1;
	return fd[0];
}

int stream_pair(const char *content)
{
	return pair(SOCK_STREAM, content);
}

int dgram_pair(const char *content)
{
	return pair(SOCK_DGRAM, content);
}

int fd_passer(void)
{
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec v = {(void *)"fd", 2};
	struct msghdr m = {.msg_iov = &v,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd))
		return -1;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd[1], sizeof(int));
	return sendmsg(fd[1], &m, 0) < 0 ? -1 : fd[0];
}

/* Containers may come up without the loopback interface; ours is a child's own if it must be. */
static int bound_inet(int type, struct sockaddr_in *a)
{
	socklen_t len = sizeof(*a);
	int fd = socket(AF_INET, type, 0);

	*a = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (bind(fd, (struct sockaddr *)a, len) || getsockname(fd, (struct sockaddr *)a, &len))
		return -1;
	return fd;
}

int udp_with(const char *content, int count)
{
	struct sockaddr_in to, from;
	int fd = bound_inet(SOCK_DGRAM, &to), sender = bound_inet(SOCK_DGRAM, &from);

	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMP, &(int){1}, sizeof(int));
	while (count-- > 0)
		if (sendto(sender, content, strlen(content), 0, (struct sockaddr *)&to,
			   sizeof(to)) < 0)
			return -1;
	return fd;
}

static int tcp(bool listener)
{
	struct sockaddr_in a;
	int fd = bound_inet(SOCK_STREAM, &a), client = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || listen(fd, 5) || connect(client, (struct sockaddr *)&a, sizeof(a)))
		return -1;
	return listener ? fd : client;
}

int tcp_listener(void)
{
	return tcp(true);
}

int tcp_connected(void)
{
	return tcp(false);
}

int unix_named(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	return bind(fd, (struct sockaddr *)&a, sizeof(a.sun_family)) ? -1 : fd;
}

int netlink(void)
{
	struct sockaddr_nl a = {.nl_family = AF_NETLINK};
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	return bind(fd, (struct sockaddr *)&a, sizeof(a)) ? -1 : fd;
}

bool machine_lacks;

int pty_master(void)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);

	machine_lacks |= fd < 0; /* a container without /dev/pts */
	return fd < 0 || grantpt(fd) || unlockpt(fd) ? -1 : fd;
}

int pty_slave(void)
{
	int master = pty_master();

	return master < 0 ? -1 : open(ptsname(master), O_RDWR | O_NOCTTY | O_NONBLOCK);
}

int epoll_ready(void)
{
	int fd = epoll_create1(0);

	for (int i = 0; i < 3; i++) {
		struct epoll_event e = {.events = EPOLLIN, .data.u64 = 0x1122334455667788ULL};

		if (epoll_ctl(fd, EPOLL_CTL_ADD, pipe_with("x"), &e))
			return -1;
	}
	return fd;
}

int inotify_event(void)
{
	int fd = inotify_init1(IN_NONBLOCK);
	uint64_t path = scratch_file("watched");

	if (inotify_add_watch(fd, scratch_dir, IN_ALL_EVENTS) < 0 || !path)
		return -1;
	unlink((char *)path);
	return fd;
}

int signalfd_event(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	return signalfd(-1, &set, SFD_NONBLOCK);
}

int timerfd_expired(void)
{
	struct itimerspec t = {.it_value.tv_nsec = 1, .it_interval.tv_nsec = 1000000};
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);

	timerfd_settime(fd, 0, &t, NULL);
	usleep(1000);
	return fd;
}

int eventfd_of(unsigned int value)
{
	return eventfd(value, EFD_NONBLOCK);
}

int mqueue(const char *content)
{
	struct mq_attr a = {.mq_maxmsg = 2, .mq_msgsize = 64};
	int fd;

	snprintf(queue_name, sizeof(queue_name), "/oracle-%d", getpid());
	fd = mq_open(queue_name, O_RDWR | O_CREAT | O_NONBLOCK, 0600, &a);
	if (fd >= 0 && *content)
		mq_send(fd, content, strlen(content), 3);
	return fd;
}

/* tmpfs has user attributes since 6.6; trusted ones need privilege. */
static const char *attribute = "user.colour";

int xattr_file(void)
{
	int fd = open((char *)scratch_file("coloured"), O_RDWR);

	if (fsetxattr(fd, attribute, "blue", 4, 0) == 0)
		return fd;
	attribute = "trusted.colour";
	return fsetxattr(fd, attribute, "blue", 4, 0) ? -1 : fd;
}

const char *xattr_name(void)
{
	return attribute;
}

int tun(void)
{
	return open("/dev/net/tun", O_RDWR);
}

int exited_child(void)
{
	siginfo_t si;
	pid_t pid = fork();

	if (pid == 0)
		_exit(7);
	waitid(P_PID, pid, &si, WEXITED | WNOWAIT);
	return pid;
}

int running_child(void)
{
	owned_child = fork();
	if (owned_child == 0) {
		pause();
		_exit(0);
	}
	return owned_child;
}

int sem_set(int count)
{
	return owned_sem = semget(IPC_PRIVATE, count, 0600);
}

int shm_segment(void)
{
	return owned_shm = shmget(IPC_PRIVATE, 4096, 0600);
}

int msg_queue(const char *content)
{
	struct {
		long type;
		char text[64];
	} m = {5, {0}};

	owned_msg = msgget(IPC_PRIVATE, 0600);
	memcpy(m.text, content, strlen(content));
	if (*content)
		msgsnd(owned_msg, &m, strlen(content), 0);
	return owned_msg;
}

int posix_timer(void)
{
	struct itimerspec t = {.it_value.tv_sec = 1000, .it_interval.tv_sec = 7};
	struct sigevent e = {.sigev_notify = SIGEV_NONE};
	int id;

	/* libc's timer_t is not the kernel's number. */
	if (syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &id) ||
	    syscall(SYS_timer_settime, id, 0, &t, NULL))
		return -1;
	return id;
}

int key(const char *description, const char *payload)
{
	return syscall(SYS_add_key, "user", description, payload, strlen(payload),
		       -2 /* KEY_SPEC_PROCESS_KEYRING */);
}

int pidfd_self(void)
{
	return syscall(SYS_pidfd_open, getpid(), 0);
}

void *page(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1,
		    0);
}

uint64_t blocked_signal(int signo)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signo);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(signo);
	return U64S(1ULL << (signo - 1));
}

static void on_alarm(int signo)
{
}

int interrupt_soon(void)
{
	struct itimerval t = {{0, 20000}, {0, 20000}};
	struct sigaction sa = {.sa_handler = on_alarm};

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &t, NULL);
	return 0;
}

uint64_t scratch_path(const char *name)
{
	char path[128];

	if (!*scratch_dir) {
		snprintf(scratch_dir, sizeof(scratch_dir), "/tmp/oracle-XXXXXX");
		if (!mkdtemp(scratch_dir))
			return 0;
	}
	snprintf(path, sizeof(path), "%s/%s", scratch_dir, name);
	return str(path);
}

uint64_t scratch_file(const char *name)
{
	uint64_t path = scratch_path(name);

	close(open((char *)path, O_CREAT | O_WRONLY, 0600));
	return path;
}

uint64_t unmapped(void)
{
	return ARENA_ADDR + ARENA_SIZE + 64;
}

void env_cleanup(void)
{
	if (owned_sem >= 0)
		semctl(owned_sem, 0, IPC_RMID);
	if (owned_shm >= 0)
		shmctl(owned_shm, IPC_RMID, NULL);
	if (owned_msg >= 0)
		msgctl(owned_msg, IPC_RMID, NULL);
	if (owned_child > 0)
		kill(owned_child, SIGKILL);
	if (*queue_name)
		mq_unlink(queue_name);
	if (*scratch_dir)
		remove_tree(scratch_dir);
}
