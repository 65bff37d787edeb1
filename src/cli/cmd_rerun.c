/*
 * rr rerun: replay, and print registers: behind each event, or behind each instruction of the task
 * that runs. For comparing two recordings, and for feeding other tools.
 */
#include "cli/cli.h"
#include "cli/traces.h"

#include "gdb/registers.h"
#include "timeline/timeline.h"

#include <inttypes.h>

/* What a line shows, in this order. */
struct columns {
	struct column {
		enum column_kind {
			COLUMN_EVENT,
			COLUMN_TICKS,
			COLUMN_TID,
			COLUMN_ICOUNT, /* instructions shown before */
			COLUMN_REGISTER,
			COLUMN_YMM, /* a register of gdb's and the one with its upper half */
		} kind;
		char name[12];
		unsigned int number, upper; /* gdb's */
	} * v;
	size_t n;
};

struct rerun_command {
	event_t start, end;
	const char *event_regs, *step_regs; /* as given; NULL: not */
	bool raw;
	struct replay_options replay;

	struct trace_reader *reader;
	struct timeline *tl;
	struct register_set set;
	struct columns event_columns, step_columns;
	uint64_t icount;
};

#define AT(field) OPT_AT(struct rerun_command, field)

const struct option_row rerun_option_rows[] = {
	OPTION(U64, 's', "trace-start", "EVENT", "begin behind EVENT (1)", AT(start), .min = 1),
	OPTION(U64, 'e', "trace-end", "EVENT", "end behind EVENT (the last)", AT(end), .min = 1),
	OPTION(STR, 0, "event-regs", "REGS", "print REGS behind each event", AT(event_regs)),
	OPTION(STR, 0, "singlestep", "REGS",
	       "print REGS behind each instruction of the task that runs; while it waits in a system call, "
	       "others run unseen",
	       AT(step_regs)),
	OPTION(FLAG, 'r', "raw", NULL,
	       "bytes instead of text: 8 a number or register, 16 of an xmm, 32 of a ymm", AT(raw)),
	OPTION(FLAG, 'u', "cpu-unbound", NULL, "do not stay on one core", AT(replay.unbound)),
	OPTION(LATER, 'f', "function", "ADDR", "call the function at ADDR instead"),
	OPTIONS_END,
};

#undef AT

/* --- columns --- */

static bool find_register(const struct register_set *set, const char *name, unsigned int *number)
{
	for (*number = 0; *number < set->n; ++*number) {
		if (!strcmp(set->v[*number].name, name))
			return true;
	}
	return false;
}

static bool add_column(struct columns *c, const struct register_set *set, enum column_kind kind,
		       const char *name, const char *gdb_name, const char *upper)
{
	struct column column = {.kind = kind};

	snprintf(column.name, sizeof(column.name), "%s", name);
	if ((gdb_name && !find_register(set, gdb_name, &column.number)) ||
	    (upper && !find_register(set, upper, &column.upper)))
		return false;
	c->v = xrealloc(c->v, (c->n + 1) * sizeof(*c->v));
	c->v[c->n++] = column;
	return true;
}

static bool add_ymm(struct columns *c, const struct register_set *set, unsigned int i)
{
	char name[16], xmm[16], upper[16];

	snprintf(name, sizeof(name), "ymm%u", i);
	snprintf(xmm, sizeof(xmm), "xmm%u", i);
	snprintf(upper, sizeof(upper), "ymm%uh", i);
	return add_column(c, set, COLUMN_YMM, name, xmm, upper);
}

static bool add_xmm(struct columns *c, const struct register_set *set, unsigned int i)
{
	char name[16];

	snprintf(name, sizeof(name), "xmm%u", i);
	return add_column(c, set, COLUMN_REGISTER, name, name, NULL);
}

static bool add_vectors(struct columns *c, const struct register_set *set, bool ymm)
{
	bool ok = true;

	for (unsigned int i = 0; ok && i < 16; i++)
		ok = ymm ? add_ymm(c, set, i) : add_xmm(c, set, i);
	return ok;
}

/* The first 16 of gdb's. */
static bool add_general(struct columns *c, const struct register_set *set)
{
	for (size_t i = 0; i < 16; i++)
		add_column(c, set, COLUMN_REGISTER, set->v[i].name, set->v[i].name, NULL);
	return true;
}

