/* A signal to the process runs in a thread that lets it in; tgkill picks one. modes: all */
#include "check.h"

#include <pthread.h>

static volatile pid_t ran_in;
static pid_t tids[4];
static int ready[2], go[2];

static pid_t gettid_(void)
{
	return syscall(SYS_gettid);
}

static void handler(int sig)
{
	ran_in = gettid_();
	tell(ready[1]);
}

static void *run(void *arg)
{
	long me = (long)arg;
	sigset_t set;
	char c;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(me == 2 ? SIG_UNBLOCK : SIG_BLOCK, &set, NULL);
	tids[me] = gettid_();
	tell(ready[1]);
	while (read(go[0], &c, 1) < 0)
		CHECK(errno == EINTR);
	return NULL;
}

int main(void)
{
	pthread_t t[4];
	sigset_t set;

	CHECK(pipe(ready) == 0 && pipe(go) == 0);
	on_signal(SIGUSR1, handler, 0);
	on_signal(SIGUSR2, handler, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	for (long i = 0; i < 4; i++)
		CHECK(pthread_create(&t[i], NULL, run, (void *)i) == 0);
	for (int i = 0; i < 4; i++)
		hear(ready[0]);
	CHECK(kill(getpid(), SIGUSR1) == 0);
	hear(ready[0]);
	CHECK(ran_in == tids[2]);
	for (int i = 0; i < 4; i++) {
		CHECK(syscall(SYS_tgkill, getpid(), tids[i], SIGUSR2) == 0);
		hear(ready[0]);
		CHECK(ran_in == tids[i]);
		printf("in %d\n", ran_in);
	}
	for (int i = 0; i < 4; i++)
		tell(go[1]);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	CHECK_ERRNO(syscall(SYS_tgkill, getpid(), tids[0], SIGUSR2), ESRCH);
	return 0;
}
