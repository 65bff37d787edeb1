/*
 * A timeline without tracees: what is asked of it is logged as text, and it stops as it is told to.
 *
 * Process 100 has the threads 100 and 101; process 200, which is its child, one. Memory is readable
 * from 0x1000 to 0x3000: the byte at A is A mod 251. Register N of thread T is T << 8 | N, in the
 * order of struct user_regs_struct; rip is 0x401000.
 */
#ifndef TESTS_GDB_FAKE_TIMELINE_H
#define TESTS_GDB_FAKE_TIMELINE_H

#include "timeline/timeline.h"

#define FAKE_RIP 0x401000

struct timeline {
	struct buf log;
	struct timeline_stop stops[8]; /* that runs will end with, in order; then at the end */
	size_t n_stops, stop;
	event_t event;
	bool child_exists, parent_exists;
	bool diverted;
	uint64_t rip; /* in the diversion */
	int n_breaks;
	struct timeline_break breaks[16];
	bool siginfo;
	bool (*interrupted)(void *ctx); /* if set, runs go on until it says so */
	void *ctx;
};

#endif
