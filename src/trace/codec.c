/*
 * Encoding and decoding of records, with the generated protobuf-c code. The one thing that happens
 * on top of it is that registers, ticks and times are kept as differences within a block
 * (trace.proto at Event): consecutive events of a task share most of their 27 registers, and what
 * is not there need be neither compressed nor read back.
 */
#include "trace/codec.h"

#include "base/log.h"
#include "trace.pb-c.h"

#include <limits.h>
#include <sys/user.h>

_Static_assert(sizeof(struct user_regs_struct) == REGS_WORDS * 8, "regs are words");
_Static_assert((int)N_EVENT_TYPES == (int)RR__TRACE__EVENT_TYPE__BUFFER + 1, "schema");
_Static_assert((int)SIGNAL_IGNORED == (int)RR__TRACE__SIGNAL_ACTION__IGNORED, "schema");
_Static_assert((int)MAP_FROM_SHARED == (int)RR__TRACE__MAPPING__SOURCE__SHARED, "schema");
_Static_assert((int)TASK_EXIT == (int)RR__TRACE__TASK__KIND__EXIT, "schema");

#define REGS_PRESENT 1u

/* --- differences --- */

void codec_init(struct event_codec *c)
{
	memset(c, 0, sizeof(*c));
}

void codec_release(struct event_codec *c)
{
	map_release(&c->by_tid);
	free(c->tasks);
	buf_release(&c->scratch);
	codec_init(c);
}

void codec_reset(struct event_codec *c)
{
	map_release(&c->by_tid);
	c->n_tasks = 0;
	c->last_tid = 0;
	c->time = 0;
}

static struct codec_task *task_state(struct event_codec *c, pid_t tid)
{
	uint64_t i;

	if (tid == c->last_tid)
		return &c->tasks[c->last];
	if (!map_get(&c->by_tid, tid, &i)) {
		i = c->n_tasks;
		if (c->n_tasks == c->cap_tasks) {
			c->cap_tasks = c->cap_tasks ? 2 * c->cap_tasks : 16;
			c->tasks = xrealloc(c->tasks, c->cap_tasks * sizeof(*c->tasks));
		}
		memset(&c->tasks[i], 0, sizeof(*c->tasks));
		c->n_tasks++;
		map_set(&c->by_tid, tid, i);
	}
	c->last_tid = tid;
	c->last = i;
	return &c->tasks[i];
}

/* The mask and the changed words of `now` against `then`, which becomes `now`. */
static uint32_t regs_diff(uint64_t *then, const struct trace_bytes *now, uint64_t *xors, size_t *n)
{
	uint32_t mask = REGS_PRESENT;

	*n = 0;
	if (!now->len)
		return 0;
	for (int i = 0; i < REGS_WORDS; i++) {
		uint64_t w;

		memcpy(&w, (const char *)now->data + 8 * i, 8);
		if (w != then[i]) {
			mask |= 2u << i;
			xors[(*n)++] = w ^ then[i];
			then[i] = w;
		}
	}
	return mask;
}

static bool regs_patch(uint64_t *then, uint32_t mask, const uint64_t *xors, size_t n, uint64_t *out,
		       struct trace_bytes *bytes)
{
	*bytes = (struct trace_bytes){0};
	if (!mask)
		return n == 0;
	if (!(mask & REGS_PRESENT) || mask >> (REGS_WORDS + 1) ||
	    (size_t)__builtin_popcount(mask >> 1) != n)
		return false;
	for (mask >>= 1; mask; mask &= mask - 1)
		then[__builtin_ctz(mask)] ^= *xors++;
	memcpy(out, then, REGS_WORDS * 8);
	*bytes = (struct trace_bytes){out, REGS_WORDS * 8};
	return true;
}

/* --- what is allowed --- */

static bool size_is(const struct trace_bytes *b, size_t n)
{
	return b->len == 0 || b->len == n;
}

static bool range_ok(uint64_t start, uint64_t len)
{
	return start + len >= start;
}

