/* nanosleep, clock_nanosleep relative and absolute, usleep; the clock agrees. modes: all */
#include "check.h"

static long ms_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int main(void)
{
	struct timespec t = {0, 5000000}, abs;
	long start = ms_now();

	CHECK(nanosleep(&t, NULL) == 0 && ms_now() >= start + 5);
	CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL) == 0 && ms_now() >= start + 10);
	clock_gettime(CLOCK_MONOTONIC, &abs);
	CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &abs, NULL) == 0);
	CHECK(usleep(1000) == 0);
	t.tv_nsec = -1;
	CHECK_ERRNO(nanosleep(&t, NULL), EINVAL);
	CHECK(clock_nanosleep(999, 0, &abs, NULL) == EINVAL);
	printf("%ld ms\n", ms_now() - start);
	return 0;
}
