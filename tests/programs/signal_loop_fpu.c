/* Floating point and vectors survive handlers that use all of them. modes: all */
#include "check.h"
#include "code.h"

#include <sys/time.h>

typedef double vector __attribute__((vector_size(32)));

static volatile int hits;

__attribute__((noipa)) static double mixed(unsigned long n)
{
	vector a = {1, 2, 3, 4}, b = {0.5, 0.25, 0.125, 3};
	long double x = 1;
	float f = 1;

	while (n--) {
		a = a * b + 1;
		b = b * 0.75 + 0.125;
		x = x * 1.0000001L + 1e-9L;
		f = f * 0.5f + 1;
	}
	return a[0] + a[1] * 3 + a[2] * 5 + a[3] * 7 + (double)x + f;
}

static void handler(int sig)
{
	char text[64];
	unsigned mxcsr = 0x7f80; /* towards zero */

	hits++;
	asm volatile("ldmxcsr %0\n fninit\n pcmpeqd %%xmm0, %%xmm0\n movdqa %%xmm0, %%xmm1\n"
		     "movdqa %%xmm0, %%xmm2\n movdqa %%xmm0, %%xmm3\n movdqa %%xmm0, %%xmm15\n"
		     "fldpi\n fldpi\n fldpi\n fldpi\n fldpi\n fldpi\n fldpi\n fldpi\n fninit" ::"m"(
			     mxcsr)
		     : "xmm0", "xmm1", "xmm2", "xmm3", "xmm15");
	if (__builtin_cpu_supports("avx"))
		asm volatile("vzeroall" ::
				     : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
				       "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",
				       "xmm14", "xmm15");
	snprintf(text, sizeof(text), "%f", hits / 3.0);
}

int main(void)
{
	struct itimerval it = {{0, 1000}, {0, 1000}}, off = {0};
	const unsigned long n = 20000000;
	double expected = mixed(n), got;

	on_signal(SIGALRM, handler, SA_RESTART);
	for (int i = 0; i < 5; i++) {
		CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
		got = mixed(n);
		CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
		CHECK(got == expected);
	}
	CHECK(hits > 0);
	printf("%a, %d signals\n", got, hits);
	return 0;
}