/* What does not need the lists. */
static const char *check_scalars(const struct trace_event *ev)
{
	if (ev->type < 1 || ev->type >= N_EVENT_TYPES)
		return "event of unknown type";
	if (ev->tid <= 0 || ev->child_tid < 0 || ev->former_tid < 0)
		return "bad tid";
	if (ev->arch < 0 || ev->arch >= N_TRACE_ARCHS)
		return "unknown architecture";
	if (ev->signo < 0 || ev->signo > 64 || (ev->type == EV_SIGNAL && !ev->signo))
		return "bad signal number";
	if (ev->action < 0 || ev->action > SIGNAL_IGNORED || (ev->type == EV_SIGNAL && !ev->action))
		return "bad signal action";
	if (ev->echo_fd < 0 || ev->echo_fd > 2)
		return "bad descriptor of an echo";
	return NULL;
}

static const char *check_bytes(const struct trace_event *ev)
{
	uint64_t total = ev->fpregs.len;

	if (!size_is(&ev->regs, REGS_WORDS * 8) || !size_is(&ev->regs_after, REGS_WORDS * 8))
		return "registers of a wrong size";
	if (!size_is(&ev->siginfo, SIGINFO_BYTES))
		return "siginfo of a wrong size";
	if (ev->stack.len > STACK_BYTES_MAX)
		return "too much of a stack";
	if (ev->words.len > WORDS_BYTES_MAX || ev->words.len % 16)
		return "words of a wrong size";
	if (ev->fpregs.len > FPREGS_MAX)
		return "floating-point registers of a wrong size";
	for (size_t i = 0; i < ev->n_writes; i++) {
		const struct trace_write *w = &ev->writes[i];

		if (w->tid < 0 || !range_ok(w->addr, w->bytes.len))
			return "bad memory write";
		if (w->bytes.len > EVENT_DATA_MAX || (total += w->bytes.len) > EVENT_DATA_MAX)
			return "too much data";
	}
	for (size_t i = 0; i < ev->n_file_writes; i++) {
		const struct trace_file_write *f = &ev->file_writes[i];

		if (!f->file || !range_ok(f->offset, f->bytes.len) || f->size > INT64_MAX ||
		    (f->bytes.len && f->offset + f->bytes.len > f->size))
			return "bad file write";
		if (f->bytes.len > EVENT_DATA_MAX || (total += f->bytes.len) > EVENT_DATA_MAX)
			return "too much data";
	}
	return NULL;
}

const char *check_event(const struct trace_event *ev)
{
	const char *why = check_scalars(ev);

	return why ? why : check_bytes(ev);
}

const char *check_mapping(const struct trace_mapping *m)
{
	bool has_file = m->source == MAP_FROM_FILE || m->source == MAP_FROM_SHARED;

	if ((unsigned int)m->source > MAP_FROM_SHARED)
		return "mapping of an unknown kind";
	if (m->start >= m->end || page_floor(m->start) != m->start || page_floor(m->end) != m->end)
		return "bad range of a mapping";
	if (has_file && (!m->file || page_floor(m->offset) != m->offset ||
			 !range_ok(m->offset, m->end - m->start)))
		return "bad file of a mapping";
	if (m->tid < 0)
		return "bad task of a mapping";
	return NULL;
}

const char *check_task(const struct trace_task *t)
{
	if (t->kind < TASK_START || t->kind > TASK_EXIT)
		return "task record of unknown kind";
	if (t->tid <= 0 || t->tgid < 0 || t->parent_tid < 0)
		return "bad tid";
	return NULL;
}

/* --- encoding --- */

static size_t put_varint(uint8_t *p, uint64_t v)
{
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		p[n++] = v | 0x80;
	p[n++] = v;
	return n;
}

static int put_record(const ProtobufCMessage *msg, struct buf *out)
{
	size_t len = protobuf_c_message_get_packed_size(msg);
	uint8_t *p;
	size_t n;

	if (len > BLOCK_RAW_MAX - 16)
		return -E2BIG;
	p = (uint8_t *)buf_reserve(out, len + 10);
	n = put_varint(p, len);
	protobuf_c_message_pack(msg, p + n);
	buf_extend(out, n + len);
	return 0;
}

