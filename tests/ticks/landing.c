/*
 * Landing finds the exact point again: a first child is stopped somewhere, a second is brought
 * there. The oracle (a count in memory that landing does not look at) says whether it is the very
 * same; and a child that was landed must go on to the right result.
 *
 * `soft` is landing without a count. `simulated` counts by steps. `hardware` counts with a perf
 * event that exists in virtual machines too: an execution breakpoint on the loop's branch, whose
 * overflow sends the signal as a PMU's does.
 */
#include "../check.h"
#include "loops.h"

#include "base/clock.h"
#include "base/log.h"
#include "task/debug.h"
#include "ticks/pmu.h"

#include <linux/hw_breakpoint.h>
#include <stdlib.h>

static uint64_t random_state = 12345;

static uint64_t random_below(uint64_t n)
{
	random_state = random_state * 6364136223846793005 + 1442695040888963407;
	return (random_state >> 33) % n;
}

static struct landing_stats total;

/* Bring a child to *p, and let it go on. */
static void land(const char *scenario, const struct ticks_source *s, const struct landing_point *p,
		 uint64_t rounds, uint64_t result, int pester)
{
	struct ticks_counter *counter = NULL;
	struct landing_stats stats;
	struct child c;
	int ret;

	child_start(&c, scenario);
	if (s)
		CHECK(!ticks_open(s, &c.t, 0, random_below(1000), &counter));
	if (pester)
		child_pester(&c, pester);
	ret = landing_run(&c.t, counter, p, &stats);
	child_quiet();
	CHECK_EQ(ret, LANDED);
	CHECK_EQ(landing_matches(p, &c.t), 1);
	CHECK_EQ(child_rounds(&c), rounds);
	ticks_close(counter);
	CHECK_EQ(child_finish(&c), result);
	child_kill(&c);
	total.hits += stats.hits;
	total.interrupts += stats.interrupts;
	total.others += stats.others;
}

/* --- without a count --- */

/* A point after so many steps. */
static void soft_point(const char *scenario, uint64_t steps, struct landing_point *p,
		       uint64_t *rounds)
{
	struct insn insn;
	struct child c;

	child_start(&c, scenario);
	for (uint64_t i = 0; i < steps; i++)
		CHECK_EQ(task_step(&c.t, 0, true, &insn), STEP_DONE);
	CHECK(!landing_capture(p, &c.t, NULL));
	*rounds = child_rounds(&c);
	child_kill(&c);
}

static void test_soft(const char *scenario, uint64_t max_steps, int times, int pester)
{
	const uint64_t result = child_result(scenario);
	struct landing_point p;
	uint64_t rounds;

	total = (struct landing_stats){0};
	for (int i = 0; i < times; i++) {
		soft_point(scenario, i < 3 && !pester ? (uint64_t)i : random_below(max_steps), &p,
			   &rounds);
		land(scenario, NULL, &p, rounds, result, pester);
	}
	printf("soft, %s: %d times, %llu hits, %llu signals dropped\n", scenario, times,
	       (unsigned long long)total.hits, (unsigned long long)total.others);
	CHECK(!pester || total.others > 0);
}

/* A point after so many us, as a recorder chooses it. */
static void timed_point(const char *scenario, int us, struct landing_point *p, uint64_t *rounds)
{
	struct insn insn;
	struct child c;

	child_start(&c, scenario);
	child_signal(&c, SIGUSR1, us);
	CHECK(!task_resume(&c.t, PTRACE_CONT, 0));
	while (task_wait(&c.t) == -EINTR)
		;
	CHECK_EQ(c.t.stop.signo, SIGUSR1);
	CHECK(!task_regs(&c.t));
	for (int i = 0; i < 200 && landing_place(&c.t) == PLACE_BAD; i++)
		CHECK_EQ(task_step(&c.t, 0, false, &insn), STEP_DONE);
	CHECK(!landing_capture(p, &c.t, NULL));
	*rounds = child_rounds(&c);
	child_kill(&c);
}

