/* eventfd counters between processes, timerfd intervals and absolute times. modes: all */
#include "check.h"

#include <sys/eventfd.h>
#include <sys/timerfd.h>

int main(void)
{
	struct itimerspec its = {{0, 2000000}, {0, 3000000}}, got;
	int e = eventfd(3, EFD_CLOEXEC), s = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
	int t = timerfd_create(CLOCK_MONOTONIC, 0);
	uint64_t v, total = 0;
	pid_t pid;

	CHECK(e >= 0 && s >= 0 && t >= 0);
	CHECK(read(e, &v, 8) == 8 && v == 3);
	CHECK(read(s, &v, 8) == 8 && v == 1 && read(s, &v, 8) == 8);
	CHECK_ERRNO(read(s, &v, 8), EAGAIN);
	pid = fork();
	if (pid == 0) {
		msleep(2);
		for (int i = 1; i <= 10; i++)
			CHECK(eventfd_write(e, i) == 0);
		exit(0);
	}
	while (total < 55) {
		CHECK(read(e, &v, 8) == 8);
		total += v;
	}
	CHECK(total == 55);
	reap_ok(pid);
	CHECK(timerfd_settime(t, 0, &its, NULL) == 0 && timerfd_gettime(t, &got) == 0);
	printf("left %ld interval %ld\n", got.it_value.tv_nsec, got.it_interval.tv_nsec);
	for (int i = 0; i < 3; i++) {
		CHECK(read(t, &v, 8) == 8 && v >= 1);
		printf("expired %lu\n", (unsigned long)v);
	}
	CHECK(clock_gettime(CLOCK_MONOTONIC, &its.it_value) == 0);
	its.it_value.tv_sec -= 1;
	its.it_interval = (struct timespec){0, 0};
	CHECK(timerfd_settime(t, TFD_TIMER_ABSTIME, &its, &got) == 0);
	CHECK(read(t, &v, 8) == 8 && v == 1);
	return 0;
}
