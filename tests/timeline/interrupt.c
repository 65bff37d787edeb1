/*
 * Interrupting code that makes no ticks (generated.c): the timeline is at a point of before then,
 * and goes on from there. usage: interrupt RR GENERATED
 */
#include "support.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>

#define PATIENCE_NS 500000000ULL

static uint64_t deadline; /* 0: the user is patient */

static bool impatient(void *ctx)
{
	if (!deadline || clock_now_ns() < deadline)
		return false;
	deadline = 0;
	return true;
}

static long value(struct timeline *tl, raddr_t addr)
{
	long v = -1;

	timeline_read(tl, timeline_current(tl), addr, &v, sizeof(v));
	return v;
}

int main(int argc, char **argv)
{
	struct timeline_options opt = {.replay = {.quiet = true}, .interrupted = impatient};
	struct state at, again;
	struct timeline *tl;
	raddr_t done;
	char *dir;

	begin_test(argc, 3, "usage: interrupt RR GENERATED");
	done = symbol(argv[2], "done");
	dir = record(argv[1], argv + 2);
	opt.replay.dir = dir;
	if (timeline_open(&tl, &opt))
		die("cannot open %s", dir);
	deadline = clock_now_ns() + PATIENCE_NS;
	CHECK_EQ(go(tl, TIMELINE_CONTINUE, false).reason, TIMELINE_STOP_INTERRUPTED);
	CHECK_EQ(deadline, 0);
	CHECK_EQ(value(tl, done), 0);
	at = state_of(tl);
	CHECK_EQ(go(tl, TIMELINE_CONTINUE, false).reason, TIMELINE_STOP_END);
	CHECK_EQ(value(tl, done), 1);
	timeline_seek(tl, &at.point, NULL);
	again = state_of(tl);
	CHECK(same_state(&at, &again));
	timeline_close(tl);
	remove_recording(dir);
	return check_status("interrupt");
}
