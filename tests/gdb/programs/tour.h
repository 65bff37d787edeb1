/* What the tour of the sessions visits (sessions/tour.inc): in C and C++, any process or thread. */
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

volatile int total;
volatile int handled;

static int add(int a, int b)
{
	int sum = a + b;

	total = sum;
	return sum;
}

static int twice(int n)
{
	int result = add(n, n);

	return result;
}

static void on_signal(int signo)
{
	handled++;
}

static int tour(int n)
{
	int sum = 0, i = 0;

	signal(SIGUSR1, on_signal);
	for (i = 1; i <= n; i++)
		sum = add(sum, i);
	sum = twice(sum);
	raise(SIGUSR1);
	sum += syscall(SYS_getpgid, 0) > 0;
	return sum;
}
