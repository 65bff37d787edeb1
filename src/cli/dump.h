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
	uint64_t *delays; /* of signals, ns */
	size_t n_delays;
};

void dump_stats_init(struct dump_stats *s);
void dump_stats_release(struct dump_stats *s);
void dump_stats_add(struct dump_stats *s, const struct trace_event *ev);
/* The tables; sorts them. `dir`: the trace directory, for the sizes of its files. */
void dump_stats_format(struct dump_stats *s, const char *dir, const struct task_list *tasks,
		       struct buf *out);

#endif
