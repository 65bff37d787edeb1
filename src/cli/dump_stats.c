/*
 * The tables of rr dump -s: events and data by kind of event, by system call, and by task.
 */
#include "cli/dump.h"

#include "abi/syscall.h"
#include "agentctl/records.h"

#include <sched.h>
#include <sys/stat.h>

void dump_stats_init(struct dump_stats *s)
{
	memset(s, 0, sizeof(*s));
	map_init(&s->call_index);
	map_init(&s->task_index);
}

void dump_stats_release(struct dump_stats *s)
{
	free(s->delays);
	free(s->calls);
	free(s->tasks);
	map_release(&s->call_index);
	map_release(&s->task_index);
	memset(s, 0, sizeof(*s));
}

/* The counter of `key` in a growing array; map_get() gives its place. */
static struct dump_count *counter(struct dump_count **array, size_t *n, struct map *index,
				  uint64_t key)
{
	uint64_t at;

	if (map_get(index, key, &at))
		return &(*array)[at];
	/* The count is a power of two whenever the array is full. */
	if (!(*n & (*n - 1)))
		*array = xrealloc(*array, (*n ? 2 * *n : 1) * sizeof(**array));
	map_set(index, key, *n);
	(*array)[*n] = (struct dump_count){.key = key};
	return &(*array)[(*n)++];
}

static void count(struct dump_count *c, const struct trace_event *ev, uint64_t bytes)
{
	c->events++;
	c->bytes += bytes;
	if (ev->type == EV_SYSCALL || ev->type == EV_SYSCALL_EXIT)
		c->errors += is_error(ev->result);
}

static void count_delay(struct dump_stats *s, uint64_t ns)
{
	if (!(s->n_delays & (s->n_delays - 1)))
		s->delays = xrealloc(s->delays,
				     (s->n_delays ? 2 * s->n_delays : 1) * sizeof(*s->delays));
	s->delays[s->n_delays++] = ns;
}

static void count_buffered(void *ctx, int nr, int64_t result, uint64_t bytes, bool more)
{
	struct dump_stats *s = ctx;
	struct dump_count *c = counter(&s->calls, &s->n_calls, &s->call_index, (uint32_t)nr);

	c->bytes += bytes;
	if (more)
		return;
	s->n_buffered++;
	c->events++;
	c->errors += is_error(result);
}

void dump_stats_add(struct dump_stats *s, const struct trace_event *ev)
{
	uint64_t bytes = dump_data_bytes(ev);

	if (!s->first_ns)
		s->first_ns = ev->time_ns;
	s->last_ns = ev->time_ns;
	if (ev->type < N_EVENT_TYPES)
		count(&s->types[ev->type], ev, bytes);
	if (ev->type == EV_EXIT)
		s->stops += ev->stops;
	if (ev->type == EV_EXEC)
		s->exec_stops = ev->stops;
	dump_count_calls(ev, count_buffered, s);
	if (ev->type == EV_SIGNAL && ev->delay_ns)
		count_delay(s, ev->delay_ns);
	count(counter(&s->tasks, &s->n_tasks, &s->task_index, (uint32_t)ev->tid), ev, bytes);
	/* A call that was entered and left in two events is counted when it is left. */
	if (ev->type == EV_SYSCALL || ev->type == EV_SYSCALL_EXIT)
		count(counter(&s->calls, &s->n_calls, &s->call_index,
			      (uint64_t)ev->arch << 32 | (uint32_t)ev->syscall),
		      ev, bytes);
}

static int more_events_first(const void *a, const void *b)
{
	const struct dump_count *x = a, *y = b;

	if (x->events != y->events)
		return x->events < y->events ? 1 : -1;
	return x->key < y->key ? -1 : x->key > y->key;
}

static void format_row(const struct dump_count *c, const char *name, struct buf *out)
{
	buf_addf(out, "%10llu  %14llu  %8llu  %s\n", (unsigned long long)c->events,
		 (unsigned long long)c->bytes, (unsigned long long)c->errors, name);
}

static void format_header(const char *what, struct buf *out)
{
	buf_addf(out, "\n%10s  %14s  %8s  %s\n", "events", "data (bytes)", "errors", what);
}

