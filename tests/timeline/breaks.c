/*
 * Breakpoints, watchpoints, catches, diversions: on a program (targets.c) that passes known places
 * a known number of times; and that nothing is left when a timeline is closed.
 * usage: breaks RR TARGETS
 */
#include "support.h"

#include "base/log.h"

#include <asm/unistd_64.h>
#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRIPS	  1000
#define WRITES	  50
#define MAX_STOPS 1200

static const char *targets;

static raddr_t sym(const char *name)
{
	raddr_t a = symbol(targets, name);

	if (!a)
		die("no symbol %s", name);
	return a;
}

static int add(struct timeline *tl, enum timeline_break_kind kind, raddr_t addr, uint64_t len)
{
	struct timeline_break b = {.kind = kind, .addr = addr, .len = len};
	int id = timeline_break_add(tl, &b);

	CHECK(id > 0);
	return id;
}

/* Continue until there is nothing more: how many stops were for `id`; their points. */
static size_t count_stops(struct timeline *tl, int id, bool backward, struct timeline_point *at)
{
	size_t n = 0;

	for (;;) {
		struct timeline_stop stop = go(tl, TIMELINE_CONTINUE, backward);

		if (stop.reason == TIMELINE_STOP_START || stop.reason == TIMELINE_STOP_END)
			return n;
		CHECK_EQ(stop.id, id);
		if (stop.id != id || n == MAX_STOPS)
			return n;
		if (at && timeline_point(tl, &at[n]))
			die("no point");
		n++;
	}
}

/* A place in a loop, of which there are copies. */
static void loops(struct timeline *tl)
{
	int id = add(tl, BREAK_EXECUTE, sym("in_small_loop"), 0);
	struct timeline_point *on = xcalloc(MAX_STOPS, sizeof(*on));
	struct regs r;

	timeline_seek_start(tl, NULL);
	CHECK_EQ(count_stops(tl, id, false, on), TRIPS);
	for (size_t i = 1; i < TRIPS; i++)
		CHECK(timeline_point_compare(&on[i - 1], &on[i]) < 0);
	/* The last ones, backwards: the same points. */
	for (size_t i = TRIPS; i-- > TRIPS - 40;) {
		struct timeline_stop stop = go(tl, TIMELINE_CONTINUE, true);
		struct timeline_point p;

		CHECK_EQ(stop.reason, TIMELINE_STOP_BREAK);
		timeline_point(tl, &p);
		CHECK(!timeline_point_compare(&p, &on[i]));
		CHECK(!timeline_regs(tl, timeline_current(tl), &r) &&
		      r.u.rip == sym("in_small_loop"));
	}
	timeline_break_remove(tl, id);
	free(on);
}

static bool every_hundredth(void *ctx, struct timeline *tl, pid_t tid)
{
	struct regs r;

	(*(int *)ctx)++;
	/* A long that counts down is in one of these. */
	return !timeline_regs(tl, tid, &r) && (*(int *)ctx) % 100 == 0;
}

static void conditions(struct timeline *tl)
{
	int asked = 0;
	struct timeline_break b = {.kind = BREAK_EXECUTE,
				   .addr = sym("in_small_loop"),
				   .condition = every_hundredth,
				   .ctx = &asked};
	int id = timeline_break_add(tl, &b);

	timeline_seek_start(tl, NULL);
	CHECK_EQ(count_stops(tl, id, false, NULL), TRIPS / 100);
	CHECK_EQ(asked, TRIPS);
	timeline_break_remove(tl, id);
}

static long value(struct timeline *tl, raddr_t addr)
{
	long v = 0;

	timeline_read(tl, timeline_current(tl), addr, &v, sizeof(v));
	return v;
}

