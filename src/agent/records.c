/*
 * The buffer: what calls came to, written while recording and read in replay.
 */
#include "agent/internal.h"

#define BUFFER	  ((uint8_t *)AGENT_BUFFER)
#define PIECE_MIN 64 /* less room than that is not used for a piece */

/* --- recording --- */

struct writer {
	const struct abi_call *call;
	struct agent_record *r;
	uint32_t flags;
	bool careful; /* the call failed: its pointers may be bad */
};

static void make_room(void)
{
	if (STATE->buffer_size - STATE->pos < sizeof(struct agent_record) + PIECE_MIN ||
	    (STATE->flush && STATE->pos))
		agent_report(REPORT_FLUSH);
}

static void begin(struct writer *w)
{
	make_room();
	w->r = (struct agent_record *)(BUFFER + STATE->pos);
	*w->r = (struct agent_record){
		.size = sizeof(*w->r),
		.nr = (uint16_t)w->call->nr,
		.check = agent_check(w->call->arg),
		.file = (uint32_t)STATE->file,
		.result = w->call->ret,
	};
}

/* What `r` has more than `last`, a record of the same kind, in the terms of struct agent_like. */
static int64_t more_than(const struct agent_record *last, const struct agent_record *r)
{
	int64_t more = r->result - last->result;

	return r->flags ? more * agent_second(r) + r->file - last->file : more;
}

/* Write `r` as one that is like the last one. */
static bool abridge(const struct agent_record *r)
{
	struct agent_record *last = &STATE->last;
	int64_t more;

	if (STATE->pos != STATE->last_end || last->nr != r->nr || last->check != r->check ||
	    last->flags != r->flags || (!r->flags && last->file != r->file))
		return false;
	more = more_than(last, r);
	if (more != (int32_t)more)
		return false;
	last->result = r->result;
	last->file = r->file;
	*(struct agent_like *)(BUFFER + STATE->pos) =
		(struct agent_like){(uint32_t)r->nr << 1 | 1, (int32_t)more};
	STATE->pos += sizeof(struct agent_like);
	STATE->last_end = STATE->pos;
	return true;
}

/* The record is complete: from now on the call has happened. */
static void commit(struct agent_record *r)
{
	bool has_like = agent_has_like(r);

	if (has_like && STATE->pos && abridge(r))
		return;
	if (has_like)
		STATE->last = *r;
	STATE->pos += r->size;
	STATE->last_end = has_like ? STATE->pos : 0;
}

static uint64_t room(const struct writer *w)
{
	uint64_t used = STATE->pos + w->r->size + sizeof(struct agent_piece);

	return used + PIECE_MIN > STATE->buffer_size ? 0 : STATE->buffer_size - used;
}

/* The next record goes on with the same call. */
static void more(struct writer *w)
{
	w->r->flags = (uint16_t)(w->flags | RECORD_MORE);
	commit(w->r);
	agent_report(REPORT_FLUSH);
	begin(w);
}

static void emit(void *ctx, raddr_t addr, uint64_t len)
{
	struct writer *w = ctx;

	while (len) {
		struct agent_piece *p;
		uint64_t n;

		if (!room(w))
			more(w);
		p = (struct agent_piece *)((uint8_t *)w->r + w->r->size);
		n = min_u64(len, room(w));
		p->addr = addr;
		p->size = n - copy_user(p + 1, (const void *)addr, n);
		if (p->size)
			w->r->size += (uint32_t)(sizeof(*p) + AGENT_ALIGN(p->size));
		if (p->size < n)
			return;
		addr += n;
		len -= n;
	}
}

/* The bytes are not needed, but where they came from. */
static void emit_part(void *ctx, raddr_t addr, uint64_t len)
{
	struct writer *w = ctx;
	struct agent_piece *p;
	struct agent_part *part;

	if (!room(w))
		more(w);
	p = (struct agent_piece *)((uint8_t *)w->r + w->r->size);
	part = (struct agent_part *)(p + 1);
	*p = (struct agent_piece){.addr = addr, .size = sizeof(*part)};
	*part = (struct agent_part){.offset = STATE->part.offset, .size = len};
	STATE->part.offset += len;
	w->r->size += (uint32_t)(sizeof(*p) + sizeof(*part));
}

static int read_memory(void *ctx, raddr_t addr, void *buf, size_t n)
{
	return copy_user(buf, (const void *)addr, n) ? -EFAULT : 0;
}

void record_call(const struct abi_call *call, const struct syscall_row *row, uint32_t flags)
{
	const struct abi_mem mem = {.read = read_memory};
	struct writer w = {.call = call, .flags = flags};

	if (is_error(call->ret))
		w.flags |= RECORD_CAREFUL;
	begin(&w);
	syscall_outputs(row, call, &mem, flags & RECORD_CLONED ? emit_part : emit, &w, NULL);
	w.r->flags = (uint16_t)w.flags;
	commit(w.r);
}

void record_time(const uint64_t arg[6], int64_t nr, int64_t seconds, uint32_t fraction)
{
	struct agent_record *r;

	make_room();
	r = (struct agent_record *)(BUFFER + STATE->pos);
	*r = (struct agent_record){
		.size = sizeof(*r),
		.nr = (uint16_t)nr,
		.flags = RECORD_TIME,
		.check = agent_check(arg),
		.file = fraction,
		.result = seconds,
	};
	commit(r);
	STATE->n_calls++;
}

