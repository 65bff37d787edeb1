/* SIGTRAP stays blocked while signals come as the core changes hands. modes: all; needs:
 * kept-sigtrap */
#include "check.h"
#include "code.h"

#include <pthread.h>
#include <sys/time.h>

static volatile bool over;

static void handler(int sig)
{
}

static void *competitor(void *arg)
{
	while (!over)
		work(1, 100);
	return NULL;
}

static void start_timer(void)
{
	struct itimerval it = {{0, 300}, {0, 300}};

	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
}

int main(void)
{
	struct itimerval off = {0};
	sigset_t mask;
	pthread_t t;

	on_signal(SIGALRM, handler, SA_RESTART);
	on_signal(SIGTRAP, handler, 0);
	sigfillset(&mask);
	CHECK(pthread_sigmask(SIG_SETMASK, &mask, NULL) == 0);
	CHECK(pthread_create(&t, NULL, competitor, NULL) == 0);
	sigemptyset(&mask);
	sigaddset(&mask, SIGTRAP);
	CHECK(pthread_sigmask(SIG_SETMASK, &mask, NULL) == 0);
	start_timer();
	for (int i = 0; i < 200; i++) {
		struct sigaction sa;

		work(i, 200);
		CHECK(sigprocmask(SIG_BLOCK, NULL, &mask) == 0);
		CHECK(sigismember(&mask, SIGTRAP));
		CHECK(sigaction(SIGTRAP, NULL, &sa) == 0 && sa.sa_handler == handler);
	}
	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
	over = true;
	CHECK(pthread_join(t, NULL) == 0);
	return 0;
}
