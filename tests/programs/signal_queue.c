/* Real-time signals queue, in order of number and then of sending, with their values. modes: all */
#include "check.h"

static volatile int got[100], n;

static void handler(int sig, siginfo_t *si, void *uc)
{
	got[n++] = (sig - SIGRTMIN) * 1000 + si->si_value.sival_int;
}

int main(void)
{
	sigset_t set, old;
	siginfo_t si = {.si_code = -42};

	sigemptyset(&set);
	for (int i = 0; i < 5; i++) {
		on_siginfo(SIGRTMIN + i, handler, 0);
		sigaddset(&set, SIGRTMIN + i);
	}
	CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	for (int v = 0; v < 10; v++)
		for (int i = 4; i >= 0; i--) {
			union sigval value = {.sival_int = v};

			CHECK(sigqueue(getpid(), SIGRTMIN + i, value) == 0);
		}
	CHECK(n == 0 && sigprocmask(SIG_SETMASK, &old, NULL) == 0 && n == 50);
	for (int i = 0; i < n; i++)
		printf("%d ", got[i]);
	printf("\n");
	/* The kernel builds the frames of all at once: the one that runs first has the highest
	 * number. */
	for (int i = 0; i + 1 < n; i++)
		CHECK(got[i] / 1000 == got[i + 1] / 1000 ? true
							 : got[i] / 1000 > got[i + 1] / 1000);
	n = 0;
	si.si_value.sival_int = 6;
	CHECK(syscall(SYS_rt_sigqueueinfo, getpid(), SIGRTMIN + 1, &si) == 0 && got[0] == 1006);
	CHECK(syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), SIGRTMIN + 2, &si) == 0);
	CHECK(got[1] == 2006);
	CHECK_ERRNO(sigqueue(getpid(), 65, si.si_value), EINVAL);
	return 0;
}