static bool add_word(struct columns *c, const struct register_set *set, const char *word)
{
	static const struct {
		const char *word, *name;
		enum column_kind kind;
	} words[] = {
		{"event", NULL, COLUMN_EVENT},
		{"ticks", NULL, COLUMN_TICKS},
		{"tid", NULL, COLUMN_TID},
		{"icount", NULL, COLUMN_ICOUNT},
		{"ip", "rip", COLUMN_REGISTER},
		{"flags", "eflags", COLUMN_REGISTER},
		{"fsbase", "fs_base", COLUMN_REGISTER},
		{"gsbase", "gs_base", COLUMN_REGISTER},
	};

	uint64_t i;

	if (!strcmp(word, "gp_x16"))
		return add_general(c, set);
	if (!strcmp(word, "xmm_x16") || !strcmp(word, "ymm_x16"))
		return add_vectors(c, set, *word == 'y');
	if (!strncmp(word, "ymm", 3) && !parse_u64(word + 3, 15, &i))
		return add_ymm(c, set, (unsigned int)i);
	for (i = 0; i < ARRAY_SIZE(words); i++) {
		if (!strcmp(words[i].word, word))
			return add_column(c, set, words[i].kind, word, words[i].name, NULL);
	}
	return add_column(c, set, COLUMN_REGISTER, word, word, NULL);
}

/* `text`: words with commas between; NULL is none. 0 or -EINVAL, said. */
static int parse_columns(struct columns *c, const struct register_set *set, const char *text)
{
	char *copy = xstrdup(text ? text : ""), *rest = text ? copy : NULL, *word;
	int ret = 0;

	while (!ret && (word = strsep(&rest, ","))) {
		if (!add_word(c, set, word))
			ret = error_ret(-EINVAL,
					"rerun: '%s' is no register of the recorded CPU, and not "
					"one of event, ticks, tid, icount, ip, flags, fsbase, "
					"gsbase, gp_x16, xmm_x16, ymm_x16",
					word);
	}
	free(copy);
	return ret;
}

/* --- values --- */

struct state {
	event_t event;
	ticks_t ticks;
	pid_t tid;
	uint64_t icount;
	struct register_values values;
};

static bool read_state(struct timeline *tl, pid_t tid, struct state *s)
{
	buf_clear(&s->values.xsave);
	s->tid = tid;
	return !timeline_ticks(tl, tid, &s->ticks) && !timeline_regs(tl, tid, &s->values.regs) &&
	       !timeline_fpregs(tl, tid, &s->values.xsave);
}

/* The column's bytes, the least significant first: how many there are. */
static size_t column_value(const struct rerun_command *rc, const struct column *c,
			   const struct state *s, uint8_t out[REGISTER_SIZE_MAX])
{
	uint64_t number = c->kind == COLUMN_EVENT   ? s->event
			  : c->kind == COLUMN_TICKS ? s->ticks
			  : c->kind == COLUMN_TID   ? (uint64_t)s->tid
						    : s->icount;
	size_t size = 8;

	memset(out, 0, REGISTER_SIZE_MAX);
	switch (c->kind) {
	case COLUMN_EVENT:
	case COLUMN_TICKS:
	case COLUMN_TID:
	case COLUMN_ICOUNT:
		memcpy(out, &number, sizeof(number));
		break;
	case COLUMN_YMM:
		register_read(&rc->set, c->upper, &s->values, out);
		memcpy(out + 16, out, 16);
		register_read(&rc->set, c->number, &s->values, out);
		size = 32;
		break;
	case COLUMN_REGISTER:
		register_read(&rc->set, c->number, &s->values, out);
		size = max_u64(rc->set.v[c->number].size, size);
	}
	return size;
}

static void format_value(const struct column *c, const uint8_t *value, size_t size, struct buf *out)
{
	uint64_t number;

	buf_addf(out, "%s:", c->name);
	memcpy(&number, value, sizeof(number));
	if (c->kind < COLUMN_REGISTER) {
		buf_addf(out, "%" PRIu64, number);
	} else if (size == sizeof(number)) {
		buf_addf(out, "0x%" PRIx64, number);
	} else {
		buf_addstr(out, "0x");
		while (size--)
			buf_addf(out, "%02x", value[size]);
	}
}

static void print_state(const struct rerun_command *rc, const struct columns *columns,
			const struct state *s)
{
	struct buf line = BUF_INIT;

	for (size_t i = 0; i < columns->n; i++) {
		uint8_t value[REGISTER_SIZE_MAX];
		size_t size = column_value(rc, &columns->v[i], s, value);

		if (rc->raw) {
			buf_add(&line, value, size);
			continue;
		}
		if (i)
			buf_addch(&line, ' ');
		format_value(&columns->v[i], value, size, &line);
	}
	if (!rc->raw)
		buf_addch(&line, '\n');
	fwrite(line.data, 1, line.len, stdout);
	buf_release(&line);
}

