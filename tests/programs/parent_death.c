/*
 * Processes that the death of a parent's thread kills (PR_SET_PDEATHSIG) are dying when the first
 * process ends, and with it the recording. modes: all; exit: signal 9
 */
#include "check.h"

#include <pthread.h>
#include <sys/prctl.h>

#define N_CHILDREN 12

static int fds[2];

static void *spin(void *arg)
{
	for (volatile uint64_t n = 0;; n++)
		;
	return NULL;
}

static void be_child(pid_t parent)
{
	pthread_t t;

	CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
	if (getppid() != parent)
		_exit(1);
	for (int i = 0; i < 2; i++)
		CHECK(pthread_create(&t, NULL, spin, NULL) == 0);
	tell(fds[1]);
	spin(NULL);
}

static void *make_children(void *arg)
{
	const pid_t parent = getpid();

	for (int i = 0; i < N_CHILDREN; i++)
		if (fork() == 0)
			be_child(parent);
	for (int i = 0; i < N_CHILDREN; i++)
		hear(fds[0]);
	return NULL;
}

int main(void)
{
	pthread_t t;

	CHECK(pipe(fds) == 0);
	CHECK(pthread_create(&t, NULL, make_children, NULL) == 0);
	CHECK(pthread_join(t, NULL) == 0);
	/* They come to their ends while this one still has its turn. */
	for (int i = 0; i < 1500; i++)
		on_signal(SIGUSR1, SIG_IGN, 0);
	kill(getpid(), SIGKILL);
	return 1;
}
