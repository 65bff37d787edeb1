/*
 * On the way to landings in generated code (jit_spin) the task runs at full speed, in both
 * directions: past breakpoints and watchpoints, to those in the code that spins, and back from a
 * landing by a step. By single steps a stretch takes minutes: the test's time limit holds that.
 * usage: landings RR JIT_SPIN WRITES
 */
#include "support.h"

#include "base/log.h"
#include "trace/trace.h"

#include <stdlib.h>

#define MIN_LANDINGS 3
#define MAX_STOPS    16
#define WAIT_END     5	/* where the code that waits is left, in the page of generated code */
#define COUNT_LOOP   66 /* the head of the loop that counts */
#define MAX_LANDINGS 64

static struct {
	event_t event;
	pid_t tid;
} landings[MAX_LANDINGS];

static unsigned int find_landings(const char *dir)
{
	struct trace_reader *r;
	struct trace_event ev;
	unsigned int n = 0;

	if (trace_reader_open(&r, dir))
		die("cannot read %s", dir);
	while (trace_reader_next(r, &ev) == 1 && n < MAX_LANDINGS)
		if (ev.type == EV_SCHED && ev.stack.len)
			landings[n].event = ev.number, landings[n++].tid = ev.tid;
	trace_reader_close(r);
	return n;
}

static int add_break(struct timeline *tl, raddr_t addr)
{
	return timeline_break_add(tl,
				  &(struct timeline_break){.kind = BREAK_EXECUTE, .addr = addr});
}

static int add_watch(struct timeline *tl, raddr_t addr, uint64_t len)
{
	return timeline_break_add(
		tl, &(struct timeline_break){.kind = BREAK_WRITE, .addr = addr, .len = len});
}

#define BACK 12

/* Some steps back from the landing, and the same states on the way to it. */
static void back_from_landing(struct timeline *tl, event_t event, pid_t tid)
{
	struct state seen[BACK], now;

	timeline_seek_event(tl, event, NULL);
	now = state_of(tl);
	for (unsigned int i = 0; i < BACK; i++) {
		CHECK_EQ(step(tl, tid, true).reason, TIMELINE_STOP_STEP);
		seen[i] = state_of(tl);
		CHECK(timeline_point_compare(&seen[i].point, i ? &seen[i - 1].point : &now.point) <
		      0);
	}
	for (unsigned int i = BACK; i-- > 0;) {
		now = state_of(tl);
		CHECK(same_state(&seen[i], &now));
		step(tl, tid, false);
	}
}

/* A watchpoint shows before the write to who comes backwards. */
static void to_behind_write(struct timeline *tl, enum timeline_stop_reason reason)
{
	if (reason == TIMELINE_STOP_WATCH)
		CHECK_EQ(step(tl, timeline_current(tl), false).reason, reason);
}

/* All stops from here to the end, and the same ones back. */
static unsigned int there_and_back(struct timeline *tl, enum timeline_stop_reason reason)
{
	struct state seen[MAX_STOPS];
	unsigned int n = 0;

	while (n < MAX_STOPS && go(tl, TIMELINE_CONTINUE, false).reason == reason)
		seen[n++] = state_of(tl);
	for (unsigned int i = n; i-- > 0;) {
		struct state now;

		CHECK_EQ(go(tl, TIMELINE_CONTINUE, true).reason, reason);
		to_behind_write(tl, reason);
		now = state_of(tl);
		CHECK(same_state(&seen[i], &now));
		if (reason == TIMELINE_STOP_WATCH)
			CHECK_EQ(step(tl, now.tid, true).reason, reason);
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

#define WRITES	   5
#define MAX_TESTED 4

/* Back from each landing to the last writes before it, of millions; on to them again; and their
 * checkpoints. */
static void test_writes(const char *rr, char *const argv[])
{
	char *dir = record(rr, argv);
	const unsigned int n = find_landings(dir);
	struct timeline *tl = open_recording(dir);
	const raddr_t count = symbol(argv[0], "count");
	unsigned int tested = 0;

	add_watch(tl, count, sizeof(uint64_t));
	for (unsigned int i = 0; i < n && tested < MAX_TESTED; i++) {
		struct state seen[WRITES], now;
		uint64_t value, last = 0;

		timeline_seek_event(tl, landings[i].event, NULL);
		timeline_read(tl, landings[i].tid, count, &value, sizeof(value));
		if (value < WRITES)
			continue;
		tested++;
		for (unsigned int k = 0; k < WRITES; k++) {
			CHECK_EQ(go(tl, TIMELINE_CONTINUE, true).reason, TIMELINE_STOP_WATCH);
			seen[k] = state_of(tl);
			timeline_read(tl, landings[i].tid, count, &last, sizeof(last));
			CHECK_EQ(last, value - k - 1);
		}
		for (unsigned int k = WRITES; k-- > 0;) {
			now = state_of(tl);
			CHECK(same_state(&seen[k], &now));
			CHECK_EQ(go(tl, TIMELINE_CONTINUE, false).reason, TIMELINE_STOP_WATCH);
			CHECK_EQ(step(tl, landings[i].tid, true).reason, TIMELINE_STOP_WATCH);
			if (k)
				go(tl, TIMELINE_CONTINUE, false);
			while (k && (now = state_of(tl)).pc != seen[k - 1].pc)
				step(tl, landings[i].tid, false);
		}
	}
	CHECK(tested >= 2);
	timeline_close(tl);
	remove_recording(dir);
}

int main(int argc, char **argv)
{
	struct timeline *tl;
	unsigned int n_landings;
	raddr_t code;
	char *dir;
	int id;

	begin_test(argc, 4, "usage: landings RR JIT_SPIN WRITES");
	test_writes(argv[1], argv + 3);
	argv[3] = NULL;
	dir = record(argv[1], argv + 2);
	n_landings = find_landings(dir);
	CHECK(n_landings >= MIN_LANDINGS);
	tl = open_recording(dir);
	code = generated_code(tl, argv[2]);
	id = add_break(tl, symbol(argv[2], "set"));
	CHECK_EQ(there_and_back(tl, TIMELINE_STOP_BREAK), 6);
	add_break(tl, code + WAIT_END);
	CHECK_EQ(there_and_back(tl, TIMELINE_STOP_BREAK), 10);
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
	tl = open_recording(dir);
	id = add_watch(tl, symbol(argv[2], "flag"), sizeof(int));
	CHECK_EQ(there_and_back(tl, TIMELINE_STOP_WATCH), 13);
	timeline_break_remove(tl, id);
	for (unsigned int i = 0; i < n_landings; i++)
		back_from_landing(tl, landings[i].event, landings[i].tid);
	timeline_close(tl);
	remove_recording(dir);
	return check_status("landings");
}