/* --- running --- */

/* Where it stands now: behind `event`, which was one of task `tid`. A task that has ended has no
 * registers, and no line. */
static void print_event(struct rerun_command *rc, event_t event, pid_t tid)
{
	struct state s = {.event = event, .icount = rc->icount};

	if (rc->event_columns.n && read_state(rc->tl, tid, &s))
		print_state(rc, &rc->event_columns, &s);
	buf_release(&s.values.xsave);
}

/* Instructions up to the end of event `until`. 0 or an exit status. */
static int step_to(struct rerun_command *rc, event_t until)
{
	struct state s = {.values.xsave = BUF_INIT};
	struct timeline_stop stop = {.reason = TIMELINE_STOP_STEP};

	while (timeline_event(rc->tl) < until && !timeline_at_end(rc->tl) && !ferror(stdout)) {
		struct timeline_run run = {.mode = TIMELINE_STEP, .tid = timeline_current(rc->tl)};

		if (!run.tid || timeline_run(rc->tl, &run, &stop) ||
		    stop.reason == TIMELINE_STOP_FAILED || stop.reason == TIMELINE_STOP_END)
			break;
		rc->icount++;
		s.event = timeline_event(rc->tl);
		s.icount = rc->icount;
		if (read_state(rc->tl, run.tid, &s))
			print_state(rc, &rc->step_columns, &s);
	}
	buf_release(&s.values.xsave);
	return stop.reason == TIMELINE_STOP_FAILED;
}

static int go_to(struct rerun_command *rc, event_t event)
{
	struct timeline_stop stop;

	return timeline_seek_event(rc->tl, event, &stop) || stop.reason == TIMELINE_STOP_FAILED;
}

/* One event of the range, and what leads to it: 0 or an exit status. */
static int run_event(struct rerun_command *rc, event_t event, pid_t tid)
{
	int status = 0;

	if (rc->step_columns.n && event > rc->start)
		status = step_to(rc, event);
	if (!status)
		status = go_to(rc, event);
	if (!status)
		print_event(rc, event, tid);
	return status;
}

static int run_events(struct rerun_command *rc)
{
	int ret = trace_reader_seek(rc->reader, rc->start), status = 0;

	for (event_t n = rc->start; !ret && !status && n <= rc->end && !ferror(stdout); n++) {
		struct trace_event ev;

		if (trace_reader_next(rc->reader, &ev) <= 0)
			ret = -EBADMSG;
		else
			status = run_event(rc, n, ev.tid);
	}
	return ret ? 1 : status;
}

static int prepare(struct rerun_command *rc)
{
	const struct trace_info *info = trace_reader_info(rc->reader);
	event_t last = trace_reader_last_event(rc->reader);

	register_set_init(&rc->set, info->xcr0, info->cpuid, info->n_cpuid);
	if (parse_columns(&rc->event_columns, &rc->set, rc->event_regs) ||
	    parse_columns(&rc->step_columns, &rc->set, rc->step_regs))
		return -EINVAL;
	rc->end = rc->end ? min_u64(rc->end, last) : last;
	if (rc->start > rc->end)
		return error_ret(-ERANGE,
				 "rerun: no event %" PRIu64 " to begin behind: they are 1 to "
				 "%" PRIu64,
				 rc->start, rc->end);
	return 0;
}

static int rerun(struct rerun_command *rc)
{
	struct timeline_options opt = {.replay = rc->replay, .max_checkpoints = 1};
	int status = 1;

	if (prepare(rc))
		goto out;
	opt.replay.dir = trace_reader_dir(rc->reader);
	opt.replay.quiet = true;
	status = timeline_open(&rc->tl, &opt);
	if (!status)
		status = run_events(rc);
	timeline_close(rc->tl);
out:
	register_set_release(&rc->set);
	free(rc->event_columns.v);
	free(rc->step_columns.v);
	return status;
}

int cmd_rerun(const struct command *cmd, char **argv)
{
	struct rerun_command rc = {.start = 1};
	int status;

	rc.reader = open_only_trace(cmd, &rc, argv);
	if (!rc.reader)
		return 1;
	status = rc.event_regs || rc.step_regs
			 ? rerun(&rc)
			 : usage_error(cmd, "what is to be printed? --event-regs or --singlestep");
	trace_reader_close(rc.reader);
	return status;
}
