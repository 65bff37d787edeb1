/* Clocks asked by threads, with a signal every ms whose handler asks too: each answer comes again,
 * and none goes back; bad and odd places for the answer. modes: all */
#include "check.h"

#include <pthread.h>
#include <sys/time.h>

#define THREADS 4
#define SIGNALS 50

static volatile sig_atomic_t n_signals;
static volatile uint64_t in_handler;

static uint64_t mix(uint64_t h, uint64_t v)
{
	return (h ^ v) * 0x9e3779b97f4a7c15;
}

static void handler(int sig)
{
	struct timespec now;

	CHECK(clock_gettime(CLOCK_REALTIME, &now) == 0);
	in_handler = mix(in_handler, (uint64_t)now.tv_nsec);
	n_signals++;
}

static uint64_t ask_all(uint64_t h, struct timespec *last)
{
	struct timespec now;
	struct timeval tv;

	CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
	CHECK(now.tv_sec > last->tv_sec ||
	      (now.tv_sec == last->tv_sec && now.tv_nsec >= last->tv_nsec));
	*last = now;
	h = mix(h, (uint64_t)now.tv_nsec);
	CHECK(gettimeofday(&tv, NULL) == 0);
	return mix(mix(h, (uint64_t)tv.tv_usec), (uint64_t)time(NULL));
}

static void *run(void *arg)
{
	struct timespec last = {0};
	uint64_t h = (uintptr_t)arg;

	while (n_signals < SIGNALS)
		h = ask_all(h, &last);
	return (void *)h;
}

static void odd_places(void)
{
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct timespec *across = (void *)(pages + 4096 - 8);
	struct timezone tz;
	struct timeval tv;
	time_t t;

	CHECK(pages != MAP_FAILED);
	CHECK(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, across) == 0);
	printf("across pages: %ld.%09ld\n", (long)across->tv_sec, across->tv_nsec);
	CHECK(mprotect(pages + 4096, 4096, PROT_READ) == 0);
	memset(pages, 0, 4096);
	CHECK_ERRNO(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, across), EFAULT);
	CHECK_ERRNO(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, pages + 4096), EFAULT);
	CHECK_ERRNO(syscall(SYS_gettimeofday, pages + 4096, NULL), EFAULT);
	CHECK_ERRNO(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, NULL), EFAULT);
	CHECK(syscall(SYS_gettimeofday, NULL, NULL) == 0);
	CHECK(syscall(SYS_gettimeofday, &tv, &tz) == 0 && gettimeofday(&tv, &tz) == 0);
	CHECK(time(&t) == t && syscall(SYS_time, &t) == t);
	printf("%ld %ld.%06ld\n", (long)t, (long)tv.tv_sec, (long)tv.tv_usec);
}

int main(void)
{
	static const clockid_t ids[] = {CLOCK_REALTIME,
					CLOCK_MONOTONIC,
					CLOCK_PROCESS_CPUTIME_ID,
					CLOCK_THREAD_CPUTIME_ID,
					CLOCK_MONOTONIC_RAW,
					CLOCK_REALTIME_COARSE,
					CLOCK_MONOTONIC_COARSE,
					CLOCK_BOOTTIME,
					CLOCK_REALTIME_ALARM,
					CLOCK_BOOTTIME_ALARM,
					CLOCK_TAI,
					10,
					15,
					16,
					-6,
					-2};
	struct itimerval ms = {{0, 1000}, {0, 1000}}, off = {0};
	struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART};
	pthread_t threads[THREADS];
	struct timespec now = {0};

	for (size_t i = 0; i < NELEM(ids); i++) {
		int ret = clock_gettime(ids[i], &now);

		printf("clock %d: %d %ld.%09ld\n", ids[i], ret, (long)now.tv_sec, now.tv_nsec);
	}
	odd_places();
	CHECK(sigaction(SIGALRM, &sa, NULL) == 0 && setitimer(ITIMER_REAL, &ms, NULL) == 0);
	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, run, (void *)i) == 0);
	for (int i = 0; i < THREADS; i++) {
		void *h;

		CHECK(pthread_join(threads[i], &h) == 0);
		printf("thread %d: %p\n", i, h);
	}
	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
	printf("%d signals, %llx\n", (int)n_signals, (unsigned long long)in_handler);
	return 0;
}
