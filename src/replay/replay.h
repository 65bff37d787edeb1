/*
 * Replay: run a recorded execution again.
 */
#ifndef REPLAY_REPLAY_H
#define REPLAY_REPLAY_H

#include "base/types.h"

/* The replay is not the recording: our bug, or a damaged trace. */
#define REPLAY_STATUS_DIVERGED 70
/* The trace cannot be read, or ends early. */
#define REPLAY_STATUS_BAD_TRACE 71

struct replay_options {
	const char *dir;    /* a trace directory, resolved */
	bool quiet;	    /* -q: do not echo the tracees' output */
	bool mark_stdio;    /* -M */
	event_t goto_event; /* -g; 0: none. With -a: stop there */
	bool unbound;	    /* -u */
	event_t trace_from; /* -t EVENT: print every event from there on; 0: none */
	bool progress;	    /* show a progress line on stderr (a terminal) */
	int stats_interval; /* --stats=N: a line of counts every N events; 0: none */
};

/*
 * Replay to the end (-a). Returns the exit status for the process to have: the tracees' own; if
 * `*fatal_signal` is set, the first tracee died of that signal and the caller should too.
 * Divergence and damage are reported here and have the statuses above.
 */
int replay_all(const struct replay_options *opt, int *fatal_signal);

#endif
