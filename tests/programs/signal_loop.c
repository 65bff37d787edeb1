/* Timer signals see a tight loop's own registers and rip. modes: all; needs: ticks */
#include "check.h"
#include "code.h"

#include <sys/time.h>
#include <ucontext.h>

#define HITS 20

/*
 * Loops until *rdi is not 0. AT gives each instruction's place, the first that has the registers of
 * the loop to the end of the last one.
 */
long add_loop(volatile int *stop);
long carry_loop(volatile int *stop);
long down_loop(volatile int *stop);
long wide_loop(volatile int *stop);

ASM_FUNCTION(add_loop,
	     "xor %r8d, %r8d\n xor %r9d, %r9d\n xor %r10d, %r10d\n"
	     "10: inc %r8\n 11: add $1, %r9\n 12: lea 1(%r10), %r10\n"
	     "13: cmpl $0, (%rdi)\n 14: je 10b\n 15: mov %r8, %rax\n ret",
	     ".long 10b-add_loop, 11b-add_loop, 12b-add_loop, 13b-add_loop, 14b-add_loop, "
	     "15b-add_loop");
/* The carry is set from trip to trip, and nothing may change it. */
ASM_FUNCTION(carry_loop,
	     "xor %r8d, %r8d\n xor %r9d, %r9d\n xor %r10d, %r10d\n stc\n"
	     "10: lea 1(%r8), %r8\n 11: inc %r9\n 12: lea 1(%r10), %r10\n"
	     "13: mov (%rdi), %ecx\n 14: jrcxz 10b\n 15: mov %r8, %rax\n"
	     "jc 1f\n ud2\n 1: ret",
	     ".long 10b-carry_loop, 11b-carry_loop, 12b-carry_loop, 13b-carry_loop, "
	     "14b-carry_loop, 15b-carry_loop");
/* A short inner loop that ends by itself. */
ASM_FUNCTION(down_loop,
	     "xor %r8d, %r8d\n xor %r9d, %r9d\n xor %r10d, %r10d\n"
	     "10: inc %r8\n 11: inc %r9\n 12: inc %r10\n mov $3, %eax\n 1: dec %eax\n"
	     "jnz 1b\n 13: cmpl $0, (%rdi)\n 14: je 10b\n 15: mov %r8, %rax\n ret",
	     ".long 10b-down_loop, 11b-down_loop, 12b-down_loop, 13b-down_loop, "
	     "14b-down_loop, 15b-down_loop");
/* Instructions long enough to be replaced one by one. */
ASM_FUNCTION(wide_loop,
	     "xor %r8d, %r8d\n xor %r9d, %r9d\n xor %r10d, %r10d\n"
	     "10: add $0x01, %r8\n 11: {disp32} lea 1(%r9), %r9\n"
	     "12: {disp32} lea 1(,%r10), %r10\n 13: {disp32} cmpl $0, 0(%rdi)\n"
	     "14: {disp32} je 10b\n 15: mov %r8, %rax\n ret",
	     ".long 10b-wide_loop, 11b-wide_loop, 12b-wide_loop, 13b-wide_loop, "
	     "14b-wide_loop, 15b-wide_loop");

static const struct loop {
	const char *name;
	long (*run)(volatile int *stop);
	const uint32_t *at;
	bool carry;
} loops[] = {
	{"add", add_loop, add_loop_at, false},
	{"carry", carry_loop, carry_loop_at, true},
	{"down", down_loop, down_loop_at, false},
	{"wide", wide_loop, wide_loop_at, false},
};

static const struct loop *running;
static volatile int stop, hits, inside;
static uint64_t seen;

/* What r8, r9 and r10 are at each instruction, relative to one another. */
static void check_registers(const greg_t *r, unsigned long offset)
{
	unsigned long a = r[REG_R8], b = r[REG_R9], c = r[REG_R10];
	const uint32_t *at = running->at;
	int i;

	for (i = 0; i < 3 && at[i] != offset; i++)
		;
	CHECK(i < 3 || (offset >= at[2] && offset <= at[5]));
	CHECK(a == b + (i == 1) && b == c + (i == 2));
	CHECK(i != 1 || b == c);
	if (running->carry)
		CHECK(r[REG_EFL] & 1);
	CHECK(!(r[REG_EFL] & 0x100)); /* TF */
	CHECK((uintptr_t)r[REG_RDI] == (uintptr_t)&stop);
}

static void handler(int sig, siginfo_t *si, void *context)
{
	const greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	unsigned long offset = r[REG_RIP] - (uintptr_t)running->run;

	CHECK(known_code(r[REG_RIP]));
	hits++;
	if (offset >= running->at[0] && offset <= running->at[5]) {
		check_registers(r, offset);
		mix(&seen, offset);
		mix(&seen, r[REG_R8]);
		mix(&seen, r[REG_EFL]);
		inside++;
	}
	stop = hits >= HITS;
}

int main(void)
{
	static const struct {
		int which, sig;
	} timers[] = {{ITIMER_REAL, SIGALRM}, {ITIMER_PROF, SIGPROF}, {ITIMER_VIRTUAL, SIGVTALRM}};

	code_init();
	for (size_t i = 0; i < NELEM(timers); i++) {
		on_siginfo(timers[i].sig, handler, SA_RESTART);
		for (size_t j = 0; j < NELEM(loops); j++) {
			struct itimerval it = {{0, 1000}, {0, 1000}}, off = {0};
			long trips;

			running = &loops[j];
			seen = stop = hits = inside = 0;
			CHECK(setitimer(timers[i].which, &it, NULL) == 0);
			trips = loops[j].run(&stop);
			CHECK(setitimer(timers[i].which, &off, NULL) == 0);
			CHECK(hits >= HITS && inside > 0);
			printf("%d in %s: %ld trips, %lx\n", timers[i].sig, loops[j].name, trips,
			       seen);
		}
	}
	return 0;
}
