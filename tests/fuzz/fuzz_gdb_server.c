/*
 * The server on hostile packets, against a timeline without tracees: an input is packets, a line
 * feed after each. All that is asked of the timeline must be something that it could be asked.
 */
#include "../gdb/fake_timeline.h"
#include "base/io.h"
#include "base/log.h"
#include "gdb/packet.h"
#include "gdb/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct register_set set;
static const struct server_start at_start = {
	.pid = 100,
	.event = 1,
	.stop = {.reason = TIMELINE_STOP_STEP, .tid = 100},
};

/* Conditions are evaluated when a breakpoint is met. */
static void meet_breakpoints(struct timeline *tl)
{
	for (int i = 0; i < tl->n_breaks && i < (int)ARRAY_SIZE(tl->breaks); i++)
		BUG_ON(tl->breaks[i].kind != BREAK_EXECUTE && !tl->breaks[i].len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct timeline tl = {.event = 10, .child_exists = true, .parent_exists = true};
	struct buf reply = BUF_INIT;
	struct server *s;
	const char *at = (const char *)data, *end = at + size;

	if (!set.n)
		register_set_init(&set, 0x2e7, NULL, 0);
	tl.stops[0] =
		(struct timeline_stop){.reason = TIMELINE_STOP_FORK, .tid = 100, .child = 200};
	tl.n_stops = 1;
	s = server_new(&tl, &set, &at_start);
	while (at < end) {
		const char *stop = memchr(at, '\n', end - at);
		size_t n = (stop ? stop : end) - at;

		server_dispatch(s, at, n, &reply);
		BUG_ON(reply.len > PACKET_MAX);
		buf_clear(&tl.log);
		at += n + 1;
	}
	meet_breakpoints(&tl);
	server_free(s);
	buf_release(&tl.log);
	buf_release(&reply);
	return 0;
}

#ifndef FUZZ_LIBFUZZER

#include "corpus.h"

/* fuzz_gdb_server DIR...: run the files in them. */
int main(int argc, char **argv)
{
	return run_inputs(argv + 1, argc - 1);
}

#endif
