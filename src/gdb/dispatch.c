/*
 * From a packet to its handler, by the table; and what a session begins with.
 */
#include "base/log.h"
#include "base/map.h"
#include "gdb/session.h"

enum packet_how { EXACT, LETTER, NAMED };

struct packet_row {
	const char *name;
	enum packet_how how;
	void (*handle)(struct server *s, struct scan args);
};

static const struct packet_row packet_rows[] = {
#define PACKET(name, how, handler) {name, how, handler},
#include "gdb/packets.def"
#undef PACKET
};

void reply_error(struct server *s, int err)
{
	buf_clear(&s->reply);
	buf_addf(&s->reply, "E%02x", (err < 0 ? -err : err) & 0xff);
}

void reply_ok(struct server *s)
{
	buf_addstr(&s->reply, "OK");
}

void handle_ok(struct server *s, struct scan args)
{
	reply_ok(s);
}

static bool matches(const struct packet_row *row, const char *packet, size_t n)
{
	size_t len = strlen(row->name);

	if (n < len || memcmp(packet, row->name, len) != 0)
		return false;
	if (row->how == LETTER || n == len)
		return true;
	return row->how == NAMED && strchr(":,;", packet[len]) && packet[len];
}

bool server_dispatch(struct server *s, const char *packet, size_t n, struct buf *reply)
{
	bool answered;

	buf_clear(&s->reply);
	s->no_reply = false;
	for (const struct packet_row *row = packet_rows;
	     row < packet_rows + ARRAY_SIZE(packet_rows); row++) {
		if (!matches(row, packet, n))
			continue;
		row->handle(s, scan_of(packet + strlen(row->name), n - strlen(row->name)));
		break;
	}
	answered = !s->no_reply;
	if (reply != &s->reply) {
		buf_clear(reply);
		buf_add(reply, buf_str(&s->reply), s->reply.len);
	}
	return answered;
}

void session_reset(struct server *s)
{
	inserted_release(s, 0);
	files_release(s);
	monitor_release(s);
	packet_release(&s->conn);
	end_changes(s);
	s->vanished = s->finished = s->ends_all = s->arrived = s->lost = false;
	s->multiprocess = s->swbreak = s->hwbreak = s->fork_events = s->exec_events = false;
	s->module_field = 0;
	s->n_attached = 0;
	attach(s, s->first_pid);
	s->general = s->stepping = 0;
	timeline_catch_signals(s->tl, UINT64_MAX);
	timeline_catch_syscalls(s->tl, NULL, 0);
	timeline_catch_events(s->tl, CATCH_FORK | CATCH_VFORK | CATCH_EXEC | CATCH_EXIT);
}
