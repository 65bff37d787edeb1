/* Handlers wait in loops for other signals, nested, and for a thread. modes: all; needs: ticks */
#include "check.h"
#include "code.h"

#include <pthread.h>
#include <sys/time.h>

static volatile sig_atomic_t got[4], depth;
static volatile int from_thread;
static pthread_t main_thread;

/* SIGRTMIN + n waits for SIGRTMIN + n + 1, the last one for the thread. */
static void handler(int sig)
{
	int n = sig - SIGRTMIN;

	depth = n;
	if (n < 3)
		while (!got[n + 1])
			;
	else
		while (!from_thread)
			;
	got[n] = 1;
}

static void *run(void *arg)
{
	for (int n = 0; n < 4; n++) {
		CHECK(pthread_kill(main_thread, SIGRTMIN + n) == 0);
		while (depth != n)
			;
		work(0, MILLISECOND);
	}
	from_thread = 1;
	return NULL;
}

int main(void)
{
	main_thread = pthread_self();
	for (int n = 0; n < 4; n++)
		on_signal(SIGRTMIN + n, handler, SA_RESTART);
	for (int i = 0; i < 3; i++) {
		unsigned long trips = 0;
		pthread_t t;

		depth = -1;
		from_thread = 0;
		for (int n = 0; n < 4; n++)
			got[n] = 0;
		CHECK(pthread_create(&t, NULL, run, NULL) == 0);
		while (!got[0])
			trips++;
		CHECK(got[1] && got[2] && got[3]);
		CHECK(pthread_join(t, NULL) == 0);
		printf("%lu trips\n", trips);
	}
	return 0;
}
