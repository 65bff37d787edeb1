/*
 * Points: the same one is the same state, from wherever it was reached.
 * usage: points RR PROGRAM [ARGS...]
 */
#include "support.h"

#include "base/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define STEPS 120

static bool is_in_call(const struct state *s)
{
	return s->own.u.orig_rax != (uint64_t)-1;
}

/* Step forwards; then backwards, over the same states. */
static void steps_back(struct timeline *tl, event_t from)
{
	struct state *seen = xcalloc(STEPS, sizeof(*seen));
	struct timeline_stop stop;
	int n = 0, bad = 0;

	timeline_seek_event(tl, from, &stop);
	/* It may be in the middle of a step: of a system call that was entered. */
	step(tl, timeline_current(tl), false);
	while (n < STEPS) {
		seen[n++] = state_of(tl);
		stop = step(tl, timeline_current(tl), false);
		if (stop.reason != TIMELINE_STOP_STEP)
			break;
	}
	printf("%d steps from event %" PRIu64 " to %" PRIu64 "\n", n, from, timeline_event(tl));
	for (int i = n; i-- > 0 && bad < 3;) {
		struct timeline_task task;
		struct state now;

		/* Undo the step of the task that made it; unless it ended, or the one that it was,
		 * or stood in the middle of a step. */
		if (timeline_task(tl, seen[i].tid, &task) || is_in_call(&seen[i]))
			timeline_seek(tl, &seen[i].point, &stop);
		else
			stop = step(tl, seen[i].tid, true);
		now = state_of(tl);
		if (!same_state(&seen[i], &now)) {
			printf("step %d back from event %" PRIu64 "\n", i, from);
			bad++;
		}
	}
	CHECK(!bad);
	free(seen);
}

int main(int argc, char **argv)
{
	char *dir;
	struct timeline *tl;

	begin_test(argc, 3, "usage: points RR PROGRAM [ARGS...]");
	dir = strcmp(argv[1], "-") ? record(argv[1], argv + 2) : argv[2];
	tl = open_recording(dir);
	printf("%" PRIu64 " events\n", timeline_last_event(tl));
	for (event_t e = 1; e < timeline_last_event(tl); e += timeline_last_event(tl) / 6 + 1)
		steps_back(tl, e);
	timeline_close(tl);
	if (strcmp(argv[1], "-"))
		remove_recording(dir);
	return check_status("points");
}
