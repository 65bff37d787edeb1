/* alarm, setitimer, timer_create interrupt pause, nanosleep and read with handlers. modes: all */
#include "check.h"

#include <sys/time.h>

static volatile int hits;

static void on_tick(int sig)
{
	hits++;
}

int main(void)
{
	struct itimerval it = {{0, 2000}, {0, 3000}}, old;
	struct itimerspec its = {{0, 3000000}, {0, 2000000}}, left;
	struct timespec t = {1, 0}, rest;
	sigset_t block, old_mask;
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
	timer_t timer;
	int p[2];
	char c;

	on_signal(SIGALRM, on_tick, 0);
	CHECK(pipe(p) == 0 && setitimer(ITIMER_REAL, &it, NULL) == 0);
	CHECK_ERRNO(pause(), EINTR);
	CHECK_ERRNO(nanosleep(&t, &rest), EINTR);
	CHECK_ERRNO(read(p[0], &c, 1), EINTR);
	CHECK(hits >= 3 && getitimer(ITIMER_REAL, &old) == 0 && old.it_interval.tv_usec == 2000);
	printf("%d ticks, %ld us left, %ld ns of sleep\n", hits, (long)old.it_value.tv_usec,
	       rest.tv_nsec);
	it = (struct itimerval){};
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);

	hits = 0;
	CHECK(timer_create(CLOCK_REALTIME, &ev, &timer) == 0);
	CHECK(timer_settime(timer, 0, &its, NULL) == 0);
	while (hits < 3)
		pause();
	CHECK(timer_gettime(timer, &left) == 0);
	printf("overrun %d, %ld ns left\n", timer_getoverrun(timer), left.it_value.tv_nsec);
	CHECK(timer_delete(timer) == 0);

	hits = 0;
	CHECK(alarm(1) == 0 && alarm(100) == 1 && alarm(0) == 100 && hits == 0);
	/* Blocked until it is waited for: pause() would not return if it came before. */
	sigemptyset(&block);
	sigaddset(&block, SIGALRM);
	CHECK(sigprocmask(SIG_BLOCK, &block, &old_mask) == 0 && ualarm(3000, 0) == 0);
	CHECK_ERRNO(sigsuspend(&old_mask), EINTR);
	CHECK(hits == 1);
	return 0;
}
