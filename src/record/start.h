/*
 * Beginning a recording: find the program, start it traced, make the trace.
 */
#ifndef RECORD_START_H
#define RECORD_START_H

#include "record/session.h"

/*
 * Start `argv`: rec->trace is open and the first task stands at its PTRACE_EVENT_EXEC. 0, or the
 * exit status for rr after a message, with nothing left behind.
 */
int record_start(struct recorder *rec, char *const *argv);

#endif