/* Millions of trips, most of which are not looked at. */
static void test_hot(const char *scenario, int times, int pester)
{
	const uint64_t result = child_result(scenario);
	uint64_t start, ns = 0, trips = 0;
	struct landing_point p;

	total = (struct landing_stats){0};
	for (int i = 0; i < times; i++) {
		uint64_t rounds;

		timed_point(scenario, 200 + random_below(400), &p, &rounds);
		start = clock_now_ns();
		land(scenario, NULL, &p, rounds, result, pester);
		ns += clock_now_ns() - start;
		trips += rounds;
	}
	printf("soft, %s: %d times, %.1f million trips, %llu hits, %llu signals, %.2f s\n",
	       scenario, times, trips / 1e6, (unsigned long long)total.hits,
	       (unsigned long long)total.others, ns / 1e9);
	CHECK(total.hits * 20 < trips);
}

/* --- with a count --- */

/* A point where the source's interrupt stopped it, and then so many rounds of a string
 * instruction. */
static void counted_point(const char *scenario, const struct ticks_source *s, ticks_t after,
			  bool in_repeat, struct landing_point *p, uint64_t *rounds)
{
	struct ticks_counter *counter;
	struct insn insn;
	struct child c;

	child_start(&c, scenario);
	CHECK(!ticks_open(s, &c.t, 0, random_below(1000), &counter));
	if (after) {
		CHECK(!ticks_program(counter, after));
		CHECK(!ticks_run(counter, PTRACE_SYSCALL, 0));
		CHECK(ticks_is_interrupt(counter));
	}
	if (in_repeat) {
		do {
			CHECK_EQ(task_step(&c.t, 0, true, &insn), STEP_DONE);
		} while (insn.class != INSN_REPEAT);
		for (uint64_t i = random_below(500); i; i--)
			CHECK_EQ(task_step(&c.t, 0, true, &insn), STEP_DONE);
	}
	CHECK(!landing_capture(p, &c.t, counter));
	if (!in_repeat)
		CHECK(p->ticks >= after && p->ticks <= after + s->skid);
	*rounds = child_rounds(&c);
	ticks_close(counter);
	child_kill(&c);
}

static void test_counted(const char *scenario, const struct ticks_source *s, ticks_t branches,
			 int times, int pester)
{
	const uint64_t result = child_result(scenario);
	struct landing_point p;
	uint64_t rounds;

	total = (struct landing_stats){0};
	for (int i = 0; i < times; i++) {
		ticks_t after = s->min_period + random_below(branches - s->min_period);

		counted_point(scenario, s, after, false, &p, &rounds);
		land(scenario, s, &p, rounds, result, pester);
	}
	printf("%s, %s: %d times, %llu hits, %llu interrupts, %llu signals dropped\n", s->name,
	       scenario, times, (unsigned long long)total.hits,
	       (unsigned long long)total.interrupts, (unsigned long long)total.others);
	if (pester)
		CHECK(total.others > 0);
}

static void test_in_repeat(const struct ticks_source *s, int times)
{
	const uint64_t result = child_result("copy");
	struct landing_point p;
	uint64_t rounds;

	for (int i = 0; i < times; i++) {
		counted_point("copy", s, 0, true, &p, &rounds);
		land("copy", s, &p, rounds, result, 0);
	}
}