/* WRITES by the program, one by the kernel; the same backwards, where each is about to be. */
static void watch_word(struct timeline *tl)
{
	raddr_t word = sym("word");
	int id = add(tl, BREAK_WRITE, word, 8);
	struct timeline_stop stop;

	timeline_seek_start(tl, NULL);
	for (long i = 1; i <= WRITES + 1; i++) {
		stop = go(tl, TIMELINE_CONTINUE, false);
		CHECK_EQ(stop.reason, TIMELINE_STOP_WATCH);
		CHECK_EQ(value(tl, word), i <= WRITES ? i : 4711);
	}
	stop = go(tl, TIMELINE_CONTINUE, false);
	CHECK_EQ(stop.reason, TIMELINE_STOP_END);
	for (long i = WRITES + 1; i > 0; i--) {
		stop = go(tl, TIMELINE_CONTINUE, true);
		CHECK_EQ(stop.reason, TIMELINE_STOP_WATCH);
		CHECK_EQ(value(tl, word), i - 1);
		if (i % 10 == 1) { /* it is made by the next instruction */
			step(tl, timeline_current(tl), false);
			CHECK_EQ(value(tl, word), i <= WRITES ? i : 4711);
			step(tl, timeline_current(tl), true);
		}
	}
	stop = go(tl, TIMELINE_CONTINUE, true);
	CHECK_EQ(stop.reason, TIMELINE_STOP_START);
	timeline_break_remove(tl, id);
}

/* In the middle of what one instruction writes; and what two processes share. */
static void watch_others(struct timeline *tl)
{
	struct timeline_stop stop;
	raddr_t shared;
	int id = add(tl, BREAK_WRITE, sym("bytes") + 100, 1);

	timeline_seek_start(tl, NULL);
	stop = go(tl, TIMELINE_CONTINUE, false);
	CHECK_EQ(stop.reason, TIMELINE_STOP_WATCH);
	CHECK_EQ(value(tl, sym("bytes") + 100) & 0xff, 'a');
	stop = go(tl, TIMELINE_CONTINUE, false);
	CHECK_EQ(stop.reason, TIMELINE_STOP_WATCH);
	CHECK_EQ(value(tl, sym("bytes") + 200) & 0xff, 'b'); /* it was finished */
	stop = go(tl, TIMELINE_CONTINUE, true);
	CHECK_EQ(value(tl, sym("bytes")) & 0xff, 'a');
	timeline_break_remove(tl, id);

	id = add(tl, BREAK_WRITE, sym("private_count"), 8);
	CHECK_EQ(count_stops(tl, id, false, NULL), WRITES);
	timeline_break_remove(tl, id);

	shared = value(tl, sym("shared_count"));
	timeline_seek_start(tl, NULL);
	id = add(tl, BREAK_WRITE, shared, 8);
	CHECK(count_stops(tl, id, false, NULL) >= WRITES);
	CHECK_EQ(value(tl, shared), 2 * WRITES);
	CHECK(go(tl, TIMELINE_CONTINUE, true).reason == TIMELINE_STOP_WATCH);
	CHECK(value(tl, shared) < 2 * WRITES);
	timeline_break_remove(tl, id);
	/* Forwards again: the copies of the past have not changed it. */
	timeline_seek_end(tl, NULL);
	CHECK_EQ(value(tl, shared), 2 * WRITES);
}

static void catches(struct timeline *tl)
{
	static const int calls[] = {__NR_wait4};
	static const enum timeline_stop_reason order[] = {
		TIMELINE_STOP_CLONE, TIMELINE_STOP_FORK, TIMELINE_STOP_SYSCALL_ENTRY,
		TIMELINE_STOP_EXIT, TIMELINE_STOP_SYSCALL_RETURN};
	struct timeline_stop stop;
	size_t n = 0;

	timeline_seek_start(tl, NULL);
	timeline_catch_syscalls(tl, calls, 1);
	timeline_catch_events(tl, CATCH_CLONE | CATCH_FORK | CATCH_EXIT);
	while ((stop = go(tl, TIMELINE_CONTINUE, false)).reason != TIMELINE_STOP_END && n < 10) {
		CHECK(n < ARRAY_SIZE(order));
		/* Who runs first after a fork is not fixed. */
		if (n < 2)
			CHECK_EQ(stop.reason, order[n]);
		if (stop.reason == TIMELINE_STOP_EXIT)
			CHECK_EQ(stop.status, 3 << 8);
		n++;
	}
	CHECK_EQ(n, ARRAY_SIZE(order));
	while ((stop = go(tl, TIMELINE_CONTINUE, true)).reason != TIMELINE_STOP_START && n)
		n--;
	CHECK_EQ(n, 0);
	timeline_catch_events(tl, 0);
	timeline_catch_syscalls(tl, NULL, 0);
}

/* --- diversions --- */

static int polls;

static bool soon(void *ctx)
{
	return timeline_diverted(*(struct timeline **)ctx) && ++polls > 3;
}

