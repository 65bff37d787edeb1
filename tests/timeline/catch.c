/*
 * Catching system calls that were recorded without a stop, on a program that makes known ones
 * (callers.c): each is met at its entry and its return, in both directions, at the same points, and
 * they are those that are met in a recording in which all calls stop.
 * usage: catch RR CALLERS
 */
#include "support.h"

#include "base/log.h"

#include <asm/unistd_64.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_STOPS 2000

struct met {
	enum timeline_stop_reason reason;
	int nr;
	struct state at;
	uint64_t rax;
};

struct seen {
	struct met *list;
	size_t n;
};

static void note(struct timeline *tl, struct seen *s, const struct timeline_stop *stop)
{
	struct met *m;

	if (s->n == MAX_STOPS)
		die("more than %d stops", MAX_STOPS);
	m = &s->list[s->n++];
	*m = (struct met){.reason = stop->reason, .nr = stop->syscall, .at = state_of(tl)};
	m->rax = m->at.own.u.rax;
}

static struct seen all(struct timeline *tl, bool backward)
{
	struct seen s = {.list = xcalloc(MAX_STOPS, sizeof(*s.list))};
	struct timeline_stop stop;

	for (;;) {
		stop = go(tl, TIMELINE_CONTINUE, backward);
		if (stop.reason != TIMELINE_STOP_SYSCALL_ENTRY &&
		    stop.reason != TIMELINE_STOP_SYSCALL_RETURN)
			break;
		note(tl, &s, &stop);
	}
	CHECK_EQ(stop.reason, backward ? TIMELINE_STOP_START : TIMELINE_STOP_END);
	return s;
}

static size_t count(const struct seen *s, enum timeline_stop_reason reason, int nr)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->list[i].reason == reason && s->list[i].nr == nr;
	return n;
}

static void require(const struct seen *s, int nr, size_t n)
{
	CHECK_EQ(count(s, TIMELINE_STOP_SYSCALL_ENTRY, nr), n);
	CHECK_EQ(count(s, TIMELINE_STOP_SYSCALL_RETURN, nr), n);
}

/* Each call: its number and its place, then what it gave, behind it. */
static void check_pairs(const struct seen *s)
{
	for (size_t i = 0; i + 1 < s->n; i += 2) {
		const struct met *e = &s->list[i], *r = e + 1;
		const uint64_t behind = e->at.pc + 2;

		CHECK_EQ(e->reason, TIMELINE_STOP_SYSCALL_ENTRY);
		CHECK_EQ(r->reason, TIMELINE_STOP_SYSCALL_RETURN);
		CHECK_EQ(e->nr, r->nr);
		CHECK_EQ(e->at.tid, r->at.tid);
		CHECK_EQ(e->rax, (unsigned long long)e->nr);
		CHECK_EQ(r->at.pc, behind);
		CHECK_EQ(r->at.own.u.rcx, behind);
		CHECK(timeline_point_compare(&e->at.point, &r->at.point) < 0);
		if (e->nr == __NR_preadv)
			CHECK(r->rax == 3000 || r->rax == 1500000);
	}
}

static void check_reversed(const struct seen *on, const struct seen *back)
{
	CHECK_EQ(back->n, on->n);
	for (size_t i = 0; i < on->n && on->n == back->n; i++) {
		const struct met *a = &on->list[i], *b = &back->list[on->n - 1 - i];

		CHECK_EQ(b->reason, a->reason);
		CHECK_EQ(b->nr, a->nr);
		CHECK(same_state(&a->at, &b->at));
	}
}

static void check_seeks(const char *dir, const struct seen *s)
{
	struct timeline *tl = open_recording(dir);

	for (size_t i = 0; i < s->n; i += 17) {
		struct state now;

		CHECK(!timeline_seek(tl, &s->list[i].at.point, NULL));
		now = state_of(tl);
		CHECK(same_state(&s->list[i].at, &now));
	}
	timeline_close(tl);
}

/* An event by its number: buffers that are loaded behind it do not count. */
static void check_events(const char *dir)
{
	struct timeline *tl = open_recording(dir);

	for (event_t e = 1; e < timeline_last_event(tl); e++) {
		struct timeline_point at, again;
		event_t shown;

		timeline_seek_event(tl, e, NULL);
		shown = timeline_event(tl);
		CHECK(shown <= e);
		timeline_point(tl, &at);
		timeline_seek_event(tl, shown, NULL);
		timeline_point(tl, &again);
		CHECK(!timeline_point_compare(&at, &again));
	}
	timeline_close(tl);
}

static struct seen record_and_catch(const char *rr, const char *option, char *const argv[],
				    char **dir)
{
	static const int calls[] = {__NR_getppid, __NR_preadv, __NR_clock_gettime};
	struct timeline *tl;
	struct seen on, back;

	*dir = record_with(rr, option, argv);
	tl = open_recording(*dir);
	timeline_catch_syscalls(tl, calls, ARRAY_SIZE(calls));
	on = all(tl, false);
	printf("%zu stops\n", on.n);
	require(&on, __NR_getppid, 20 + 10 + 10 + 20);
	require(&on, __NR_preadv, 20);
	require(&on, __NR_clock_gettime, 1);
	back = all(tl, true);
	check_reversed(&on, &back);
	free(back.list);
	timeline_close(tl);
	return on;
}

/* History ends behind the last call of a program that was killed while it computed. */
static void killed(const char *rr, char *program)
{
	static const int calls[] = {__NR_getppid};
	char *argv[] = {program, "die", NULL}, *dir = record(rr, argv);
	struct timeline *tl = open_recording(dir);
	struct seen on, back;
	struct state end, again;

	timeline_catch_syscalls(tl, calls, ARRAY_SIZE(calls));
	on = all(tl, false);
	require(&on, __NR_getppid, 20);
	CHECK(timeline_at_end(tl));
	end = state_of(tl);
	CHECK_EQ(end.own.u.orig_rax, UINT64_MAX);
	/* The last return is there. */
	CHECK(on.n && same_state(&end, &on.list[--on.n].at));
	back = all(tl, true);
	check_reversed(&on, &back);
	CHECK(!timeline_seek_end(tl, NULL));
	again = state_of(tl);
	CHECK(same_state(&end, &again));
	free(on.list);
	free(back.list);
	timeline_close(tl);
	remove_recording(dir);
}

int main(int argc, char **argv)
{
	char *dir;
	struct seen buffered, stopped;

	begin_test(argc, 3, "usage: catch RR CALLERS");
	buffered = record_and_catch(argv[1], NULL, argv + 2, &dir);
	check_pairs(&buffered);
	check_seeks(dir, &buffered);
	check_events(dir);
	remove_recording(dir);
	stopped = record_and_catch(argv[1], "-n", argv + 2, &dir);
	remove_recording(dir);
	CHECK_EQ(buffered.n, stopped.n);
	for (size_t i = 0; i < stopped.n && buffered.n == stopped.n; i++) {
		CHECK_EQ(buffered.list[i].reason, stopped.list[i].reason);
		CHECK_EQ(buffered.list[i].nr, stopped.list[i].nr);
	}
	free(buffered.list);
	free(stopped.list);
	killed(argv[1], argv[2]);
	return check_status("catch");
}
