/*
 * Counting a task's progress from outside: sources of ticks that can interrupt it after a number of
 * them. (The count that instrumented code keeps is another thing: soft.h.)
 *
 * A tick is a retired conditional branch in user mode. The count depends on nothing but the
 * program's path, so it names points up to the few instructions between two branches; an interrupt
 * however comes a little late (the skid), at no point that could be foreseen. Therefore a stop by
 * interrupt is recorded with its registers, and found again by landing.h.
 *
 * A counter belongs to a task. Only ticks_resume() counts reliably with all sources: whoever runs
 * the program's code uses it, and waits for the task if it says so. What the tracer makes the task
 * do (remote calls, building a signal's frame) executes no branch.
 */
#ifndef TICKS_TICKS_H
#define TICKS_TICKS_H

#include "task/task.h"

struct ticks_counter;

struct ticks_source {
	const char *name;   /* as in trace_info.ticks: "pmu", "simulated" */
	ticks_t skid;	    /* an interrupt comes up to so many ticks late */
	ticks_t min_period; /* one must not be asked for any sooner */
	ticks_t slice; /* of time, in ticks, where counting is too slow for real time; 0: by time */
	bool stepping; /* resumes by single steps, which cannot begin inside of a call */

	int (*open)(const struct ticks_source *s, struct task *t, uint64_t seed,
		    struct ticks_counter **out);
	void (*close)(struct ticks_counter *c);
	int (*read)(struct ticks_counter *c, ticks_t *count);
	int (*program)(struct ticks_counter *c, ticks_t after);
	int (*resume)(struct ticks_counter *c, int how, int signo);
	bool (*is_interrupt)(struct ticks_counter *c);
};

struct ticks_counter {
	const struct ticks_source *source;
	struct task *task;
	ticks_t base; /* of the count: what was counted before it was opened */
};

/* The hardware's, or NULL with the reason in `why`. Costs a few milliseconds the first time. */
const struct ticks_source *ticks_pmu(struct buf *why);
/* Counts by single steps, some 100,000 instructions a second. For tests, on any machine. */
const struct ticks_source *ticks_simulated(void);
/*
 * How often the instruction at an address was executed ("breakpoint:0x401234"), as counted by the
 * kernel: everything that ticks_pmu() needs but the PMU. For tests of the rest, on programs with
 * one loop. NULL with the reason in `why`.
 */
#define TICKS_BREAKPOINT "breakpoint:"
const struct ticks_source *ticks_breakpoint(const char *name, struct buf *why);
/* By name; NULL with the reason in `why`. */
const struct ticks_source *ticks_source_find(const char *name, struct buf *why);

/*
 * Count the stopped task's ticks from now on, beginning with `base`. `seed`: of the overshoot, if
 * the source makes it up. 0 or -errno. The task must outlive its counter.
 */
int ticks_open(const struct ticks_source *s, struct task *t, ticks_t base, uint64_t seed,
	       struct ticks_counter **out);
/* NULL is none. */
void ticks_close(struct ticks_counter *c);

/* The ticks of the stopped task. 0 or -errno. */
int ticks_read(struct ticks_counter *c, ticks_t *count);

#define TICKS_NO_INTERRUPT 0
/* Interrupt the task once, when `after` (>= min_period) more ticks have passed; TICKS_NO_INTERRUPT:
 * not at all. Replaces what was asked for before. */
int ticks_program(struct ticks_counter *c, ticks_t after);

/*
 * Let the task, which stands in the program's code or leaves a system call, run on, as
 * task_resume() does (`how`: PTRACE_SYSCALL or PTRACE_SYSEMU). 0: it runs, wait for it; 1: it has
 * stopped again already, as t->stop says; -errno. `signo` must not be one with a handler. A task
 * that has to go on *in* a system call is resumed by task_resume(). From an entry stop (call_stop),
 * the next stop is not the exit of that call.
 */
int ticks_resume(struct ticks_counter *c, int how, int signo);
/* The same, and wait for its stop: 0 or -errno. */
int ticks_run(struct ticks_counter *c, int how, int signo);

/* Whether the stop that the task is in (a STOP_SIGNAL) is the interrupt: not the program's
 * business. */
bool ticks_is_interrupt(struct ticks_counter *c);

#endif
