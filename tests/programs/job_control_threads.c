/* Stopping a process stops all its threads; killed while stopped it dies. modes: all */
#include "check.h"

#include <poll.h>
#include <pthread.h>

static int beat[2];

static void *ticker(void *arg)
{
	for (;;) {
		tell(beat[1]);
		msleep(2);
	}
	return NULL;
}

static void wait_for_beat(void)
{
	struct pollfd p = {.fd = beat[0], .events = POLLIN};

	CHECK(poll(&p, 1, 10000) == 1);
}

int main(void)
{
	static char buf[65536];
	int status;
	pid_t pid;

	CHECK(pipe2(beat, O_NONBLOCK) == 0);
	pid = fork();
	if (pid == 0) {
		pthread_t t;

		for (int i = 0; i < 3; i++)
			pthread_create(&t, NULL, ticker, NULL);
		pause();
	}
	wait_for_beat();
	CHECK(kill(pid, SIGSTOP) == 0 && waitpid(pid, &status, WUNTRACED) == pid);
	CHECK(WIFSTOPPED(status) && read(beat[0], buf, sizeof(buf)) > 0);
	msleep(10);
	CHECK_ERRNO(read(beat[0], buf, sizeof(buf)), EAGAIN);
	CHECK(kill(pid, SIGCONT) == 0 && waitpid(pid, &status, WCONTINUED) == pid);
	wait_for_beat();
	CHECK(read(beat[0], buf, sizeof(buf)) > 0);
	CHECK(kill(pid, SIGSTOP) == 0 && waitpid(pid, &status, WUNTRACED) == pid);
	CHECK(kill(pid, SIGKILL) == 0 && WTERMSIG(reap(pid)) == SIGKILL);
	return 0;
}
