/* sched_*: affinity, policies, priorities, yield, nice, ioprio. modes: all */
#include "check.h"

#include <sched.h>
#include <sys/resource.h>

static int at_most(int n, int max)
{
	return n < max ? n : max;
}

int main(void)
{
	int base, nicer;
	struct sched_param sp = {}, got;
	struct timespec ts;
	cpu_set_t set;

	CHECK(sched_getaffinity(0, sizeof(set), &set) == 0);
	printf("%d cpus, nproc %ld\n", CPU_COUNT(&set), sysconf(_SC_NPROCESSORS_ONLN));
	CHECK(CPU_COUNT(&set) >= 1 && sched_setaffinity(0, sizeof(set), &set) == 0);
	CHECK(sched_getscheduler(0) == SCHED_OTHER && sched_getparam(0, &got) == 0);
	CHECK(sched_setscheduler(0, SCHED_BATCH, &sp) == 0);
	CHECK(sched_getscheduler(0) == SCHED_BATCH);
	CHECK(sched_get_priority_max(SCHED_FIFO) == 99 && sched_get_priority_min(SCHED_RR) == 1);
	CHECK(sched_rr_get_interval(0, &ts) == 0);
	CHECK(sched_yield() == 0);
	errno = 0;
	base = getpriority(PRIO_PROCESS, 0);
	nicer = at_most(base + 5, 19);
	CHECK(nice(3) == at_most(base + 3, 19));
	CHECK(getpriority(PRIO_PROCESS, 0) == at_most(base + 3, 19));
	CHECK(setpriority(PRIO_PROCESS, 0, nicer) == 0);
	CHECK(getpriority(PRIO_PROCESS, getpid()) == nicer);
	CHECK(syscall(SYS_ioprio_get, 1, 0) >= 0);
	if (fork() == 0) {
		CHECK(getpriority(PRIO_PROCESS, 0) == nicer);
		exit(0);
	}
	reap_ok(-1);
	return 0;
}
