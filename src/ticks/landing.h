/*
 * Landing: bringing a replayed task to a recorded point of running code that no stop names by
 * itself (DESIGN 4.1, 4.2).
 *
 * A point is known by its registers, by memory around the stack pointer, by words of memory that
 * the code around it uses, and by the count of a source of ticks if there is one. The task runs
 * with a breakpoint at the point's address, and is compared at each hit: the first match is the
 * point. (Of many hits, by code that is put there: compare.c.) With a source, the interrupt first
 * brings it near, and a match must have the count too; without, whoever calls has brought it as
 * near as instrumented code can. That is exact if the state differs at each passage, or where it
 * does not (a loop that waits for another task) makes no difference. Where it is neither, the state
 * is in memory that is not compared: that is not sound in theory, which a verified replay will
 * show.
 */
#ifndef TICKS_LANDING_H
#define TICKS_LANDING_H

#include "ticks/ticks.h"

/* Memory that is compared, from so far below the stack pointer (the red zone of the psABI)... */
#define LANDING_BELOW 128
#define LANDING_STACK 384 /* ... in all. What cannot be read is taken as zeros. */

#define LANDING_WORDS 64

struct landing_point {
	struct regs regs;
	ticks_t ticks; /* of a source; else not looked at */
	uint8_t stack[LANDING_STACK];
	size_t n_words;
	struct landing_word {
		raddr_t addr;
		uint64_t value;
	} words[LANDING_WORDS];
};

/* The point at which the task is stopped, without words; `c`: its counter, or NULL. 0 or -errno. */
int landing_capture(struct landing_point *p, struct task *t, struct ticks_counter *c);

/* Words of memory that instructions use. */
#define TOUCHED_MAX 256
struct touched {
	size_t n;
	struct touched_word {
		raddr_t addr;
		bool written;
	} words[TOUCHED_MAX];
};
/* Those of the instruction that the task is at. 0 or -errno. */
int touched_note(struct touched *w, struct task *t);
/* What they are now: of too many, those that were written first. */
void landing_add_words(struct landing_point *p, struct task *t, const struct touched *w);

/* How well the place where the task is is found again among many hits. */
enum landing_place {
	PLACE_BAD,    /* each hit may be a stop */
	PLACE_SHARED, /* code is put there, in the place of instructions that follow each other */
	PLACE_GOOD,   /* ... of one */
};
enum landing_place landing_place(const struct task *t);
/* Whether the task is stopped there, as far as can be seen: 1 or 0, or -errno. */
int landing_matches(const struct landing_point *p, struct task *t);

enum landing_result {
	LANDED,
	LANDING_PASSED,	 /* the count went past the point, or is past it */
	LANDING_LIMIT,	 /* at the point's address as often as was asked for */
	LANDING_STOPPED, /* the task came to a stop of its own first: t->stop says which; at a
			  * system call's entry, call_stop is CALL_SYSEMU */
};

/*
 * For who wants more than to be there: what the task meets on the way, and passes, which count how
 * often it has come to the point's address (being there at the beginning is none). They need no
 * ticks.
 */
struct landing_way {
	unsigned int
		slot; /* the debug register to use: those before are the caller's watchpoints */
	bool counts;
	uint64_t passes;      /* so far; then up to where it is */
	uint64_t limit;	      /* stop behind so many, in all; 0: never */
	unsigned int watched; /* LANDING_STOPPED: slots of the caller's that were met, bit N is slot
			       * N: no signal of the program's */
	raddr_t map;	      /* code of ours that is still mapped: landing_way_end() */
	bool hot;	      /* there were many hits */
};

struct landing_stats {
	uint64_t hits;	     /* of the breakpoint, and of what was equal (compare.c) */
	uint64_t interrupts; /* of the source */
	bool compared;	     /* the task compared itself */
	uint64_t others;     /* signals from outside that were dropped */
};

/*
 * Run the task until it is at the point: enum landing_result, or -errno (-ESRCH: it died). Signals
 * that are not its instructions' own are dropped, and SIGSTKFLT is not blocked from now on. No
 * breakpoint is left behind. `stats` may be NULL.
 */
int landing_run(struct task *t, struct ticks_counter *c, const struct landing_point *p,
		struct landing_stats *stats);

/* The same, without a source. A watchpoint that reads must not be in what is compared. */
int landing_run_way(struct task *t, const struct landing_point *p, struct landing_way *way);
/* When the stop was looked at: the task is as if it had run by itself. 0 or -errno. */
int landing_way_end(struct task *t, struct landing_way *way);

#endif
