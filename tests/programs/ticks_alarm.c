/* A timer's signal comes into a loop; where it did is printed. modes: all; needs: ticks */
#include "check.h"

#include <signal.h>
#include <sys/time.h>

#define SIGNALS 12

static volatile unsigned long trips, state = 88172645463325252;
static unsigned long seen[SIGNALS], states[SIGNALS];
static volatile sig_atomic_t n;

static void on_alarm(int signo)
{
	if (n < SIGNALS) {
		seen[n] = trips;
		states[n] = state;
		n++;
	}
}

int main(void)
{
	const struct itimerval often = {{0, 7000}, {0, 7000}}, never = {0};
	char copy[2][3000] = {0};

	CHECK(signal(SIGALRM, on_alarm) != SIG_ERR);
	CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
	while (n < SIGNALS) {
		unsigned long x = state;
		const void *from = copy[0];
		void *to = copy[1];
		size_t len = sizeof(copy[0]);

		__asm__ volatile("ticks_here: nop"); /* for counting by a breakpoint */
		x ^= x << 13;
		x ^= x >> 7;
		state = x ^ x << 17;
		trips++;
		copy[0][trips % sizeof(copy[0])] = (char)x;
		/* A signal may come in the middle of it. */
		__asm__ volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(len) : : "memory");
	}
	CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
	for (int i = 0; i < SIGNALS; i++)
		printf("%lu %lx\n", seen[i], states[i]);
	return 0;
}
