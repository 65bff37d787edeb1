/*
 * Building events: memory that the world wrote is read back from the task when the event is
 * complete, and given to the trace in one go.
 *
 * One event is built at a time, so its bytes lie in one buffer of the recorder's. That buffer moves
 * as it grows: until the end, a write's bytes are held as an offset into it.
 */
#include "record/session.h"

#include "base/clock.h"
#include "base/log.h"
#include "mem/checksum.h"
#include "mem/layout.h"

#define READ_PIECE (1U << 20)

void event_begin(struct event_builder *b, struct recorder *rec, struct rtask *t,
		 enum trace_event_type type)
{
	if (type != EV_BUFFER)
		buffer_flush(rec, false);
	*b = (struct event_builder){.rec = rec};
	b->ev.type = type;
	b->ev.tid = t->t.tid;
	b->ev.ticks = t->ticks.count;
	b->ev.time_ns = rec->now = clock_now_ns();
	buf_clear(&rec->data);
	buf_clear(&rec->fpregs);
}

static struct trace_write *new_write(struct event_builder *b, pid_t tid, raddr_t addr)
{
	struct trace_write *w;

	if (b->n_writes == b->cap_writes) {
		b->cap_writes = b->cap_writes ? 2 * b->cap_writes : 8;
		b->writes = xrealloc(b->writes, b->cap_writes * sizeof(*b->writes));
	}
	w = &b->writes[b->n_writes++];
	*w = (struct trace_write){.tid = tid == b->ev.tid ? 0 : tid, .addr = addr};
	w->bytes.data = (void *)(uintptr_t)b->rec->data.len;
	return w;
}

void event_add_memory(struct event_builder *b, struct rtask *t, raddr_t addr, uint64_t len)
{
	struct buf *data = &b->rec->data;
	struct trace_write *w;

	if (!addr || !len)
		return;
	w = new_write(b, t->t.tid, addr);
	/* In pieces: after an error the length may be far beyond what is mapped. */
	while (len) {
		size_t want = min_u64(len, READ_PIECE);
		size_t got =
			mm_read_some(t->t.mm, addr + w->bytes.len, buf_reserve(data, want), want);

		buf_extend(data, got);
		w->bytes.len += got;
		len -= got;
		if (got < want)
			break;
	}
	if (!w->bytes.len)
		b->n_writes--;
}

void event_add_bytes(struct event_builder *b, pid_t tid, raddr_t addr, const void *p, size_t n)
{
	struct trace_write *w = new_write(b, tid, addr);

	w->bytes.len = n;
	buf_add(&b->rec->data, p, n);
}

void event_lend_bytes(struct event_builder *b, pid_t tid, raddr_t addr, const void *p, size_t n)
{
	BUG_ON(b->n_writes);
	new_write(b, tid, addr)->bytes.len = n;
	b->lent = p;
}

void event_add_mapping(struct event_builder *b, const struct trace_mapping *m)
{
	b->maps = xrealloc(b->maps, (b->n_maps + 1) * sizeof(*b->maps));
	b->maps[b->n_maps++] = *m;
	b->maps[b->n_maps - 1].tid = m->tid == b->ev.tid ? 0 : m->tid;
}

/* Whether -C asks for a checksum of this event, and it is one after which memory is at rest. */
static bool wants_checksum(const struct event_builder *b)
{
	const int mode = b->rec->opt->checksum;

	switch (b->ev.type) {
	case EV_SYSCALL:
	case EV_SYSCALL_EXIT:
		break;
	case EV_EXEC:
	case EV_INSN:
		if (mode == CHECKSUM_ON_SYSCALLS)
			return false;
		break;
	default:
		return false;
	}
	return mode < 0 ||
	       (mode > 0 && trace_writer_last_event(b->rec->trace) + 1 >= (event_t)mode);
}

static uint64_t checksum(struct recorder *rec, struct rtask *t)
{
	const struct mm_range ours[] = OURS_RANGES;
	size_t n = scratch_ranges(rec, t->t.mm, NULL);
	struct mm_range *skip = xcalloc(n + ARRAY_SIZE(ours), sizeof(*skip));
	uint64_t sum;

	scratch_ranges(rec, t->t.mm, skip);
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		skip[n++] = ours[i];
	sum = mm_checksum(t->t.mm, t->t.tid, skip, n);
	free(skip);
	return sum;
}

void event_end(struct event_builder *b, struct rtask *t)
{
	struct recorder *rec = b->rec;
	int ret;

	if (rec->opt->checksum && wants_checksum(b))
		b->ev.memory_checksum = checksum(rec, t);

	for (size_t i = 0; i < b->n_writes; i++)
		b->writes[i].bytes.data = rec->data.data + (uintptr_t)b->writes[i].bytes.data;
	if (b->lent)
		b->writes[0].bytes.data = b->lent;
	b->ev.writes = b->writes;
	b->ev.n_writes = b->n_writes;
	if (b->n_maps) {
		b->ev.maps = b->maps;
		b->ev.n_maps = b->n_maps;
	}
	ret = trace_writer_event(rec->trace, &b->ev, &t->last_event);
	if (ret && !rec->error) {
		rec->error = ret;
		error("cannot write the trace %s: %s; recording ends here, what was written can be "
		      "replayed",
		      trace_writer_dir(rec->trace), strerror(-ret));
	}
	free(b->writes);
	free(b->maps);
	buf_release(&b->why);
}

void event_emit(void *ctx, raddr_t addr, uint64_t len)
{
	struct emit_ctx *e = ctx;

	event_add_memory(e->b, e->t, addr, len);
}
