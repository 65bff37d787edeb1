/* The same calls many times, with results that are the same, near and far: they are recorded as
 * differences. Threads and a child do so as well. modes: all */
#include "check.h"

#include <pthread.h>
#include <sys/time.h>
#include <sys/times.h>

#define ROUNDS 200

static uint64_t mix(uint64_t h, uint64_t v)
{
	return (h ^ v) * 0x9e3779b97f4a7c15;
}

static uint64_t who(uint64_t h)
{
	h = mix(h, (uint64_t)syscall(SYS_getpid));
	h = mix(h, (uint64_t)syscall(SYS_gettid));
	return mix(mix(h, (uint64_t)getppid()), (uint64_t)times(NULL));
}

static uint64_t ask_clocks(uint64_t h)
{
	struct timespec t;
	struct timeval tv;

	for (int i = 0; i < 3; i++) {
		CHECK(!clock_gettime(CLOCK_REALTIME, &t));
		h = mix(mix(h, (uint64_t)t.tv_sec), (uint64_t)t.tv_nsec);
	}
	CHECK(!clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t));
	CHECK(!gettimeofday(&tv, NULL) && !gettimeofday(&tv, NULL));
	h = mix(mix(h, (uint64_t)t.tv_nsec), (uint64_t)tv.tv_usec);
	return mix(h, (uint64_t)time(NULL));
}

static uint64_t read_tsc(uint64_t h)
{
	uint32_t lo, hi;

	for (int i = 0; i < 3; i++) {
		__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
		h = mix(h, (uint64_t)hi << 32 | lo);
	}
	return h;
}

/* Results that a difference of 32 bits does not reach, and errors between them. */
static uint64_t seek(uint64_t h, int fd)
{
	static const off_t places[] = {0, 1, 1LL << 40, 5};

	for (int i = 0; i < 4; i++) {
		CHECK(lseek(fd, places[i], SEEK_SET) == places[i]);
		for (int k = 0; k < 3; k++)
			h = mix(h, (uint64_t)lseek(fd, 0, SEEK_CUR));
		h = mix(h, (uint64_t)lseek(-1, 0, SEEK_CUR));
	}
	return h;
}

/* The same two arguments, another result each time: what there was before is written between. */
static uint64_t file_work(uint64_t h, int fd, int null)
{
	char c = 'x';

	for (int i = 0; i < 4; i++)
		h = mix(h, (uint64_t)write(null, &c, 1));
	for (int i = 0; i < 3; i++)
		h = mix(h, (uint64_t)pwrite(fd, &c, 1, 0));
	for (int i = 0; i < 3; i++) {
		int twin = dup(null);

		h = mix(h, (uint64_t)twin);
		CHECK(!close(twin));
	}
	return h;
}

static void *work(void *arg)
{
	int fd = open("alike", O_RDWR | O_CREAT, 0600), null = open("/dev/null", O_WRONLY);
	uint64_t h = (uintptr_t)arg;

	CHECK(fd >= 0 && null >= 0);
	for (int i = 0; i < ROUNDS; i++) {
		h = read_tsc(ask_clocks(who(h)));
		h = file_work(seek(h, fd), fd, null);
	}
	close(fd);
	close(null);
	return (void *)h;
}

int main(void)
{
	pthread_t t[2];
	void *h;
	int status;

	if (!fork()) {
		printf("child %lx\n", (unsigned long)work((void *)3));
		fflush(stdout);
		_exit(0);
	}
	for (uintptr_t i = 0; i < 2; i++)
		CHECK(!pthread_create(&t[i], NULL, work, (void *)i));
	for (int i = 0; i < 2; i++) {
		CHECK(!pthread_join(t[i], &h));
		printf("thread %lx\n", (unsigned long)h);
	}
	CHECK(wait(&status) > 0 && status == 0);
	printf("main %lx\n", (unsigned long)work((void *)4));
	return 0;
}