static ProtobufCBinaryData binary(const void *data, size_t len)
{
	return (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)data, .len = len};
}

static ProtobufCBinaryData binary_string(const char *s)
{
	return binary(s, s ? strlen(s) : 0);
}

/* The messages of the lists, in the scratch buffer. */
static void encode_lists(struct event_codec *c, const struct trace_event *ev, Rr__Trace__Event *msg)
{
	Rr__Trace__Write *w;
	Rr__Trace__FileWrite *f;
	void **ptrs;

	buf_clear(&c->scratch);
	w = buf_extend(&c->scratch, ev->n_writes * (sizeof(*w) + sizeof(*ptrs)) +
					    ev->n_file_writes * (sizeof(*f) + sizeof(*ptrs)));
	f = (Rr__Trace__FileWrite *)(w + ev->n_writes);
	ptrs = (void **)(f + ev->n_file_writes);
	msg->n_writes = ev->n_writes;
	msg->writes = (Rr__Trace__Write **)ptrs;
	for (size_t i = 0; i < ev->n_writes; i++, w++) {
		rr__trace__write__init(w);
		w->tid = ev->writes[i].tid;
		w->address = ev->writes[i].addr;
		w->length = ev->writes[i].bytes.len;
		*ptrs++ = w;
	}
	msg->n_file_writes = ev->n_file_writes;
	msg->file_writes = (Rr__Trace__FileWrite **)ptrs;
	for (size_t i = 0; i < ev->n_file_writes; i++, f++) {
		rr__trace__file_write__init(f);
		f->file = ev->file_writes[i].file;
		f->offset = ev->file_writes[i].offset;
		f->size = ev->file_writes[i].size;
		f->length = ev->file_writes[i].bytes.len;
		*ptrs++ = f;
	}
}

int encode_event(struct event_codec *c, const struct trace_event *ev,
		 const struct event_place *place, struct buf *out)
{
	struct codec_task *task = task_state(c, ev->tid);
	uint64_t xors[2][REGS_WORDS];
	Rr__Trace__Event msg = {
		.base = PROTOBUF_C_MESSAGE_INIT(&rr__trace__event__descriptor),
		.type = (Rr__Trace__EventType)ev->type,
		.tid = ev->tid,
		.time = ev->time_ns - c->time,
		.ticks = ev->ticks - task->ticks,
		.arch = (Rr__Trace__Arch)ev->arch,
		.syscall = ev->syscall,
		.result = ev->result,
		.echo_fd = ev->echo_fd,
		.synchronous = ev->synchronous,
		.signal = ev->signo,
		.action = (Rr__Trace__SignalAction)ev->action,
		.siginfo = binary(ev->siginfo.data, ev->siginfo.len),
		.delay = ev->delay_ns,
		.more = ev->more,
		.stops = ev->stops,
		.piecewise = ev->piecewise,
		.stack = binary(ev->stack.data, ev->stack.len),
		.words = binary(ev->words.data, ev->words.len),
		.child_tid = ev->child_tid,
		.clone_flags = ev->clone_flags,
		.former_tid = ev->former_tid,
		.exit_status = ev->exit_status,
		.memory_checksum = ev->memory_checksum,
		.data_offset = place->data_len ? place->data_offset : 0,
		.fpregs_length = ev->fpregs.len,
		.maps_offset = place->maps_len ? place->maps_offset : 0,
		.maps_length = place->maps_len,
		.regs_xor = xors[0],
		.regs_after_xor = xors[1],
	};

	msg.regs_mask = regs_diff(task->regs, &ev->regs, xors[0], &msg.n_regs_xor);
	msg.regs_after_mask =
		regs_diff(task->regs, &ev->regs_after, xors[1], &msg.n_regs_after_xor);
	if (ev->n_writes || ev->n_file_writes)
		encode_lists(c, ev, &msg);
	task->ticks = ev->ticks;
	c->time = ev->time_ns;
	return put_record(&msg.base, out);
}

