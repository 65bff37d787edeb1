/* A vfork child waits in a loop for a thread of its parent. modes: all; needs: ticks */
#include "check.h"
#include "code.h"

#include <pthread.h>

static volatile int asked, answered;
static volatile unsigned long trips;

static void *answer(void *arg)
{
	uint64_t x = 0;

	for (int i = 1; i <= 5; i++) {
		while (asked != i)
			x++;
		work(x, MILLISECOND);
		answered = i;
	}
	return NULL;
}

int main(void)
{
	pthread_t t;

	CHECK(pthread_create(&t, NULL, answer, NULL) == 0);
	for (int i = 1; i <= 5; i++) {
		pid_t pid = vfork();

		if (pid == 0) {
			asked = i;
			while (answered != i)
				trips++;
			_exit(0);
		}
		CHECK(pid > 0 && answered == i);
		reap_ok(pid);
		printf("%lu trips\n", trips);
	}
	CHECK(pthread_join(t, NULL) == 0);
	return 0;
}
