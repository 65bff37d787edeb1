/*
 * What the user asks of the replay itself (gdb's `monitor`), and where `run` goes.
 *
 * Checkpoints have the numbers that gdb's side gives them (commands.gdb), so that it can remember
 * what it wants to show of each.
 */
#include "base/log.h"
#include "base/map.h"
#include "gdb/session.h"

#define VISITS_MAX 1000

struct kept_checkpoint {
	int id; /* the target's */
	event_t event;
};

void monitor_release(struct server *s)
{
	if (s->checkpoints) {
		map_for_each (s->checkpoints, slot) {
			struct kept_checkpoint *c = (void *)(uintptr_t)slot->value;

			timeline_checkpoint_delete(s->tl, c->id);
			free(c);
		}
		map_release(s->checkpoints);
	}
	free(s->checkpoints);
	s->checkpoints = NULL;
	free(s->visits);
	s->visits = NULL;
	s->n_visits = s->visit = 0;
}

/* --- commands --- */

typedef void (*monitor_fn)(struct server *s, uint64_t n, struct buf *out);

static void monitor_when(struct server *s, uint64_t n, struct buf *out)
{
	buf_addf(out, "Completed event: %llu\n", (unsigned long long)timeline_event(s->tl));
}

static void monitor_when_ticks(struct server *s, uint64_t n, struct buf *out)
{
	ticks_t ticks;

	if (timeline_ticks(s->tl, chosen_thread(s), &ticks))
		buf_addstr(out, "The ticks of this thread are not known.\n");
	else
		buf_addf(out, "Current tick: %llu\n", (unsigned long long)ticks);
}

static void monitor_when_tid(struct server *s, uint64_t n, struct buf *out)
{
	buf_addf(out, "Current tid: %d\n", chosen_thread(s));
}

static void monitor_when_end(struct server *s, uint64_t n, struct buf *out)
{
	buf_addf(out, "Event at end of recording: %llu\n",
		 (unsigned long long)timeline_last_event(s->tl));
}

static void monitor_elapsed(struct server *s, uint64_t n, struct buf *out)
{
	buf_addf(out, "Elapsed Time (s): %f\n", timeline_elapsed(s->tl));
}

static void monitor_absolute(struct server *s, uint64_t n, struct buf *out)
{
	buf_addf(out, "Absolute Time (s): %f\n", timeline_absolute(s->tl));
}

static void monitor_recording(struct server *s, uint64_t n, struct buf *out)
{
	buf_addf(out, "Path of recording: \"%s\"\n", timeline_dir(s->tl));
}

static struct kept_checkpoint *find_checkpoint(struct server *s, uint64_t n)
{
	return s->checkpoints ? map_get_ptr(s->checkpoints, n) : NULL;
}

static void monitor_delete_checkpoint(struct server *s, uint64_t n, struct buf *out)
{
	struct kept_checkpoint *c = find_checkpoint(s, n);

	if (!c) {
		buf_addf(out, "No checkpoint number %llu.\n", (unsigned long long)n);
		return;
	}
	timeline_checkpoint_delete(s->tl, c->id);
	map_del(s->checkpoints, n);
	free(c);
}

static void monitor_checkpoint(struct server *s, uint64_t n, struct buf *out)
{
	struct kept_checkpoint *c;
	int id = timeline_checkpoint(s->tl);

	if (id < 0) {
		buf_addf(out, "No checkpoint could be made: %s\n", strerror(-id));
		return;
	}
	if (find_checkpoint(s, n))
		monitor_delete_checkpoint(s, n, out);
	if (!s->checkpoints)
		s->checkpoints = xcalloc(1, sizeof(*s->checkpoints));
	c = xmalloc(sizeof(*c));
	*c = (struct kept_checkpoint){id, timeline_event(s->tl)};
	map_set_ptr(s->checkpoints, n, c);
	buf_addf(out, "Checkpoint %llu at ", (unsigned long long)n);
}

static void monitor_checkpoint_when(struct server *s, uint64_t n, struct buf *out)
{
	struct kept_checkpoint *c = find_checkpoint(s, n);

	if (c)
		buf_addf(out, "%llu\t", (unsigned long long)c->event);
}

