/* getrusage, times, clock(), sysinfo, getloadavg, uname: printed and the same again. modes: all */
#include "check.h"

#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/utsname.h>

int main(void)
{
	struct rusage ru;
	struct sysinfo si;
	struct utsname un;
	struct tms t;
	volatile unsigned int x = 0;

	for (int i = 0; i < 3000000; i++)
		x += i * x;
	CHECK(getrusage(RUSAGE_SELF, &ru) == 0);
	printf("self %ld.%06ld %ld.%06ld rss %ld faults %ld\n", (long)ru.ru_utime.tv_sec,
	       (long)ru.ru_utime.tv_usec, (long)ru.ru_stime.tv_sec, (long)ru.ru_stime.tv_usec,
	       ru.ru_maxrss, ru.ru_minflt);
	CHECK(getrusage(RUSAGE_THREAD, &ru) == 0 && getrusage(RUSAGE_CHILDREN, &ru) == 0);
	printf("times %ld: %ld %ld, clock %ld\n", (long)times(&t), (long)t.tms_utime,
	       (long)t.tms_stime, (long)clock());
	CHECK(sysinfo(&si) == 0);
	printf("up %ld free %lu procs %d\n", si.uptime, si.freeram, si.procs);
	CHECK(uname(&un) == 0);
	printf("%s %s %s %s %s\n", un.sysname, un.nodename, un.release, un.version, un.machine);
	return 0;
}
