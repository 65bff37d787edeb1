/*
 * Opening and closing a timeline, and what is known of it as a whole.
 */
#include "base/clock.h"
#include "base/log.h"
#include "timeline/internal.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

/* A snapshot has some descriptors for each process. */
static void raise_fd_limit(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0 || lim.rlim_cur == lim.rlim_max)
		return;
	lim.rlim_cur = lim.rlim_max;
	setrlimit(RLIMIT_NOFILE, &lim);
}

static int exit_status_for(int ret)
{
	return ret == REPLAY_DIVERGED	 ? REPLAY_STATUS_DIVERGED
	       : ret == REPLAY_BAD_TRACE ? REPLAY_STATUS_BAD_TRACE
					 : 1;
}

/* Behind the last event that is not the end of somebody, if these end the recording; and behind
 * what a task did that was killed in running code. */
static int find_end(struct timeline *tl)
{
	struct event_brief b;

	for (tl->end_event = tl->n_events; tl->end_event > 1; tl->end_event--) {
		int ret = peek_event(tl, tl->end_event, &b);

		if (ret)
			return ret;
		if (b.type != EV_EXIT)
			return 0;
		if (b.runs_code) {
			tl->end_event--;
			tl->runs_at_end = true;
			return 0;
		}
	}
	return 0;
}

static int check_source(struct timeline *tl)
{
	if (!tl->now->s.source)
		return 0;
	return error_ret(REPLAY_FAILED,
			 "the recording counts progress by \"%s\": only those by soft ticks can be "
			 "debugged; replay it with -a",
			 tl->now->s.info->ticks);
}

static int start(struct timeline *tl)
{
	struct walk w = {0};
	int ret = table_read(tl);

	if (!ret)
		ret = find_end(tl);
	if (!ret && next_event(tl) != 1)
		ret = tl->failed ? tl->failed : bad_trace(&tl->now->s, "it has no events");
	if (!ret)
		ret = walk_event(tl, &w);
	if (!ret)
		ret = settle_place(tl);
	if (!ret)
		ret = snapshot_keep(tl);
	if (!ret) {
		tl->root = tl->snaps[0];
		ret = arrived(tl, NULL);
	}
	return ret;
}

int timeline_open(struct timeline **out, const struct timeline_options *opt)
{
	struct timeline *tl = xcalloc(1, sizeof(*tl));
	struct sigaction sigchld;
	int ret;

	tl->opt = *opt;
	tl->replay = opt->replay;
	tl->quiet = opt->replay.quiet;
	tl->replay.quiet = true;
	tl->replay.goto_event = 0;
	tl->replay.progress = false;
	driver_init(tl);
	raise_fd_limit();
	tl->now = xcalloc(1, sizeof(*tl->now));
	ret = session_open(&tl->now->s, &tl->replay);
	if (ret) {
		free(tl->now);
		free(tl);
		return exit_status_for(ret);
	}
	task_tracer_init(&sigchld);
	signal(SIGPIPE, SIG_IGN);
	clock_trap_tsc(true);
	tl->now->s.driver = &tl->driver;
	tl->now->s.driver_ctx = tl;
	tl->n_events = tl->now->s.n_events;
	tl->exit_status = session_exit_status(&tl->now->s);
	ret = check_source(tl);
	if (!ret)
		ret = start(tl);
	if (ret) {
		timeline_close(tl);
		return exit_status_for(ret);
	}
	*out = tl;
	return 0;
}

void timeline_close(struct timeline *tl)
{
	if (!tl)
		return;
	timeline_divert_end(tl);
	watches_disarm(tl);
	timeline_code_release(tl);
	snapshots_release(tl);
	clock_trap_tsc(false);
	breaks_release(&tl->breaks);
	table_release(tl);
	if (tl->peek)
		trace_reader_close(tl->peek);
	free(tl->briefs);
	free(tl->catch_calls);
	map_release(&tl->track.arrivals);
	buf_release(&tl->siginfo);
	free(tl);
}

int timeline_point(struct timeline *tl, struct timeline_point *p)
{
	if (tl->failed || place_resolve(tl))
		return -EIO;
	*p = place_point(&tl->now->place);
	return 0;
}

/* It is a buffer of calls that was loaded before code ran: nothing has happened. */
static bool is_loaded_buffer(struct timeline *tl, event_t n)
{
	struct event_brief b, before;

	if (n < 2 || peek_event(tl, n, &b) || b.type != EV_BUFFER || peek_event(tl, n - 1, &before))
		return false;
	return before.type != EV_BUFFER || !before.more || before.tid != b.tid;
}

event_t timeline_event(const struct timeline *where)
{
	struct timeline *tl = (struct timeline *)where; /* it may have to read events */
	event_t n = tl->now->place.event;

	while (is_loaded_buffer(tl, n))
		n--;
	return n;
}

event_t timeline_last_event(const struct timeline *tl)
{
	return tl->n_events;
}

double timeline_elapsed(const struct timeline *tl)
{
	return (tl->now->time_ns - tl->now->s.info->start_monotonic_ns) / 1e9;
}

double timeline_absolute(const struct timeline *tl)
{
	return tl->now->s.info->start_time_ns / 1e9 + timeline_elapsed(tl);
}

const char *timeline_dir(const struct timeline *tl)
{
	return trace_reader_dir(tl->now->s.trace);
}

const struct trace_info *timeline_info(const struct timeline *tl)
{
	return tl->now->s.info;
}

bool timeline_at_start(const struct timeline *tl)
{
	struct timeline_point at = place_point(&tl->now->place);
	struct timeline_point start = place_point(&tl->root->place);

	return !tl->now->place.n_ways && timeline_point_compare(&at, &start) <= 0;
}

bool timeline_at_end(const struct timeline *tl)
{
	const struct place *place = &tl->now->place;

	return place->event > tl->end_event ||
	       (place->event == tl->end_event && (place->end || !tl->runs_at_end));
}
