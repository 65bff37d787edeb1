/*
 * The traced child of these tests: this very program, executed again with the name of a scenario. A
 * scenario is code between two int3. At the first, rsi is where an oracle counts its rounds (a word
 * that landing does not compare), rdi the scenario's branch, rdx a `syscall` instruction; at the
 * second, rax is its result.
 */
#ifndef TESTS_TICKS_LOOPS_H
#define TESTS_TICKS_LOOPS_H

#include "base/types.h"
#include "task/task.h"
#include "ticks/landing.h"

/* Runs the scenario and exits, if the arguments say so. */
void loops_child(int argc, char **argv);

struct child {
	struct task t;
	raddr_t oracle; /* number of rounds */
	raddr_t branch;
};

/* A child that stands behind the first int3. */
void child_start(struct child *c, const char *scenario);
uint64_t child_rounds(struct child *c);
/* Let it run to the second int3: its result. */
uint64_t child_finish(struct child *c);
/* That of a child of its own. */
uint64_t child_result(const char *scenario);
void child_kill(struct child *c);
/* Signals from here to the task every 300 us, until child_quiet(). */
void child_pester(struct child *c, int signo);
void child_quiet(void);
/* One, after so many us. */
void child_signal(struct child *c, int signo, int us);

#endif