static void monitor_visit(struct server *s, uint64_t n, struct buf *out)
{
	struct visit v = {.tid = s->stop.tid};
	const struct visit *last = s->n_visits ? &s->visits[s->visit] : NULL;

	if (timeline_diverted(s->tl) || timeline_point(s->tl, &v.point))
		return;
	if (last && !timeline_point_compare(&last->point, &v.point))
		return;
	/* What was ahead is another story now. */
	if (last)
		s->n_visits = s->visit + 1;
	if (s->n_visits == VISITS_MAX)
		memmove(s->visits, s->visits + 1, --s->n_visits * sizeof(*s->visits));
	s->visits = xrealloc(s->visits, (s->n_visits + 1) * sizeof(*s->visits));
	s->visit = s->n_visits;
	s->visits[s->n_visits++] = v;
}

static void monitor_help(struct server *s, uint64_t n, struct buf *out);

struct monitor_row {
	const char *name, *argument;
	monitor_fn run;
	const char *help;
};

static const struct monitor_row monitor_rows[] = {
#define COMMAND(name, argument, handler, help) {name, argument, handler, help},
#include "gdb/monitor.def"
#undef COMMAND
};

static void monitor_help(struct server *s, uint64_t n, struct buf *out)
{
	for (const struct monitor_row *r = monitor_rows;
	     r < monitor_rows + ARRAY_SIZE(monitor_rows); r++)
		buf_addf(out, "%s%s%s -- %s\n", r->name, r->argument ? " " : "",
			 r->argument ? r->argument : "", r->help);
}

static void run_command(struct server *s, const char *text, struct buf *out)
{
	size_t len = strcspn(text, " ");

	for (const struct monitor_row *r = monitor_rows;
	     r < monitor_rows + ARRAY_SIZE(monitor_rows); r++) {
		char *end;
		uint64_t n;

		if (strlen(r->name) != len || strncmp(r->name, text, len))
			continue;
		n = strtoull(text + len, &end, 0);
		if (*end || (r->argument && !text[len]) || (!r->argument && text[len]))
			buf_addf(out, "%s: %s is wanted behind it.\n", r->name,
				 r->argument ? "a number" : "nothing");
		else
			r->run(s, n, out);
		return;
	}
	buf_addf(out, "No such command: \"%s\"; try \"monitor help\".\n", text);
}

void handle_monitor(struct server *s, struct scan args)
{
	struct buf text = BUF_INIT, out = BUF_INIT;

	scan_char(&args, ',');
	if (args.failed || hex_decode(&text, args.p, scan_left(&args)) < 0) {
		reply_error(s, EINVAL);
	} else {
		run_command(s, buf_str(&text), &out);
		if (out.len)
			hex_add(&s->reply, out.data, out.len);
		else
			reply_ok(s);
	}
	buf_release(&text);
	buf_release(&out);
}

/* --- going somewhere --- */

static int go_to_checkpoint(struct server *s, uint64_t n)
{
	struct kept_checkpoint *c = find_checkpoint(s, n);

	return c ? timeline_checkpoint_restart(s->tl, c->id, &s->stop) : -ENOENT;
}

/* One step back or forward in the stops that were visited. */
static int go_to_visit(struct server *s, bool back)
{
	if (!s->n_visits || (back ? s->visit == 0 : s->visit + 1 == s->n_visits))
		return -ENOENT;
	s->visit += back ? -1 : 1;
	return timeline_seek(s->tl, &s->visits[s->visit].point, &s->stop);
}

int go_to(struct server *s, const char *where)
{
	const char *digits = where + (*where == 'c' || *where == 't');
	char *end;
	uint64_t n;

	if (!*where || !strcmp(where, "0"))
		return timeline_seek_event(s->tl, s->start_event, &s->stop);
	if (!strcmp(where, "back") || !strcmp(where, "forward"))
		return go_to_visit(s, *where == 'b');
	n = strtoull(digits, &end, 0);
	if (*end || *digits < '0' || *digits > '9')
		return -EINVAL;
	if (*where == 'c')
		return go_to_checkpoint(s, n);
	if (*where == 't')
		return timeline_seek_ticks(s->tl, n, &s->stop);
	return n > timeline_last_event(s->tl) ? -ERANGE : timeline_seek_event(s->tl, n, &s->stop);
}
