/*
 * The order of the queue, the lengths of slices, and what chaos may and must do to both.
 */
#include "../check.h"
#include "sched/sched.h"

#include <string.h>

#define N	 6
#define MAX_WAIT 200 /* turns: far above what being passed over and bad luck come to */

static struct sched_entity tasks[N];

static void queue_all(struct sched *s, bool chaos, uint64_t seed)
{
	memset(tasks, 0, sizeof(tasks));
	sched_init(s, chaos, seed);
	for (int i = 0; i < N; i++)
		sched_ready(s, &tasks[i]);
}

static void test_first_come_first_served(void)
{
	struct sched s;

	queue_all(&s, false, 1);
	sched_ready(&s, &tasks[2]); /* again: nothing changes */
	sched_remove(&tasks[1]);
	CHECK(sched_others_ready(&s));
	CHECK(sched_pick(&s) == &tasks[0]);
	for (int i = 2; i < N; i++)
		CHECK(sched_pick(&s) == &tasks[i]);
	CHECK(!sched_pick(&s) && !sched_others_ready(&s));
}

static uint64_t slice_of(struct sched *s, int nice)
{
	sched_begin(s, nice, 1000);
	CHECK_EQ(s->slice_end, 1000 + s->slice_ns);
	return s->slice_ns;
}

static void test_priorities(void)
{
	struct sched s;
	uint64_t normal, low, high;

	queue_all(&s, false, 1);
	normal = slice_of(&s, 0);
	CHECK(!sched_slice_over(&s, 1000 + normal - 1) && sched_slice_over(&s, 1000 + normal));
	low = slice_of(&s, 5);
	high = slice_of(&s, -5);
	CHECK(low * 10 > normal * 3 && low * 10 < normal * 4); /* 0.8^5 */
	CHECK(high * 10 > normal * 30 && high * 10 < normal * 31);
	CHECK(slice_of(&s, 19) && slice_of(&s, 19) < low);
	CHECK(slice_of(&s, -20) > high && slice_of(&s, -20) <= normal * 10);
	sched_renew(&s, 5000);
	CHECK_EQ(s.slice_end, 5000 + slice_of(&s, -20));
}

/* Everybody has turns, no order is kept, slices are of all sizes. */
static void test_chaos(uint64_t seed)
{
	uint64_t shortest = UINT64_MAX, longest = 0;
	unsigned int waits[N] = {0}, in_order = 0;
	const unsigned int turns = 10000;
	int last = 0;
	struct sched s;

	queue_all(&s, true, seed);
	for (unsigned int turn = 0; turn < turns; turn++) {
		struct sched_entity *e = sched_pick(&s);
		int me = (int)(e - tasks);
		uint64_t slice = slice_of(&s, 0);

		for (int i = 0; i < N; i++)
			waits[i] = i == me ? 0 : waits[i] + 1;
		for (int i = 0; i < N; i++)
			CHECK(waits[i] < MAX_WAIT);
		in_order += me == (last + 1) % N;
		last = me;
		shortest = min_u64(shortest, slice);
		longest = max_u64(longest, slice);
		sched_ready(&s, e);
	}
	CHECK(in_order < turns / 2);
	CHECK(shortest < 5000 && longest >= 20000000);
}

int main(void)
{
	test_first_come_first_served();
	test_priorities();
	for (uint64_t seed = 1; seed < 20; seed++)
		test_chaos(seed * 0x9e3779b97f4a7c15);
	return check_status("sched");
}
