/* Threads and processes that share descriptors, which become other files under their hands. modes:
 * all */
#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>

#define TURNS 60

static int number = 50, go[2], done[2];

/* What the number is now, as seen by calls that treat each kind of file in another way. */
static int look(void)
{
	char buf[16] = "";
	int sum = 0;

	sum += (int)read(number, buf, 4) * 3 + (errno == EAGAIN);
	sum += (int)write(number, "wxyz", 4) * 7;
	sum += (int)lseek(number, 0, SEEK_CUR) * 11;
	return sum * 31 + buf[0];
}

static int other(void *arg)
{
	int sum = 0;

	(void)arg;
	for (int i = 0; i < TURNS; i++) {
		hear(go[0]);
		sum = sum * 31 + look();
		tell(done[1]);
	}
	CHECK(write(done[1], &sum, sizeof(sum)) == sizeof(sum));
	return 0;
}

static void *thread(void *arg)
{
	other(arg);
	return NULL;
}

static void turn(int i, int sum[1])
{
	int s[2], p[2], fd = -1;

	*sum = *sum * 31 + look();
	switch (i % 6) {
	case 0:
		fd = open("shared", O_RDWR | O_CREAT, 0600);
		break;
	case 1:
		CHECK(pipe2(p, O_NONBLOCK) == 0);
		CHECK(write(p[1], "pipe", 4) == 4);
		close(p[1]);
		fd = p[0];
		break;
	case 2:
		CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s) == 0);
		CHECK(write(s[1], "sock", 4) == 4);
		dup2(s[1], number + 1);
		close(s[1]);
		fd = s[0];
		break;
	case 3:
		fd = open("/dev/zero", O_RDWR);
		break;
	case 4:
		fd = dup(1);
		break;
	case 5:
		close(number);
		*sum = *sum * 31 + look();
		return;
	}
	CHECK(fd >= 0 && dup2(fd, number) == number);
	close(fd);
	*sum = *sum * 31 + look();
}

static void run(bool process)
{
	static char stack[65536] __attribute__((aligned(16)));
	int sum = 0, theirs;
	pthread_t t;
	pid_t pid = 0;

	if (process) {
		pid = clone(other, stack + sizeof(stack), CLONE_FILES | SIGCHLD, NULL);
		CHECK(pid > 0);
	} else {
		CHECK(pthread_create(&t, NULL, thread, NULL) == 0);
	}
	for (int i = 0; i < TURNS; i++) {
		turn(i, &sum);
		tell(go[1]);
		hear(done[0]);
	}
	CHECK(read(done[0], &theirs, sizeof(theirs)) == sizeof(theirs));
	if (process)
		reap_ok(pid);
	else
		CHECK(pthread_join(t, NULL) == 0);
	printf("\n%s: %08x %08x\n", process ? "process" : "thread", (unsigned int)sum,
	       (unsigned int)theirs);
}

int main(void)
{
	on_signal(SIGPIPE, SIG_IGN, 0);
	CHECK(pipe(go) == 0 && pipe(done) == 0);
	run(false);
	run(true);
	return 0;
}
