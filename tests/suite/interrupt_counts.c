/*
 * For interrupted-counts.sh, two programs in one. `compute` does work, with SIGUSR1 handled, when a
 * line came from stdin. `arm PID` makes the kernel send SIGUSR1 to that task each time it has
 * written to the tick page, so right behind the instruction that counts, for as long as stdin is
 * open. 77: the kernel does not let us.
 */
#include "../programs/check.h"
#include "../programs/code.h"
#include "mem/layout.h"

#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>

static volatile int hits, traps;

static void on_usr1(int sig)
{
	hits++;
}

static void on_trap(int sig)
{
	traps++;
}

/* The carry is alive at the loop's head, so it is counted without touching flags. */
static uint64_t carry_chain(uint64_t x, uint64_t n)
{
	uint64_t sum = x;

	asm volatile("clc\n1:\tadc %2, %0\n\tlea 1(%0), %0\n\tdec %1\n\tjnz 1b"
		     : "+r"(sum), "+r"(n)
		     : "r"(x | 1ULL << 63)
		     : "cc");
	return sum;
}

/* Code with many stubs, of all forms, one behind the other. */
static uint64_t format(int i)
{
	char text[100];
	uint64_t h = 0;
	int n = snprintf(text, sizeof(text), "%d %5x %-8s %c %g %ld", i, i * 77, "text", 'a' + i,
			 i / 7.0, i * 123456789L);

	CHECK(n > 0 && (size_t)n < sizeof(text));
	for (int k = 0; k < n; k++)
		mix(&h, text[k]);
	return h;
}

static uint64_t rounds(void)
{
	uint64_t sum = 0;

	for (int i = 1; i <= 20; i++)
		sum += work(i, 50) ^ carry_chain(i, 20) ^ format(i);
	return sum;
}

static int compute(void)
{
	uint64_t expected = rounds();
	sigset_t trap;
	char line[16];

	on_signal(SIGUSR1, on_usr1, SA_RESTART);
	on_signal(SIGTRAP, on_trap, 0);
	printf("%d\n", getpid());
	CHECK(fgets(line, sizeof(line), stdin));

	CHECK(rounds() == expected);
	sigemptyset(&trap);
	sigaddset(&trap, SIGTRAP);
	CHECK(sigprocmask(SIG_BLOCK, &trap, NULL) == 0);
	CHECK(rounds() == expected);
	CHECK(raise(SIGTRAP) == 0);
	CHECK(rounds() == expected);
	CHECK(traps == 0);
	CHECK(sigprocmask(SIG_UNBLOCK, &trap, NULL) == 0);
	CHECK(traps == 1);
	printf("%d signals\n", hits);
	return 0;
}

static int arm(pid_t pid)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT,
		.size = sizeof(attr),
		.bp_type = HW_BREAKPOINT_W,
		.bp_addr = TICK_REMAINING,
		.bp_len = HW_BREAKPOINT_LEN_8,
		.sample_period = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};
	struct f_owner_ex owner = {F_OWNER_TID, pid};
	int fd = (int)syscall(SYS_perf_event_open, &attr, pid, -1, -1, 0);

	if (fd < 0)
		SKIP("no breakpoint on another process's memory");
	CHECK(fcntl(fd, F_SETOWN_EX, &owner) == 0 && fcntl(fd, F_SETSIG, SIGUSR1) == 0);
	CHECK(fcntl(fd, F_SETFL, O_ASYNC) == 0);
	printf("armed\n");
	CHECK(getchar() == EOF);
	return 0;
}

int main(int argc, char **argv)
{
	return argc == 3 ? arm((pid_t)strtol(argv[2], NULL, 10)) : compute();
}
