/* x87, SSE and AVX state survives handlers that destroy it, and system calls in them. modes: all */
#include "check.h"

static volatile int hits;

static void destroy(int sig)
{
	char buf[16];

	hits++;
	asm volatile("fninit\n pxor %%xmm0, %%xmm0\n pcmpeqd %%xmm7, %%xmm7\n" ::
			     : "xmm0", "xmm7", "st");
	if (__builtin_cpu_supports("avx"))
		asm volatile("vzeroall" ::: "memory");
	CHECK(getpid() > 0 && read(-1, buf, 1) == -1);
}

static void x87_and_sse(void)
{
	double out, in = 3.25;
	unsigned long lo = 0x1122334455667788, got;
	unsigned int mxcsr = 0x3f80, after;

	asm volatile("fldl %[in]\n"
		     "ldmxcsr %[mxcsr]\n"
		     "movq %[lo], %%xmm7\n"
		     "mov %[nr], %%eax\n"
		     "mov %[pid], %%edi\n"
		     "mov %[sig], %%esi\n"
		     "syscall\n"
		     "stmxcsr %[after]\n"
		     "movq %%xmm7, %[got]\n"
		     "fstpl %[out]\n"
		     : [out] "=m"(out), [got] "=r"(got), [after] "=m"(after)
		     : [in] "m"(in), [mxcsr] "m"(mxcsr), [lo] "r"(lo), [nr] "i"(SYS_kill),
		       [pid] "r"(getpid()), [sig] "i"(SIGUSR1)
		     : "rax", "rdi", "rsi", "rcx", "r11", "xmm7", "memory");
	CHECK(out == 3.25 && got == lo && after == mxcsr);
}

__attribute__((target("avx"))) static void avx(void)
{
	static unsigned char in[32], out[32];

	for (int i = 0; i < 32; i++)
		in[i] = 17 * i + 1;
	asm volatile("vmovdqu %[in], %%ymm9\n"
		     "mov %[nr], %%eax\n"
		     "mov %[pid], %%edi\n"
		     "mov %[sig], %%esi\n"
		     "syscall\n"
		     "vmovdqu %%ymm9, %[out]\n"
		     : [out] "=m"(out)
		     : [in] "m"(in), [nr] "i"(SYS_kill), [pid] "r"(getpid()), [sig] "i"(SIGUSR1)
		     : "rax", "rdi", "rsi", "rcx", "r11", "xmm9", "memory");
	CHECK(!memcmp(in, out, 32));
}

int main(void)
{
	unsigned int mxcsr = 0x1f80;

	on_signal(SIGUSR1, destroy, 0);
	for (int i = 0; i < 10; i++) {
		x87_and_sse();
		asm volatile("ldmxcsr %0" ::"m"(mxcsr));
		if (__builtin_cpu_supports("avx"))
			avx();
	}
	printf("avx: %s, %d signals\n", __builtin_cpu_supports("avx") ? "yes" : "no", hits);
	return 0;
}