int encode_mapping(const struct trace_mapping *m, event_t event, struct buf *out)
{
	Rr__Trace__Mapping msg = {
		.base = PROTOBUF_C_MESSAGE_INIT(&rr__trace__mapping__descriptor),
		.event = event,
		.start = m->start,
		.end = m->end,
		.prot = m->prot,
		.flags = m->flags,
		.source = (Rr__Trace__Mapping__Source)m->source,
		.file = m->file,
		.offset = m->offset,
		.file_size = m->file_size,
		.dev = m->dev,
		.ino = m->ino,
		.name = binary_string(m->name),
		.tid = m->tid,
	};

	return put_record(&msg.base, out);
}

int encode_task(const struct trace_task *t, struct buf *out)
{
	Rr__Trace__Task msg = {
		.base = PROTOBUF_C_MESSAGE_INIT(&rr__trace__task__descriptor),
		.kind = (Rr__Trace__Task__Kind)t->kind,
		.event = t->event,
		.tid = t->tid,
		.tgid = t->tgid,
		.parent_tid = t->parent_tid,
		.clone_flags = t->clone_flags,
		.exit_status = t->exit_status,
		.exe = binary_string(t->exe),
	};
	int ret;

	while (t->argv && t->argv[msg.n_argv])
		msg.n_argv++;
	msg.argv = xcalloc(msg.n_argv, sizeof(*msg.argv));
	for (size_t i = 0; i < msg.n_argv; i++)
		msg.argv[i] = binary_string(t->argv[i]);
	ret = put_record(&msg.base, out);
	free(msg.argv);
	return ret;
}

/* --- decoding --- */

/* The extent of the record at `*p`, which moves behind it. */
static bool get_record(const uint8_t **p, const uint8_t *end, const uint8_t **rec, size_t *len)
{
	uint64_t n = 0;

	for (int shift = 0; *p < end && shift < 35; shift += 7) {
		uint8_t b = *(*p)++;

		n |= (uint64_t)(b & 0x7f) << shift;
		if (b & 0x80)
			continue;
		if (n > (size_t)(end - *p))
			return false;
		*rec = *p;
		*len = n;
		*p += n;
		return true;
	}
	return false;
}

static const void *get_message(struct arena *a, const ProtobufCMessageDescriptor *desc,
			       const uint8_t **p, const uint8_t *end)
{
	const uint8_t *rec;
	size_t len;

	return get_record(p, end, &rec, &len) ? arena_unpack(a, desc, rec, len) : NULL;
}

static const char *decode_lists(struct arena *a, const Rr__Trace__Event *msg,
				struct trace_event *ev, struct event_place *place)
{
	struct trace_write *w = arena_alloc(a, msg->n_writes * sizeof(*w));
	struct trace_file_write *f = arena_alloc(a, msg->n_file_writes * sizeof(*f));

	if (!w || !f)
		return "too many writes";
	for (size_t i = 0; i < msg->n_writes; i++) {
		const Rr__Trace__Write *m = msg->writes[i];

		w[i] = (struct trace_write){m->tid, m->address, {NULL, m->length}};
		place->data_len += m->length;
	}
	for (size_t i = 0; i < msg->n_file_writes; i++) {
		const Rr__Trace__FileWrite *m = msg->file_writes[i];

		f[i] = (struct trace_file_write){m->file, m->offset, m->size, {NULL, m->length}};
		place->data_len += m->length;
	}
	ev->writes = w;
	ev->n_writes = msg->n_writes;
	ev->file_writes = f;
	ev->n_file_writes = msg->n_file_writes;
	return NULL;
}

