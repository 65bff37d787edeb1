/* What the tests of the timeline share: recording a program, states that can be compared. */
#ifndef TESTS_TIMELINE_SUPPORT_H
#define TESTS_TIMELINE_SUPPORT_H

#include "../check.h"
#include "base/buf.h"
#include "timeline/timeline.h"

/* Of main(): it wants `n` words on the command line; RR_LOG is the debug log as for rr. */
void begin_test(int argc, int n, const char *usage);

/* Record `argv` with the rr under test into a new directory, whose name is returned (free()). */
char *record(const char *rr, char *const argv[]);
char *record_with(const char *rr, const char *option, char *const argv[]);
void remove_recording(char *dir);

struct timeline *open_recording(const char *dir);

/* All that can be seen at a point. */
struct state {
	struct timeline_point point;
	pid_t tid; /* that runs next */
	size_t n_tasks;
	uint64_t regs; /* checksums over all tasks */
	uint64_t memory;
	struct regs own; /* of `tid` */
	uint64_t fp;
	uint8_t fpb[384];
	raddr_t pc;
};

struct state state_of(struct timeline *tl);
/* Says what differs. */
bool same_state(const struct state *a, const struct state *b);

/* Print words of memory of the current task in which two timelines differ. */
void show_difference(struct timeline *a, struct timeline *b);

/* The address of a function or a variable of the (static, or not position independent) program;
 * 0. */
raddr_t symbol(const char *program, const char *name);

struct timeline_stop go(struct timeline *tl, enum timeline_run_mode mode, bool backward);
struct timeline_stop step(struct timeline *tl, pid_t tid, bool backward);

#endif
