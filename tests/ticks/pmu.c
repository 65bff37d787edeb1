/*
 * The CPU's counter, where there is one: the probe's own loops, and a real task that is counted,
 * interrupted and landed.
 */
#include "../check.h"
#include "loops.h"

#include "base/log.h"

static void test_child(const struct ticks_source *pmu)
{
	struct ticks_counter *counter;
	struct landing_point p;
	struct child c;
	uint64_t rounds;

	for (ticks_t after = 1000; after < 5000; after += 400) {
		child_start(&c, "periodic");
		CHECK(!ticks_open(pmu, &c.t, 0, 0, &counter));
		CHECK(!ticks_program(counter, after));
		CHECK(!ticks_run(counter, PTRACE_SYSCALL, 0));
		CHECK(ticks_is_interrupt(counter));
		CHECK(!landing_capture(&p, &c.t, counter));
		CHECK(p.ticks >= after && p.ticks <= after + pmu->skid);
		rounds = child_rounds(&c);
		CHECK(rounds == p.ticks || rounds == p.ticks + 1);
		ticks_close(counter);
		child_kill(&c);

		child_start(&c, "periodic");
		CHECK(!ticks_open(pmu, &c.t, 0, 0, &counter));
		CHECK_EQ(landing_run(&c.t, counter, &p, NULL), LANDED);
		CHECK_EQ(child_rounds(&c), rounds);
		ticks_close(counter);
		CHECK_EQ(child_finish(&c), 6000);
		child_kill(&c);
	}
}

int main(int argc, char **argv)
{
	const struct ticks_source *pmu;
	struct buf why = BUF_INIT;

	loops_child(argc, argv);
	setlinebuf(stdout);
	pmu = ticks_pmu(&why);
	if (!pmu) {
		printf("SKIPPED: no PMU: %s\n", buf_str(&why));
		return 77;
	}
	test_child(pmu);
	return check_status("PMU");
}