/* A count that is known beforehand. */
static void test_counts(void)
{
	struct ticks_counter *counter;
	struct child c;
	ticks_t n;

	child_start(&c, "branches");
	CHECK(!ticks_open(ticks_simulated(), &c.t, 1000000, 1, &counter));
	CHECK(!ticks_run(counter, PTRACE_SYSCALL, 0));
	CHECK_EQ(task_debug_trap(&c.t), DEBUG_NO_TRAP);
	CHECK(!ticks_is_interrupt(counter));
	CHECK(!ticks_read(counter, &n));
	CHECK_EQ(n, 1000000 + 100 * 6);
	ticks_close(counter);
	child_kill(&c);

	/* Through system calls, made and skipped. */
	for (int how = 0; how < 2; how++) {
		int entries = 0;

		child_start(&c, "syscalls");
		CHECK(!ticks_open(ticks_simulated(), &c.t, 0, 1, &counter));
		for (;;) {
			CHECK(!ticks_run(counter, how ? PTRACE_SYSEMU : PTRACE_SYSCALL, 0));
			if (c.t.stop.kind != STOP_SYSCALL)
				break;
			entries++;
			if (how) {
				c.t.call_stop = CALL_SYSEMU;
				continue;
			}
			CHECK(!task_resume(&c.t, PTRACE_SYSCALL, 0));
			while (task_wait(&c.t) == -EINTR)
				;
			CHECK_EQ(c.t.stop.kind, STOP_SYSCALL);
		}
		CHECK_EQ(entries, 20);
		CHECK(!ticks_read(counter, &n));
		CHECK_EQ(n, 20);
		CHECK_EQ(child_rounds(&c), 20);
		ticks_close(counter);
		child_kill(&c);
	}
}

/* --- what else can happen --- */

static void test_elsewhere(const struct ticks_source *s)
{
	struct ticks_counter *counter = NULL;
	struct landing_point p, never;
	struct landing_stats stats;
	uint64_t rounds;
	struct child c;

	/* At the very place: nothing runs. */
	child_start(&c, "count");
	if (s)
		CHECK(!ticks_open(s, &c.t, 0, 1, &counter));
	CHECK(!landing_capture(&p, &c.t, counter));
	CHECK_EQ(landing_run(&c.t, counter, &p, &stats), LANDED);
	CHECK_EQ(stats.hits, 0);
	CHECK_EQ(child_rounds(&c), 0);

	/* A state that never comes: the task gets to its end, or past the count. */
	never = p;
	never.regs.u.rip = c.branch;
	never.regs.u.rbx = 0x1234567;
	never.ticks = 30;
	CHECK_EQ(landing_run(&c.t, counter, &never, &stats), s ? LANDING_PASSED : LANDING_STOPPED);
	CHECK(s || stats.hits < 100);
	if (s)
		CHECK_EQ(landing_run(&c.t, counter, &p, &stats), LANDING_PASSED);
	ticks_close(counter);
	child_kill(&c);

	/* A system call before the point: it is not made. */
	child_start(&c, "syscalls");
	counter = NULL;
	if (s)
		CHECK(!ticks_open(s, &c.t, 0, 1, &counter));
	CHECK(!landing_capture(&p, &c.t, counter));
	p.regs.u.rip = c.branch;
	p.ticks = 5;
	CHECK_EQ(landing_run(&c.t, counter, &p, &stats), LANDING_STOPPED);
	CHECK_EQ(c.t.stop.kind, STOP_SYSCALL);
	CHECK_EQ(c.t.call_stop, CALL_SYSEMU);
	ticks_close(counter);
	child_kill(&c);

	/* The program's own fault. */
	soft_point("crash", 500, &p, &rounds);
	child_start(&c, "crash");
	counter = NULL;
	if (s)
		CHECK(!ticks_open(s, &c.t, 0, 1, &counter));
	p.regs.u.rbx++;
	p.ticks = 1000;
	CHECK_EQ(landing_run(&c.t, counter, &p, &stats), LANDING_STOPPED);
	CHECK_EQ(c.t.stop.kind, STOP_SIGNAL);
	CHECK_EQ(c.t.stop.signo, SIGSEGV);
	ticks_close(counter);
	child_kill(&c);
}

static void test_death(const struct ticks_source *s)
{
	struct ticks_counter *counter = NULL;
	struct landing_point p;
	struct child c;
	int ret;

	child_start(&c, "spin");
	if (s)
		CHECK(!ticks_open(s, &c.t, 0, 1, &counter));
	CHECK(!landing_capture(&p, &c.t, counter));
	p.regs.u.rip = c.branch;
	p.ticks = 90000;
	p.regs.u.rbx++;
	child_pester(&c, SIGKILL);
	ret = landing_run(&c.t, counter, &p, NULL);
	child_quiet();
	CHECK(ret == -ESRCH || ret == LANDING_STOPPED);
	if (ret == LANDING_STOPPED)
		CHECK(c.t.stop.kind == STOP_EXITED || c.t.stop.kind == STOP_EVENT);
	ticks_close(counter);
	child_kill(&c);
}

