/*
 * The parts of rr dump: an event in words, all its fields, and the tables of -s.
 */
#ifndef CLI_DUMP_H
#define CLI_DUMP_H

#include "abi/regs.h"
#include "base/map.h"
#include "cli/traces.h"

const char *dump_type_name(enum trace_event_type type); /* "syscall", "exec", ... */

/* Copy registers out of an event: false if it has none. */
bool dump_regs(const struct trace_bytes *bytes, struct regs *out);

/* What happened, in one line without its end. `tasks` names programs; may be empty. */
void dump_words(const struct trace_event *ev, const struct task_list *tasks, struct buf *out);

/* Every field of the event itself, ` key=value` each; registers by name. */
void dump_raw(const struct trace_event *ev, struct buf *out);

/* Further lines: memory records, mappings and writes to shared files, extra registers. */
void dump_memory(const struct trace_event *ev, struct buf *out);
void dump_mappings(const struct trace_event *ev, struct buf *out);
void dump_extra(const struct trace_event *ev, struct buf *out);
/* The calls of an EV_BUFFER, a line each; nothing of others. */
void dump_calls(const struct trace_event *ev, struct buf *out);
/* Each of them; `more`: the call goes on in the next record. */
typedef void (*dump_call_fn)(void *ctx, int nr, int64_t result, uint64_t bytes, bool more);
void dump_count_calls(const struct trace_event *ev, dump_call_fn fn, void *ctx);

/* Bytes that the world wrote in the event: memory and shared files. */
uint64_t dump_data_bytes(const struct trace_event *ev);

struct dump_count {
	uint64_t events, bytes, errors;
	uint64_t key; /* event type, architecture << 32 | system call, or tid */
};

struct dump_stats {
	struct dump_count types[N_EVENT_TYPES];
	struct dump_count *calls, *tasks;
	size_t n_calls, n_tasks;
	struct map call_index, task_index;
	uint64_t first_ns, last_ns;
	uint64_t n_buffered;	    /* calls that did not stop */
	uint64_t stops, exec_stops; /* for the recorder: all, and up to the last EV_EXEC */
	uint64_t *delays;	    /* of signals, ns */
	size_t n_delays;
};

void dump_stats_init(struct dump_stats *s);
void dump_stats_release(struct dump_stats *s);
void dump_stats_add(struct dump_stats *s, const struct trace_event *ev);
/* The tables; sorts them. `dir`: the trace directory, for the sizes of its files. */
void dump_stats_format(struct dump_stats *s, const char *dir, const struct task_list *tasks,
		       struct buf *out);

#endif
