/* The vDSO's clocks and getcpu: read often, going forwards, printed; as raw calls. modes: all */
#include "check.h"

#include <sched.h>
#include <sys/time.h>
#include <sys/timex.h>

int main(void)
{
	static const clockid_t ids[] = {CLOCK_REALTIME,		  CLOCK_MONOTONIC,
					CLOCK_BOOTTIME,		  CLOCK_MONOTONIC_RAW,
					CLOCK_REALTIME_COARSE,	  CLOCK_MONOTONIC_COARSE,
					CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID};
	struct timespec last = {}, now;
	struct timeval tv;
	struct timex tx = {};
	unsigned int cpu, node;

	for (size_t i = 0; i < NELEM(ids); i++) {
		CHECK(clock_gettime(ids[i], &now) == 0);
		printf("clock %d: %ld.%09ld", ids[i], (long)now.tv_sec, now.tv_nsec);
		CHECK(clock_getres(ids[i], &now) == 0);
		printf(" resolution %ld\n", now.tv_nsec);
	}
	for (int i = 0; i < 1000; i++) {
		CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
		CHECK(now.tv_sec > last.tv_sec ||
		      (now.tv_sec == last.tv_sec && now.tv_nsec >= last.tv_nsec));
		last = now;
	}
	CHECK(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now) == 0);
	CHECK(gettimeofday(&tv, NULL) == 0 && syscall(SYS_gettimeofday, &tv, NULL) == 0);
	printf("%ld %ld.%06ld %ld\n", (long)time(NULL), (long)tv.tv_sec, (long)tv.tv_usec,
	       (long)syscall(SYS_time, NULL));
	CHECK(syscall(SYS_getcpu, &cpu, &node, NULL) == 0 && sched_getcpu() >= 0);
	printf("cpu %u node %u\n", cpu, node);
	CHECK(adjtimex(&tx) >= 0);
	printf("offset %ld freq %ld\n", (long)tx.offset, tx.freq);
	CHECK_ERRNO(clock_gettime(999, &now), EINVAL);
	CHECK_ERRNO(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, BAD_ADDRESS), EFAULT);
	return 0;
}