/* Call a function of the program, as debuggers do. */
static struct timeline_stop call(struct timeline *tl, const char *name, uint64_t arg,
				 uint64_t *result)
{
	pid_t tid = timeline_current(tl);
	struct timeline_run run = {.mode = TIMELINE_CONTINUE, .tid = tid};
	struct timeline_stop stop = {.reason = TIMELINE_STOP_FAILED};
	raddr_t back = sym("_start");
	struct regs r;

	add(tl, BREAK_EXECUTE, back, 0);
	CHECK(!timeline_divert(tl, tid));
	timeline_regs(tl, tid, &r);
	r.u.rip = sym(name);
	r.u.rsp = ((r.u.rsp - 1024) & ~15ULL) - 8;
	r.u.rdi = arg;
	CHECK(!timeline_write(tl, tid, r.u.rsp, &back, sizeof(back)));
	CHECK(!timeline_set_regs(tl, tid, &r));
	CHECK(!timeline_run(tl, &run, &stop));
	timeline_regs(tl, tid, &r);
	*result = r.u.rax;
	return stop;
}

static void diversions(struct timeline *tl)
{
	struct timeline_stop stop;
	struct state before, after;
	uint64_t result;
	int id = add(tl, BREAK_EXECUTE, sym("set_word"), 0);

	timeline_seek_start(tl, NULL);
	for (int i = 0; i < 7; i++)
		go(tl, TIMELINE_CONTINUE, false);
	timeline_break_remove(tl, id);
	before = state_of(tl);
	polls = -10000;

	stop = call(tl, "twice", 21, &result);
	CHECK_EQ(stop.reason, TIMELINE_STOP_BREAK);
	CHECK_EQ(result, 42);
	CHECK_EQ(value(tl, sym("word")), 42);
	timeline_divert_end(tl);
	CHECK_EQ(value(tl, sym("word")), 6);
	timeline_break_remove(tl, stop.id);

	stop = call(tl, "allocate", 300000, &result);
	CHECK_EQ(stop.reason, TIMELINE_STOP_BREAK);
	CHECK_EQ(result, (uint64_t)-1); /* it cannot fork */
	timeline_divert_end(tl);
	timeline_break_remove(tl, stop.id);

	stop = call(tl, "crash", 0, &result);
	CHECK_EQ(stop.reason, TIMELINE_STOP_SIGNAL);
	CHECK_EQ(stop.signo, SIGSEGV);
	timeline_divert_end(tl);

	polls = 0;
	stop = call(tl, "forever", 0, &result);
	CHECK_EQ(stop.reason, TIMELINE_STOP_INTERRUPTED);
	timeline_divert_end(tl);
	CHECK_EQ(timeline_set_regs(tl, timeline_current(tl), &(struct regs){0}),
		 (unsigned long long)-EPERM);

	after = state_of(tl);
	CHECK(same_state(&before, &after));
	for (int i = 1; i < 20; i++)
		timeline_break_remove(tl, stop.id + i);
}

/* --- what is left --- */

static size_t open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static size_t children(void)
{
	char path[64];
	size_t n = 0;
	FILE *f;
	int c;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	f = fopen(path, "r");
	while (f && (c = fgetc(f)) != EOF)
		n += c == ' ';
	if (f)
		fclose(f);
	return n;
}

int main(int argc, char **argv)
{
	struct timeline_options opt = {.replay = {.quiet = true}};
	struct timeline *tl;
	size_t files;
	char *dir;

	begin_test(argc, 3, "usage: breaks RR TARGETS");
	targets = argv[2];
	dir = record(argv[1], argv + 2);
	files = open_files();
	opt.replay.dir = dir;
	opt.interrupted = soon;
	opt.ctx = &tl;
	if (timeline_open(&tl, &opt))
		die("cannot open %s", dir);
	loops(tl);
	printf("loops\n");
	conditions(tl);
	printf("conditions\n");
	watch_word(tl);
	printf("watch_word\n");
	watch_others(tl);
	printf("watch_others\n");
	catches(tl);
	printf("catches\n");
	diversions(tl);
	timeline_close(tl);
	CHECK_EQ(open_files(), files);
	CHECK_EQ(children(), 0);
	remove_recording(dir);
	return check_status("breaks");
}