static void format_files(const char *dir, struct buf *out)
{
	static const char *const streams[] = {"events", "data", "mmaps", "tasks"};
	uint64_t all = tree_size(dir), rest = all;
	struct buf path = BUF_INIT;

	buf_addstr(out, "trace size:");
	for (size_t i = 0; i < ARRAY_SIZE(streams); i++) {
		struct stat st;

		buf_clear(&path);
		buf_addf(&path, "%s/%s", dir, streams[i]);
		if (lstat(buf_str(&path), &st) || !S_ISREG(st.st_mode))
			continue;
		buf_addf(out, " %s ", streams[i]);
		format_size((uint64_t)st.st_size, out);
		buf_addch(out, ',');
		rest -= (uint64_t)st.st_size;
	}
	buf_addstr(out, " files and the rest ");
	format_size(rest, out);
	buf_addstr(out, ", together ");
	format_size(all, out);
	buf_addch(out, '\n');
	buf_release(&path);
}

static void task_name(const struct task_list *tasks, pid_t tid, struct buf *out)
{
	const struct trace_task *exec = task_list_find(tasks, 0, TASK_EXEC, tid);
	const struct trace_task *birth = task_list_find(tasks, 0, TASK_CLONE, tid);

	buf_addf(out, "%d  ", tid);
	if (birth && birth->clone_flags & CLONE_THREAD)
		buf_addf(out, "(thread of %d)", birth->tgid);
	else if (exec && exec->argv)
		format_argv(exec->argv, out);
	else
		buf_addstr(out, "(forked without exec)");
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Signals that came while code ran, and were delivered where replay can find the place. */
static void format_delays(struct dump_stats *s, struct buf *out)
{
	if (!s->n_delays)
		return;
	qsort(s->delays, s->n_delays, sizeof(*s->delays), by_value);
	buf_addf(out,
		 "signals kept until a safepoint or system call: %zu, for %.1f us in the median, "
		 "%.1f us at most\n",
		 s->n_delays, (double)s->delays[s->n_delays / 2] / 1e3,
		 (double)s->delays[s->n_delays - 1] / 1e3);
}

void dump_stats_format(struct dump_stats *s, const char *dir, const struct task_list *tasks,
		       struct buf *out)
{
	struct dump_count all = {0};
	struct buf name = BUF_INIT;

	for (size_t i = 0; i < s->n_tasks; i++) {
		all.events += s->tasks[i].events;
		all.bytes += s->tasks[i].bytes;
		all.errors += s->tasks[i].errors;
	}
	buf_addf(out, "events: %llu, tasks: %zu, seconds: %.6f, bytes of data: %llu\n",
		 (unsigned long long)all.events, s->n_tasks,
		 (double)(s->last_ns - s->first_ns) / 1e9, (unsigned long long)all.bytes);
	buf_addf(out, "stops: %llu, calls without one: %llu", (unsigned long long)s->stops,
		 (unsigned long long)s->n_buffered);
	if (s->n_tasks == 1)
		buf_addf(out, ", stops since exec: %llu",
			 (unsigned long long)(s->stops - min_u64(s->stops, s->exec_stops)));
	buf_addch(out, '\n');
	format_files(dir, out);
	format_delays(s, out);

	format_header("kind of event", out);
	for (int t = 0; t < N_EVENT_TYPES; t++) {
		if (s->types[t].events)
			format_row(&s->types[t], dump_type_name(t), out);
	}
	if (s->n_calls) {
		format_header("system call (of those without a stop too)", out);
		qsort(s->calls, s->n_calls, sizeof(*s->calls), more_events_first);
	}
	for (size_t i = 0; i < s->n_calls; i++) {
		bool i386 = s->calls[i].key >> 32 == ARCH_I386;

		buf_clear(&name);
		if (i386)
			buf_addf(&name, "%s (32-bit)",
				 syscall_name(ARCH_I386, (int)(uint32_t)s->calls[i].key));
		else
			buf_addstr(&name, agent_call_name((int)s->calls[i].key));
		format_row(&s->calls[i], buf_str(&name), out);
	}
	format_header("task", out);
	if (s->n_tasks)
		qsort(s->tasks, s->n_tasks, sizeof(*s->tasks), more_events_first);
	for (size_t i = 0; i < s->n_tasks; i++) {
		buf_clear(&name);
		task_name(tasks, (pid_t)s->tasks[i].key, &name);
		format_row(&s->tasks[i], buf_str(&name), out);
	}
	buf_release(&name);
}