void record_insn(uint16_t nr, const struct insn_result *v)
{
	const struct abi_call call = {.nr = nr, .ret = v ? (int64_t)v->a : 0};
	const uint64_t b = v ? v->b : 0;
	struct writer w = {.call = &call};

	begin(&w);
	w.r->check = (uint32_t)b;
	w.r->file = (uint32_t)(b >> 32);
	w.r->flags = v ? 0 : RECORD_LEFT;
	commit(w.r);
}

/* --- replay --- */

/* Write only what differs: the rest may be read-only, as a call that failed on the way left it. */
static void copy_carefully(uint8_t *to, const uint8_t *from, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		if (to[i] != from[i])
			to[i] = from[i];
	}
}

static void apply(const struct agent_record *r)
{
	const uint8_t *p = (const uint8_t *)(r + 1), *end = (const uint8_t *)r + r->size;

	while (p < end) {
		const struct agent_piece *piece = (const struct agent_piece *)p;

		if (r->flags & RECORD_CLONED)
			part_apply(r->file, piece->addr, (const struct agent_part *)(piece + 1));
		else if (r->flags & RECORD_CAREFUL)
			copy_carefully((uint8_t *)piece->addr, p + sizeof(*piece), piece->size);
		else
			copy_user((void *)piece->addr, p + sizeof(*piece), piece->size);
		p += sizeof(*piece) + AGENT_ALIGN(piece->size);
	}
}

/* What the program has written to the recorder's stdout or stderr: the tracer writes it again. */
static void echo(int fd, const uint8_t *data, uint64_t n, bool goes_on)
{
	while (n) {
		struct agent_echo *e;
		uint64_t part;

		if (AGENT_ECHO_SIZE - STATE->echo < sizeof(*e) + PIECE_MIN)
			agent_report(REPORT_ECHO);
		e = (struct agent_echo *)((uint8_t *)AGENT_ECHO + STATE->echo);
		part = min_u64(n, AGENT_ECHO_SIZE - STATE->echo - sizeof(*e));
		*e = (struct agent_echo){(uint16_t)fd, goes_on, (uint32_t)part};
		goes_on = true;
		copy_user(e + 1, data, part);
		STATE->echo += (uint32_t)(sizeof(*e) + AGENT_ALIGN(part));
		data += part;
		n -= part;
	}
}

static void echo_call(const uint64_t arg[6], int64_t nr, const struct agent_record *r)
{
	int fd = r->flags & RECORD_ECHO ? 1 : 2;
	uint64_t left = (uint64_t)r->result;

	if (STATE->echo == NO_ECHO || is_error(r->result))
		return;
	if (nr != __NR_writev) {
		echo(fd, (const uint8_t *)arg[1], left, false);
		return;
	}
	for (uint64_t i = 0; i < arg[2] && left; i++) {
		const uint64_t *v = (const uint64_t *)arg[1] + 2 * i;
		uint64_t n = min_u64(v[1], left);

		echo(fd, (const uint8_t *)v[0], n, left != (uint64_t)r->result);
		left -= n;
	}
}

/* What the program did next is not known: it may do nothing else that comes here. */
static void stop_if_last(void)
{
	if (STATE->dies && STATE->pos == STATE->end)
		agent_report(REPORT_FLUSH);
}

/* The next record, if there is one. It lasts until the next call of this. */
static const struct agent_record *take_record(int64_t nr)
{
	const struct agent_record *r;

	if (STATE->pos == STATE->end && (STATE->more || STATE->dies))
		agent_report(REPORT_FLUSH);
	if (STATE->pos == STATE->end)
		return NULL;
	r = (const struct agent_record *)(BUFFER + STATE->pos);
	if (agent_is_like(r)) {
		agent_expand(&STATE->last, (const struct agent_like *)r);
		STATE->pos += sizeof(struct agent_like);
		r = &STATE->last;
	} else {
		if (agent_has_like(r))
			STATE->last = *r;
		STATE->pos += r->size;
	}
	if (r->nr != nr)
		agent_report(REPORT_WRONG);
	return r;
}

/* The next record of this call, if there is one. */
static const struct agent_record *next_record(const uint64_t arg[6], int64_t nr)
{
	const struct agent_record *r = take_record(nr);

	if (r && r->check != agent_check(arg))
		agent_report(REPORT_WRONG);
	return r;
}

struct outcome replay_call(const uint64_t arg[6], int64_t nr)
{
	const struct agent_record *r;

	do {
		r = next_record(arg, nr);
		if (!r)
			return (struct outcome){0};
		apply(r);
	} while (r->flags & RECORD_MORE);
	if (r->flags & RECORD_TIME) {
		int64_t result = time_apply(arg, nr, r);

		stop_if_last();
		return (struct outcome){result, 1};
	}
	if ((r->flags & RECORD_REMAKE) &&
	    !(STATE->may_call && remake_call(arg, nr, r->result, r->file))) {
		for (int i = 0; i < 6; i++)
			STATE->arg[i] = arg[i];
		STATE->result = r->result;
		STATE->file = r->file;
		agent_report(REPORT_REMAKE);
	}
	if (r->flags & (RECORD_ECHO | RECORD_ECHO2))
		echo_call(arg, nr, r);
	stop_if_last();
	return (struct outcome){r->result, 1};
}

bool replay_insn(uint16_t nr, struct insn_result *v)
{
	const struct agent_record *r = take_record(nr);

	if (!r)
		return false;
	*v = (struct insn_result){(uint64_t)r->result, r->check | (uint64_t)r->file << 32};
	stop_if_last();
	return !(r->flags & RECORD_LEFT);
}
