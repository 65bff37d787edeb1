/*
 * A line on the terminal that says how far a long replay has come; rewritten in place, and wiped
 * before anything else is printed.
 */
#include "replay/session.h"

#include <inttypes.h>
#include <time.h>

#define FIRST_AFTER_NS 1000000000ULL
#define INTERVAL_NS    200000000ULL

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

void progress_update(struct session *s)
{
	uint64_t t;

	if (!s->opt->progress)
		return;
	t = now();
	if (!s->start_ns)
		s->start_ns = t;
	if (t < s->start_ns + FIRST_AFTER_NS || t < s->progress_ns + INTERVAL_NS)
		return;
	s->progress_ns = t;
	fprintf(stderr, "\r\033[Kreplaying: event %" PRIu64 " of %" PRIu64 " (%d%%), %.1f s",
		s->ev.number, s->n_events,
		(int)(s->ev.number * 100 / (s->n_events ? s->n_events : 1)),
		(t - s->start_ns) / 1e9);
	fflush(stderr);
}

void progress_end(struct session *s)
{
	if (!s->progress_ns)
		return;
	s->progress_ns = 0;
	fputs("\r\033[K", stderr);
	fflush(stderr);
}
