/* pthread_cancel of threads that make calls which do not wait: none that is done is lost. modes:
 * all */
#include "check.h"

#include <pthread.h>
#include <sys/ioctl.h>

#define BYTES 20000

/* glibc's threads may be cancelled when the call has been made (its bug 12683). */
#ifdef __GLIBC__
#define LOST 1
#else
#define LOST 0
#endif

static int p[2];
static volatile int taken, cleaned;

static void cleanup(void *arg)
{
	cleaned++;
}

static void *take(void *arg)
{
	char c;

	pthread_cleanup_push(cleanup, NULL);
	while (read(p[0], &c, 1) == 1)
		taken++;
	pthread_cleanup_pop(0);
	return NULL;
}

int main(void)
{
	static char bytes[BYTES];
	int left, lost = 0, rounds = 20;
	void *ret;

	CHECK(pipe(p) == 0);
	for (int i = 0; i < rounds; i++) {
		pthread_t t;

		taken = 0;
		CHECK(write(p[1], bytes, BYTES) == BYTES);
		CHECK(pthread_create(&t, NULL, take, NULL) == 0);
		while (taken < 100 * i)
			sched_yield();
		CHECK(pthread_cancel(t) == 0 && pthread_join(t, &ret) == 0);
		CHECK(ret == PTHREAD_CANCELED && cleaned == i + 1);
		CHECK(ioctl(p[0], FIONREAD, &left) == 0);
		printf("taken %d, left %d\n", taken, left);
		lost += BYTES - taken - left;
		CHECK(lost >= 0 && lost <= LOST * (i + 1));
		CHECK(read(p[0], bytes, (size_t)left) == left);
	}
	return 0;
}
