/*
 * Breakpoints on the way to landings in generated code (jit_spin): the task runs past them at full
 * speed, in both directions, and stops at those in the code that spins. By single steps a stretch
 * takes minutes: the test's time limit holds that. usage: landings RR JIT_SPIN
 */
#include "support.h"

#include "base/log.h"
#include "trace/trace.h"

#include <stdlib.h>

#define MIN_LANDINGS 3
#define MAX_STOPS    16
#define WAIT_END     5	/* where the code that waits is left, in the page of generated code */
#define COUNT_LOOP   66 /* the head of the loop that counts */

static unsigned int count_landings(const char *dir)
{
	struct trace_reader *r;
	struct trace_event ev;
	unsigned int n = 0;

	if (trace_reader_open(&r, dir))
		die("cannot read %s", dir);
	while (trace_reader_next(r, &ev) == 1)
		n += ev.type == EV_SCHED && ev.stack.len;
	trace_reader_close(r);
	return n;
}

static int add_break(struct timeline *tl, raddr_t addr)
{
	return timeline_break_add(tl,
				  &(struct timeline_break){.kind = BREAK_EXECUTE, .addr = addr});
}

/* All stops from here to the end, and the same ones back. */
static unsigned int there_and_back(struct timeline *tl)
{
	struct state seen[MAX_STOPS];
	unsigned int n = 0;

	while (n < MAX_STOPS && go(tl, TIMELINE_CONTINUE, false).reason == TIMELINE_STOP_BREAK)
		seen[n++] = state_of(tl);
	for (unsigned int i = n; i-- > 0;) {
		struct state now;

		CHECK_EQ(go(tl, TIMELINE_CONTINUE, true).reason, TIMELINE_STOP_BREAK);
		now = state_of(tl);
		CHECK(same_state(&seen[i], &now));
	}
	CHECK_EQ(go(tl, TIMELINE_CONTINUE, true).reason, TIMELINE_STOP_START);
	return n;
}

static raddr_t generated_code(struct timeline *tl, const char *program)
{
	int id = add_break(tl, symbol(program, "generated"));
	raddr_t code;

	CHECK_EQ(go(tl, TIMELINE_CONTINUE, false).reason, TIMELINE_STOP_BREAK);
	code = state_of(tl).own.u.rdi;
	timeline_break_remove(tl, id);
	timeline_seek_start(tl, NULL);
	return code;
}

int main(int argc, char **argv)
{
	struct timeline *tl;
	raddr_t code;
	char *dir;
	int id;

	begin_test(argc, 3, "usage: landings RR JIT_SPIN");
	dir = record(argv[1], argv + 2);
	CHECK(count_landings(dir) >= MIN_LANDINGS);
	tl = open_recording(dir);
	code = generated_code(tl, argv[2]);
	id = add_break(tl, symbol(argv[2], "set"));
	CHECK_EQ(there_and_back(tl), 6);
	add_break(tl, code + WAIT_END);
	CHECK_EQ(there_and_back(tl), 10);
	timeline_break_remove(tl, id);
	id = add_break(tl, code + COUNT_LOOP);
	do
		CHECK_EQ(go(tl, TIMELINE_CONTINUE, false).reason, TIMELINE_STOP_BREAK);
	while (state_of(tl).pc != code + COUNT_LOOP);
	for (int i = 1; i <= 40; i++) {
		CHECK_EQ(go(tl, TIMELINE_CONTINUE, false).reason, TIMELINE_STOP_BREAK);
		CHECK_EQ(state_of(tl).own.u.rax, i);
	}
	timeline_break_remove(tl, id);
	CHECK_EQ(go(tl, TIMELINE_CONTINUE, false).reason, TIMELINE_STOP_BREAK);
	CHECK_EQ(state_of(tl).pc, code + WAIT_END);
	timeline_close(tl);
	remove_recording(dir);
	return check_status("landings");
}
