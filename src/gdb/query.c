/*
 * What the server can do (qSupported), and objects that are read piece by piece (qXfer).
 */
#include "base/log.h"
#include "gdb/session.h"

#include <signal.h>

struct feature {
	const char *name;
	size_t offset; /* of the flag in struct server that says that the client has it */
};

#define FEATURE(name, field)                         \
	{                                            \
		name, offsetof(struct server, field) \
	}

static const struct feature features[] = {
	FEATURE("multiprocess+", multiprocess), FEATURE("swbreak+", swbreak),
	FEATURE("hwbreak+", hwbreak),		FEATURE("fork-events+", fork_events),
	FEATURE("exec-events+", exec_events),
};

void handle_supported(struct server *s, struct scan args)
{
	scan_if(&args, ':');
	while (scan_left(&args)) {
		size_t n;
		const char *word = scan_until(&args, ';', &n);

		for (const struct feature *f = features; f < features + ARRAY_SIZE(features); f++)
			if (strlen(f->name) == n && !memcmp(f->name, word, n))
				*(bool *)((char *)s + f->offset) = true;
	}
	buf_addf(&s->reply,
		 "PacketSize=%x;QStartNoAckMode+;multiprocess+;swbreak+;hwbreak+;vContSupported+;"
		 "ReverseStep+;ReverseContinue+;ConditionalBreakpoints+;QPassSignals+;"
		 "QProgramSignals+;QCatchSyscalls+;fork-events+;exec-events+;qXfer:auxv:read+;"
		 "qXfer:exec-file:read+;qXfer:features:read+;qXfer:siginfo:read+;"
		 "qXfer:siginfo:write+;qXfer:threads:read+",
		 PACKET_MAX);
}

void handle_no_ack(struct server *s, struct scan args)
{
	s->conn.no_ack = true;
	reply_ok(s);
}

/* --- objects --- */

static int get_features(struct server *s, struct scan annex, struct buf *out)
{
	if (!scan_if_text(&annex, "target.xml") || !scan_at_end(&annex))
		return -ENOENT;
	buf_add(out, buf_str(&s->registers->xml), s->registers->xml.len);
	return 0;
}

static int get_auxv(struct server *s, struct scan annex, struct buf *out)
{
	return timeline_auxv(s->tl, chosen_thread(s), out);
}

static int get_exec_file(struct server *s, struct scan annex, struct buf *out)
{
	pid_t pid = process_of(s, chosen_thread(s)), tid;
	struct timeline_task task;
	int ret;

	if (scan_left(&annex))
		pid = (pid_t)scan_hex(&annex);
	tid = thread_of(s, pid);
	ret = tid ? timeline_task(s->tl, tid, &task) : -ESRCH;
	if (!ret)
		buf_addstr(out, task.exe);
	return ret;
}

/* At a stop for no signal it is that of a trap, as natively. That there always is one is how the
 * end of a call is seen (state.c). */
static int get_siginfo(struct server *s, struct scan annex, struct buf *out)
{
	const siginfo_t trap = {.si_signo = SIGTRAP};
	int ret = timeline_siginfo(s->tl, out);

	s->siginfo_was_read = true;
	if (ret == -ENODATA) {
		buf_add(out, &trap, sizeof(trap));
		ret = 0;
	}
	return ret;
}

static void add_xml_text(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (strchr("<>&\"'", *text) || *text < ' ')
			buf_addf(out, "&#%d;", *text < ' ' ? '?' : *text);
		else
			buf_addch(out, *text);
	}
}

static int get_threads(struct server *s, struct scan annex, struct buf *out)
{
	struct buf id = BUF_INIT, kept = s->reply;

	list_threads(s);
	buf_addstr(out, "<?xml version=\"1.0\"?>\n<threads>\n");
	for (size_t i = 0; i < s->n_threads; i++) {
		s->reply = id;
		buf_clear(&s->reply);
		add_thread_id(s, s->threads[i].tgid, s->threads[i].tid);
		id = s->reply;
		buf_addf(out, "<thread id=\"%s\" name=\"", buf_str(&id));
		add_xml_text(out, s->threads[i].name);
		buf_addstr(out, "\"/>\n");
	}
	buf_addstr(out, "</threads>\n");
	s->reply = kept;
	buf_release(&id);
	return 0;
}

struct object {
	const char *name;
	int (*get)(struct server *s, struct scan annex, struct buf *out);
};

static const struct object objects[] = {
	{"features", get_features}, {"auxv", get_auxv},	      {"exec-file", get_exec_file},
	{"siginfo", get_siginfo},   {"threads", get_threads},
};

static const struct object *find_object(const char *name, size_t n)
{
	for (const struct object *o = objects; o < objects + ARRAY_SIZE(objects); o++)
		if (strlen(o->name) == n && !memcmp(o->name, name, n))
			return o;
	return NULL;
}

/* A piece of the object that was got when its beginning was asked for. */
static void add_piece(struct server *s, uint64_t offset, uint64_t n)
{
	uint64_t left = s->xfer.len > offset ? s->xfer.len - offset : 0;

	n = min_u64(n, PACKET_MAX / 2 - 16);
	buf_addch(&s->reply, n < left ? 'm' : 'l');
	if (left)
		buf_add(&s->reply, s->xfer.data + offset, min_u64(n, left));
}

/* The end of a call that gdb made the program do: it puts back what it found. */
static void write_siginfo(struct server *s, struct scan args)
{
	size_t n;

	scan_until(&args, ':', &n);
	scan_until(&args, ':', &n);
	if (s->diverted_by_call)
		end_changes(s);
	s->siginfo_was_read = false;
	buf_addf(&s->reply, "%zx", scan_left(&args));
}

/* qXfer:OBJECT:read:ANNEX:OFFSET,LENGTH */
void handle_xfer(struct server *s, struct scan args)
{
	size_t name_len, annex_len;
	const char *name, *annex;
	const struct object *object;
	uint64_t offset, n;
	int ret;

	scan_char(&args, ':');
	if (scan_if_text(&args, "siginfo:write:")) {
		write_siginfo(s, args);
		return;
	}
	name = scan_until(&args, ':', &name_len);
	object = find_object(name, name_len);
	if (!object || !scan_if_text(&args, "read:"))
		return;
	annex = scan_until(&args, ':', &annex_len);
	offset = scan_hex(&args);
	scan_char(&args, ',');
	n = scan_hex(&args);
	if (!scan_at_end(&args)) {
		reply_error(s, EINVAL);
		return;
	}
	if (!offset || strcmp(s->xfer_name, object->name) != 0) {
		buf_clear(&s->xfer);
		snprintf(s->xfer_name, sizeof(s->xfer_name), "%s", object->name);
		ret = object->get(s, scan_of(annex, annex_len), &s->xfer);
		if (ret) {
			s->xfer_name[0] = 0;
			reply_error(s, ret);
			return;
		}
	}
	add_piece(s, offset, n);
}
