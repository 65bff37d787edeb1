/* A signal each millisecond while calls are made on files, pipes and sockets; its handler makes
 * calls. modes: all */
#include "check.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

static volatile sig_atomic_t handled, nested;
static int handler_pipe[2];

static void on_alarm(int sig)
{
	struct timespec t;
	int saved = errno;
	char c = (char)sig;

	if (clock_gettime(CLOCK_MONOTONIC, &t) || write(handler_pipe[1], &c, 1) != 1 ||
	    read(handler_pipe[0], &c, 1) != 1 || c != sig)
		_exit(3);
	handled++;
	if (handled % 16 == 0)
		raise(SIGUSR1);
	errno = saved;
}

static void on_user(int sig)
{
	nested += sig == SIGUSR1 && getpid() > 0;
}

static ssize_t all(ssize_t (*io)(int, void *, size_t), int fd, char *p, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = io(fd, p + done, n - done);

		if (got < 0 && errno == EINTR)
			continue;
		CHECK(got > 0);
		done += (size_t)got;
	}
	return (ssize_t)done;
}

static ssize_t do_write(int fd, void *p, size_t n)
{
	return write(fd, p, n);
}

static unsigned int use(int in, int out, char byte)
{
	char buf[700];

	memset(buf, byte, sizeof(buf));
	all(do_write, out, buf, sizeof(buf));
	memset(buf, 0, sizeof(buf));
	all(read, in, buf, sizeof(buf));
	return hash(buf, sizeof(buf));
}

int main(void)
{
	struct itimerval timer = {{0, 1000}, {0, 1000}};
	static _Alignas(16) char alternate[65536];
	stack_t ss = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
	int file = open("storm", O_RDWR | O_CREAT, 0600), p[2], s[2];
	unsigned int sum = 0;
	long rounds = 0;
	struct pollfd ready;

	CHECK(file >= 0 && pipe(p) == 0 && pipe(handler_pipe) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	CHECK(sigaltstack(&ss, NULL) == 0);
	on_signal(SIGALRM, on_alarm, SA_ONSTACK);
	on_signal(SIGUSR1, on_user, SA_ONSTACK | SA_NODEFER);
	CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
	while (handled < 300) {
		struct stat st;

		sum = sum * 31 + use(p[0], p[1], (char)rounds);
		sum = sum * 31 + use(s[0], s[1], (char)(rounds >> 8));
		CHECK(pwrite(file, &sum, sizeof(sum), rounds % 1000 * 4) == sizeof(sum));
		CHECK(fstat(file, &st) == 0 && st.st_size > 0);
		CHECK(pread(file, &sum, sizeof(sum), rounds % 1000 * 4) == sizeof(sum));
		sum += getpid() > 0;
		ready = (struct pollfd){.fd = p[1], .events = POLLOUT};
		CHECK(poll(&ready, 1, 1000) == 1 || errno == EINTR);
		rounds++;
	}
	timer = (struct itimerval){0};
	CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
	CHECK(nested > 0);
	printf("%ld rounds, %d signals, %d nested, %08x\n", rounds, handled, nested, sum);
	return 0;
}