const char *decode_event(struct event_codec *c, struct arena *a, const uint8_t **p,
			 const uint8_t *end, struct trace_event *ev, struct event_place *place)
{
	const Rr__Trace__Event *msg = get_message(a, &rr__trace__event__descriptor, p, end);
	struct codec_task *task;
	const char *why;

	if (!msg)
		return "malformed record";
	*ev = (struct trace_event){
		.type = (enum trace_event_type)msg->type,
		.tid = msg->tid,
		.arch = (int32_t)msg->arch,
		.syscall = msg->syscall,
		.result = msg->result,
		.echo_fd = msg->echo_fd,
		.synchronous = msg->synchronous,
		.signo = msg->signal,
		.action = (enum trace_signal_action)msg->action,
		.siginfo = {msg->siginfo.data, msg->siginfo.len},
		.delay_ns = msg->delay,
		.more = msg->more,
		.stops = msg->stops,
		.piecewise = msg->piecewise,
		.stack = {msg->stack.data, msg->stack.len},
		.words = {msg->words.data, msg->words.len},
		.child_tid = msg->child_tid,
		.clone_flags = msg->clone_flags,
		.former_tid = msg->former_tid,
		.exit_status = msg->exit_status,
		.memory_checksum = msg->memory_checksum,
		.fpregs = {NULL, msg->fpregs_length},
	};
	*place = (struct event_place){
		.data_offset = msg->data_offset,
		.data_len = msg->fpregs_length,
		.maps_offset = msg->maps_offset,
		.maps_len = msg->maps_length,
	};
	why = check_scalars(ev);
	if (why)
		return why;
	if (msg->n_writes || msg->n_file_writes) {
		why = decode_lists(a, msg, ev, place);
		if (why)
			return why;
	}
	task = task_state(c, ev->tid);
	ev->time_ns = c->time += msg->time;
	ev->ticks = task->ticks += msg->ticks;
	if (!regs_patch(task->regs, msg->regs_mask, msg->regs_xor, msg->n_regs_xor, c->regs[0],
			&ev->regs) ||
	    !regs_patch(task->regs, msg->regs_after_mask, msg->regs_after_xor,
			msg->n_regs_after_xor, c->regs[1], &ev->regs_after))
		return "malformed registers";
	return check_bytes(ev);
}

const char *decode_mapping(struct arena *a, const uint8_t **p, const uint8_t *end,
			   struct trace_mapping *m, event_t *maps_event)
{
	const Rr__Trace__Mapping *msg = get_message(a, &rr__trace__mapping__descriptor, p, end);

	if (!msg)
		return "malformed record";
	*m = (struct trace_mapping){
		.start = msg->start,
		.end = msg->end,
		.prot = (int)msg->prot,
		.flags = (int)msg->flags,
		.source = (enum trace_map_source)msg->source,
		.file = msg->file,
		.offset = msg->offset,
		.file_size = msg->file_size,
		.dev = msg->dev,
		.ino = msg->ino,
		.name = arena_string(a, msg->name.data, msg->name.len),
		.tid = msg->tid,
	};
	*maps_event = msg->event;
	return m->name ? check_mapping(m) : "bad name of a mapping";
}

const char *decode_task(struct arena *a, const uint8_t **p, const uint8_t *end,
			struct trace_task *t)
{
	const Rr__Trace__Task *msg = get_message(a, &rr__trace__task__descriptor, p, end);
	const char **argv;

	if (!msg)
		return "malformed record";
	argv = arena_alloc(a, (msg->n_argv + 1) * sizeof(*argv));
	if (!argv)
		return "too many arguments";
	for (size_t i = 0; i < msg->n_argv; i++)
		if (!(argv[i] = arena_string(a, msg->argv[i].data, msg->argv[i].len)))
			return "malformed argument";
	argv[msg->n_argv] = NULL;
	*t = (struct trace_task){
		.kind = (enum trace_task_kind)msg->kind,
		.event = msg->event,
		.tid = msg->tid,
		.tgid = msg->tgid,
		.parent_tid = msg->parent_tid,
		.clone_flags = msg->clone_flags,
		.exit_status = msg->exit_status,
		.exe = arena_string(a, msg->exe.data, msg->exe.len),
		.argv = argv,
	};
	return t->exe ? check_task(t) : "malformed path";
}
