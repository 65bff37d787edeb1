/*
 * rr dump: events in words, a line each, or all their fields; with memory records, mappings and
 * statistics on demand. Lines are written as they are made: a long trace can be piped to head.
 */
#include "cli/cli.h"
#include "cli/dump.h"

struct range {
	event_t first, last; /* both shown; EVENT_END: the last of the trace */
};

#define EVENT_END UINT64_MAX

struct dump_command {
	bool buffered, extra, memory, mappings, raw, statistics;
	int tid;
	struct range *ranges;
	size_t n_ranges;

	struct trace_reader *reader;
	struct task_list tasks;
	struct dump_stats stats;
};

#define AT(field) OPT_AT(struct dump_command, field)

const struct option_row dump_option_rows[] = {
	OPTION(FLAG, 'b', "syscallbuf", NULL, "system calls that were made without a stop",
	       AT(buffered)),
	OPTION(FLAG, 'e', "extra", NULL, "extra registers: size and hash", AT(extra)),
	OPTION(FLAG, 'm', "recorded-metadata", NULL, "memory that the world wrote", AT(memory)),
	OPTION(FLAG, 'p', "mmaps", NULL, "mappings that were made", AT(mappings)),
	OPTION(FLAG, 'r', "raw", NULL, "every field, key=value", AT(raw)),
	OPTION(FLAG, 's', "statistics", NULL, "count events and data, by kind, call and task",
	       AT(statistics)),
	OPTION(INT, 't', "tid", "TID", "only events of that task", AT(tid), .min = 1),
	OPTIONS_END,
};

#undef AT

static int parse_event(const char *s, event_t *out)
{
	if (!strcmp(s, "end")) {
		*out = EVENT_END;
		return 0;
	}
	return parse_u64(s, EVENT_END - 1, out);
}

/* `N`, `A-B`, `end`: 0 or -EINVAL. */
static int parse_range(const char *s, struct range *out)
{
	char *copy = xstrdup(s), *dash = strchr(copy, '-');
	int err;

	if (dash)
		*dash = 0;
	err = parse_event(copy, &out->first);
	out->last = out->first;
	if (!err && dash)
		err = parse_event(dash + 1, &out->last);
	free(copy);
	return err ? -EINVAL : 0;
}

static void print_event(const struct dump_command *dc, const struct trace_event *ev)
{
	const struct trace_info *info = trace_reader_info(dc->reader);
	int64_t elapsed = (int64_t)(ev->time_ns - info->start_monotonic_ns);
	struct buf line = BUF_INIT;

	if (dc->raw) {
		dump_raw(ev, &line);
	} else {
		buf_addf(&line, "%-7llu %-7d %+11.6f  %-7s  ", (unsigned long long)ev->number,
			 ev->tid, (double)elapsed / 1e9, dump_type_name(ev->type));
		dump_words(ev, &dc->tasks, &line);
	}
	buf_addch(&line, '\n');
	if (dc->buffered)
		dump_calls(ev, &line);
	if (dc->memory)
		dump_memory(ev, &line);
	if (dc->mappings)
		dump_mappings(ev, &line);
	if (dc->extra)
		dump_extra(ev, &line);
	fwrite(line.data, 1, line.len, stdout);
	buf_release(&line);
}

/* Show (or only count) the events of a range. 0 or -errno, said on stderr. */
static int dump_range(struct dump_command *dc, const struct range *range, bool print)
{
	event_t end = trace_reader_last_event(dc->reader);
	event_t first = range->first == EVENT_END ? end : range->first;
	event_t last = min_u64(range->last, end);
	struct trace_event ev;
	int ret = 1;

	if (!end)
		return range->first > 1 && range->first != EVENT_END
			       ? error_ret(-ERANGE, "dump: the trace has no events")
			       : 0;
	if (!first || first > end)
		return error_ret(-ERANGE, "dump: no event %llu: the trace has events 1 to %llu",
				 (unsigned long long)first, (unsigned long long)end);
	if (last < first)
		return error_ret(-EINVAL, "dump: %llu-%llu: the end is before the beginning",
				 (unsigned long long)first, (unsigned long long)last);
	ret = trace_reader_seek(dc->reader, first);
	if (ret)
		return error_ret(ret, "dump: cannot go to event %llu: %s",
				 (unsigned long long)first, strerror(-ret));
	while (first++ <= last && (ret = trace_reader_next(dc->reader, &ev)) > 0) {
		if (dc->tid && ev.tid != dc->tid)
			continue;
		if (dc->statistics)
			dump_stats_add(&dc->stats, &ev);
		if (print)
			print_event(dc, &ev);
		if (ferror(stdout))
			break;
	}
	return ret < 0 ? ret : 0;
}

static int dump_all(struct dump_command *dc)
{
	static const struct range all = {1, EVENT_END};
	int err = 0;

	if (!dc->n_ranges)
		err = dump_range(dc, &all, !dc->statistics);
	for (size_t i = 0; i < dc->n_ranges && !err; i++)
		err = dump_range(dc, &dc->ranges[i], true);
	if (dc->statistics) {
		struct buf out = BUF_INIT;

		dump_stats_format(&dc->stats, trace_reader_dir(dc->reader), &dc->tasks, &out);
		fwrite(out.data, 1, out.len, stdout);
		buf_release(&out);
	}
	return err;
}

/* The first argument is the trace unless it can be read as events; `./5` is a trace that is
 * called 5. */
static const char *take_arguments(struct dump_command *dc, const struct option_rest *rest)
{
	const char *trace = NULL;

	dc->ranges = xcalloc((size_t)rest->n_args + 1, sizeof(*dc->ranges));
	for (int i = 0; i < rest->n_args; i++) {
		if (!parse_range(rest->args[i], &dc->ranges[dc->n_ranges]))
			dc->n_ranges++;
		else if (!i)
			trace = rest->args[i];
		else
			die("dump: '%s' is not an event, A-B or `end`", rest->args[i]);
	}
	return trace;
}

int cmd_dump(const struct command *cmd, char **argv)
{
	struct dump_command dc = {.tid = 0};
	struct option_rest rest;
	int err = -ENOENT;

	command_options(cmd, &dc, OPTIONS_PERMUTE, argv, &rest);
	dc.reader = open_trace(take_arguments(&dc, &rest));
	if (!dc.reader)
		goto out;
	dump_stats_init(&dc.stats);
	err = task_list_load(&dc.tasks, dc.reader);
	if (!err)
		err = dump_all(&dc);
	dump_stats_release(&dc.stats);
	task_list_release(&dc.tasks);
	trace_reader_close(dc.reader);
out:
	free(dc.ranges);
	return err ? 1 : 0;
}
