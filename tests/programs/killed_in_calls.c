/* Children killed in the middle of calls, by others and by themselves: what they had done stays.
 * modes: all */
#include "check.h"

#include <pthread.h>
#include <sys/stat.h>

static int shared_file;

static void work(int number, int out)
{
	struct stat st;
	char buf[64];

	for (unsigned int i = 0;; i++) {
		CHECK(pwrite(shared_file, &i, sizeof(i), number * 8) == sizeof(i));
		CHECK(fstat(shared_file, &st) == 0);
		CHECK(pread(shared_file, buf, 8, number * 8) > 0);
		if (i == 2000)
			CHECK(write(1, "busy\n", 5) == 5);
		if (i == 3000)
			tell(out);
	}
}

static void *thread(void *arg)
{
	work(7, *(int *)arg);
	return NULL;
}

static void killed_by_parent(int number, int sig)
{
	unsigned int count = 0;
	int p[2], status;
	pid_t pid;

	CHECK(pipe(p) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid)
		work(number, p[1]);
	hear(p[0]);
	CHECK(kill(pid, sig) == 0);
	status = reap(pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == sig);
	CHECK(pread(shared_file, &count, sizeof(count), number * 8) == sizeof(count));
	CHECK(count >= 3000);
	printf("killed by %d behind %u\n", sig, count);
	close(p[0]), close(p[1]);
}

/* With buffered calls just made, and a thread in the middle of its own. */
static void kills_itself(int how)
{
	int p[2], status;
	pthread_t t;
	pid_t pid;

	CHECK(pipe(p) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		CHECK(pthread_create(&t, NULL, thread, &p[1]) == 0);
		hear(p[0]);
		for (int i = 0; i < 100; i++)
			CHECK(getppid() > 0);
		CHECK(write(1, "last words\n", 11) == 11);
		if (how == 0)
			kill(getpid(), SIGKILL);
		else if (how == 1)
			syscall(SYS_exit_group, 9);
		else
			*(volatile char *)BAD_ADDRESS = 0;
		_exit(1);
	}
	status = reap(pid);
	printf("ends itself: %d: %x\n", how, status & 0xff7f);
	close(p[0]), close(p[1]);
}

int main(void)
{
	shared_file = open("killed", O_RDWR | O_CREAT, 0600);
	CHECK(shared_file >= 0);
	for (int i = 0; i < 6; i++)
		killed_by_parent(i, i % 2 ? SIGTERM : SIGKILL);
	for (int how = 0; how < 3; how++)
		kills_itself(how);
	return 0;
}