/* A task that waits has the same state at each trip: any of them is the point. */
static void test_spin(void)
{
	struct landing_point p;
	struct landing_stats stats;
	uint64_t rounds;
	struct child c;

	soft_point("spin", 3 * 1000 + 2, &p, &rounds);
	CHECK_EQ(rounds, 1001);
	child_start(&c, "spin");
	CHECK_EQ(p.regs.u.rip, c.branch);
	CHECK_EQ(landing_run(&c.t, NULL, &p, &stats), LANDED);
	CHECK_EQ(stats.hits, 1);
	child_kill(&c);
}

/* Forty million hits, none of which is the point. */
static void measure(void)
{
	struct landing_point p;
	struct landing_stats stats;
	struct child c;
	uint64_t start, ns;

	child_start(&c, "hot");
	CHECK(!landing_capture(&p, &c.t, NULL));
	p.regs.u.rip = c.branch;
	p.regs.u.rbx++;
	start = clock_now_ns();
	CHECK_EQ(landing_run(&c.t, NULL, &p, &stats), LANDING_STOPPED);
	ns = clock_now_ns() - start;
	CHECK(stats.compared);
	printf("40 million hits in %.2f s: %.1f ns each\n", ns / 1e9, ns / 4e7);
	child_kill(&c);
}

/* The perf event for a scenario's branch. */
static const struct ticks_source *branch_source(const char *scenario)
{
	static struct pmu_source pmu;
	struct perf_event_attr event = {
		.type = PERF_TYPE_BREAKPOINT, .bp_type = HW_BREAKPOINT_X, .bp_len = sizeof(long)};
	struct child c;

	child_start(&c, scenario);
	event.bp_addr = c.branch;
	child_kill(&c);
	pmu_source_init(&pmu, "hardware", &event, 3, 1);
	return &pmu.source;
}

static bool have_branch_source(void)
{
	struct ticks_counter *counter;
	struct child c;
	int ret;

	child_start(&c, "count");
	ret = ticks_open(branch_source("count"), &c.t, 0, 0, &counter);
	if (!ret)
		ticks_close(counter);
	else
		printf("SKIPPED: hardware: %s\n", strerror(-ret));
	child_kill(&c);
	return !ret;
}

int main(int argc, char **argv)
{
	const struct ticks_source *sim = ticks_simulated();

	loops_child(argc, argv);
	setlinebuf(stdout);
	if (argc > 1)
		return 1;
	test_soft("count", 20000, 6, 0);
	test_soft("copy", 12000, 8, 0);
	test_soft("stack", 6000, 8, 0);
	test_soft("calls", 4000, 8, 0);
	test_soft("count", 10000, 3, SIGUSR1);
	test_soft("stack", 10000, 3, SIGTRAP);
	test_spin();
	test_hot("hot", 1, 0);
	test_hot("nested", 3, 0);
	test_hot("hot_calls", 2, 0);
	test_elsewhere(NULL);
	test_death(NULL);

	test_counts();
	test_counted("count", sim, 1500, 6, 0);
	test_counted("periodic", sim, 1500, 6, 0);
	test_counted("stack", sim, 500, 5, 0);
	test_counted("calls", sim, 600, 5, 0);
	test_counted("periodic", sim, 1500, 3, SIGUSR1);
	test_in_repeat(sim, 5);
	test_elsewhere(sim);
	test_death(sim);

	if (have_branch_source()) {
		test_counted("count", branch_source("count"), 4900, 8, 0);
		test_counted("periodic", branch_source("periodic"), 5900, 8, 0);
		test_counted("stack", branch_source("stack"), 1400, 8, 0);
		test_counted("periodic", branch_source("periodic"), 5900, 4, SIGUSR1);
		test_in_repeat(branch_source("copy"), 5);
		test_death(branch_source("spin"));
	}
	measure();
	return check_status("landing");
}
