/*
 * What XSAVE stores says which registers the CPU believes to be in use, and that depends on when
 * the kernel switched tasks: the same in replay, and the registers are restored from it. modes: all
 */
#include "check.h"

#include <cpuid.h>
#include <immintrin.h>

#define AREA	    16384
#define XSTATE_BV   64	   /* as a word */
#define OTHER_MXCSR 0x9fc0 /* rounds otherwise, takes denormals for zeros */

__asm__(".section .rodata; initial_mxcsr: .long 0x1f80; .text");

static _Alignas(64) uint64_t area[AREA / 8];

/* Of the registers behind those of the x87, as dynamic loaders store them before they call. */
#define STORE(insn, xmm)                                                                      \
	({                                                                                    \
		register uint64_t *to __asm__("rsi") = area;                                  \
		uint64_t back;                                                                \
                                                                                              \
		__asm__ volatile("movq %[in], %%xmm0\n\t"                                     \
				 "mov %%rsp, %%rbx\n\t"                                       \
				 "lea -64(%[to]), %%rsp\n\t" insn " 0x40(%%rsp)\n\t"          \
				 "mov %%rbx, %%rsp\n\t"                                       \
				 "pcmpeqd %%xmm0, %%xmm0\n\t"                                 \
				 "pcmpeqd %%xmm9, %%xmm9\n\t"                                 \
				 "ldmxcsr initial_mxcsr(%%rip)\n\t"                           \
				 "xrstor (%[to])\n\t"                                         \
				 "paddq %%xmm9, %%xmm0\n\t"                                   \
				 "movq %%xmm0, %[back]"                                       \
				 : [back] "=r"(back)                                          \
				 : [in] "r"((uint64_t)(xmm)), [to] "r"(to), "a"(0xee), "d"(0) \
				 : "rbx", "memory", "xmm0", "xmm9");                          \
		CHECK(back == (xmm));                                                         \
	})

static void clear_all(void)
{
	__asm__ volatile("pxor %%xmm0, %%xmm0; pxor %%xmm1, %%xmm1; pxor %%xmm2, %%xmm2;"
			 "pxor %%xmm3, %%xmm3; pxor %%xmm4, %%xmm4; pxor %%xmm5, %%xmm5;"
			 "pxor %%xmm6, %%xmm6; pxor %%xmm7, %%xmm7; pxor %%xmm8, %%xmm8;"
			 "pxor %%xmm9, %%xmm9; pxor %%xmm10, %%xmm10; pxor %%xmm11, %%xmm11;"
			 "pxor %%xmm12, %%xmm12; pxor %%xmm13, %%xmm13; pxor %%xmm14, %%xmm14;"
			 "pxor %%xmm15, %%xmm15" ::
				 : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
				   "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
				   "xmm15");
}

int main(void)
{
	unsigned int a, b, c, d;
	bool compact;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
		SKIP("the CPU or the kernel has no XSAVE");
	compact = __get_cpuid_count(0xd, 1, &a, &b, &c, &d) && (a & 2);
	for (int i = 0; i < 400; i++) {
		memset(area, 0x55, sizeof(area));
		memset(area + XSTATE_BV, 0, 64);
		clear_all();
		if (i % 3 == 0)
			syscall(SYS_nanosleep, &(struct timespec){0, 100000}, NULL);
		clear_all();
		if (i % 5 == 0)
			_mm_setcsr(OTHER_MXCSR);
		if (compact && i >= 200)
			STORE("xsavec", i % 2 ? 5 : 0);
		else
			STORE("xsave", i % 2 ? 5 : 0);
		CHECK(_mm_getcsr() == (i % 5 ? 0x1f80 : OTHER_MXCSR));
		_mm_setcsr(0x1f80);
		printf("%d %08x\n", i, hash(area, sizeof(area)));
		/* Of xmm registers that are all zero the CPU may say either. */
		CHECK((area[XSTATE_BV] & 2) || i % 2 == 0);
		CHECK(!recorded() || i % 2 || i % 5 == 0 || !(area[XSTATE_BV] & 2));
	}
	return 0;
}
