/*
 * A random walk: at each stop the state must be that of a fresh replay taken to the same point.
 * usage: walk RR COMMANDS SEED PROGRAM [ARGS...]
 */
#include "support.h"

#include "base/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static uint64_t seed;

static unsigned int below(unsigned int n)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (seed >> 33) % n;
}

#define MAX_BREAKS 4

struct walker {
	struct timeline *tl, *fresh;
	int breaks[MAX_BREAKS];
	int n_breaks;
	int checkpoint;
	struct state at_checkpoint;
};

static const char *const names[] = {
	[TIMELINE_STOP_STEP] = "step",		 [TIMELINE_STOP_BREAK] = "breakpoint",
	[TIMELINE_STOP_WATCH] = "watchpoint",	 [TIMELINE_STOP_SIGNAL] = "signal",
	[TIMELINE_STOP_SYSCALL_ENTRY] = "entry", [TIMELINE_STOP_SYSCALL_RETURN] = "return",
	[TIMELINE_STOP_START] = "start",	 [TIMELINE_STOP_END] = "end",
};

static void toggle_break(struct walker *w)
{
	struct regs r;
	struct timeline_break b = {.kind = BREAK_EXECUTE};

	if (w->n_breaks == MAX_BREAKS) {
		timeline_break_remove(w->tl, w->breaks[--w->n_breaks]);
		return;
	}
	if (timeline_regs(w->tl, timeline_current(w->tl), &r))
		return;
	b.addr = r.u.rip;
	if (!below(3)) { /* where it returns to, perhaps; or a word of its stack */
		b.kind = BREAK_WRITE;
		b.addr = (r.u.rsp - 8 * below(8)) & ~7ULL;
		b.len = 8;
	}
	w->breaks[w->n_breaks++] = timeline_break_add(w->tl, &b);
}

static void clear_breaks(struct walker *w)
{
	while (w->n_breaks)
		timeline_break_remove(w->tl, w->breaks[--w->n_breaks]);
}

static const char *command(struct walker *w)
{
	static char text[100];
	struct timeline_stop stop;
	struct timeline_task tasks[64];
	size_t n = timeline_tasks(w->tl, tasks, ARRAY_SIZE(tasks));
	pid_t tid = tasks[below(n < 64 ? n : 64)].tid;
	unsigned int c = below(100);
	bool backward = below(2);

	if (c < 50) {
		tid = below(4) ? timeline_current(w->tl) : tid;
		stop = step(w->tl, tid, backward);
		snprintf(text, sizeof(text), "step %s of %d: %s", backward ? "back" : "on", tid,
			 names[stop.reason] ? names[stop.reason] : "?");
	} else if (c < 70) {
		stop = go(w->tl, TIMELINE_CONTINUE, backward);
		snprintf(text, sizeof(text), "continue %s: %s", backward ? "back" : "on",
			 names[stop.reason] ? names[stop.reason] : "?");
	} else if (c < 85) {
		toggle_break(w);
		return "breakpoint";
	} else if (c < 88) {
		clear_breaks(w);
		return "no breakpoints";
	} else if (c < 92 && !w->checkpoint) {
		w->checkpoint = timeline_checkpoint(w->tl);
		w->at_checkpoint = state_of(w->tl);
		return "checkpoint";
	} else if (c < 95 && w->checkpoint) {
		struct state now;

		timeline_checkpoint_restart(w->tl, w->checkpoint, NULL);
		now = state_of(w->tl);
		CHECK(same_state(&w->at_checkpoint, &now));
		timeline_checkpoint_delete(w->tl, w->checkpoint);
		w->checkpoint = 0;
		return "restart";
	} else {
		event_t e = 1 + below(timeline_last_event(w->tl) - 1);

		timeline_seek_event(w->tl, e, NULL);
		snprintf(text, sizeof(text), "seek %" PRIu64, e);
	}
	return text;
}

/* A fresh one now and then; else from its start. */
static bool check(struct walker *w, const char *dir, int n, const char *what)
{
	struct state here = state_of(w->tl), there;
	const bool verbose = getenv("WALK_VERBOSE");

	if (verbose)
		printf("%d: %s, at %" PRIu64 ":%" PRIu64 "+%" PRIi64 "\n", n, what,
		       here.point.event, here.point.ticks, here.point.step);
	if (n % 50 == 0) {
		timeline_close(w->fresh);
		w->fresh = open_recording(dir);
	}
	timeline_seek(w->fresh, &here.point, NULL);
	there = state_of(w->fresh);
	if (same_state(&here, &there))
		return true;
	printf("command %d: %s\n", n, what);
	show_difference(w->tl, w->fresh);
	return false;
}

int main(int argc, char **argv)
{
	struct walker w = {0};
	int n, bad = 0;
	char *dir;

	begin_test(argc, 5, "usage: walk RR COMMANDS SEED PROGRAM [ARGS...]");
	n = (int)strtol(argv[2], NULL, 10);
	seed = strtoull(argv[3], NULL, 0);
	dir = strcmp(argv[1], "-") ? record(argv[1], argv + 4) : argv[4];
	w.tl = open_recording(dir);
	w.fresh = open_recording(dir);
	for (int i = 1; i <= n && bad < 3; i++) {
		const char *what = command(&w);

		bad += !check(&w, dir, i, what);
	}
	CHECK(!bad);
	timeline_close(w.tl);
	timeline_close(w.fresh);
	if (strcmp(argv[1], "-"))
		remove_recording(dir);
	return check_status("walk");
}
