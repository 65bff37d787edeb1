/* For sessions: calls, loops, a global that changes, a signal, system calls. */
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

volatile int total;
volatile int handled;

int add(int a, int b)
{
	int sum = a + b;

	total = sum;
	return sum;
}

int twice(int n)
{
	int result = add(n, n);

	return result;
}

int factorial(int n)
{
	if (n < 2)
		return 1;
	return n * factorial(n - 1);
}

void on_signal(int signo)
{
	handled++;
}

int main(void)
{
	int sum = 0;

	signal(SIGUSR1, on_signal);
	for (int i = 1; i <= 10; i++)
		sum = add(sum, i);
	sum = twice(sum);
	sum += factorial(6);
	raise(SIGUSR1);
	syscall(SYS_getpgid, 0);
	__asm__ volatile("nop");
	printf("sum %d total %d handled %d\n", sum, total, handled);
	fflush(stdout);
	return 3;
}
