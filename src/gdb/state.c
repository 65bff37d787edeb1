/*
 * Registers and memory of the thread that the client has chosen.
 *
 * A recording cannot be changed: the first change makes a diversion, a copy of all, in which it is
 * done. The copy is thrown away when the client lets the program go on as recorded. gdb lets a
 * program call a function by changing registers and memory, running it, and changing them back;
 * around that it reads and writes the siginfo, which tells us of the end. A program that was made
 * to stand elsewhere than the recorded one runs in the copy until then.
 */
#include "base/log.h"
#include "gdb/session.h"

int read_registers(struct server *s, pid_t tid, bool vectors, struct register_values *out)
{
	int ret = timeline_regs(s->tl, tid, &out->regs);

	return ret || !vectors ? ret : timeline_fpregs(s->tl, tid, &out->xsave);
}

static int begin_changes(struct server *s, pid_t tid)
{
	struct register_values values = {.xsave = BUF_INIT};
	int ret;

	if (timeline_diverted(s->tl))
		return 0;
	ret = read_registers(s, tid, false, &values);
	if (!ret)
		ret = timeline_divert(s->tl, tid);
	if (ret)
		return ret;
	s->diverted_tid = tid;
	s->diverted_at = values.regs.u.rip;
	s->diverted_by_call = s->siginfo_was_read;
	return 0;
}

bool end_changes(struct server *s)
{
	s->siginfo_was_read = s->diverted_by_call = false;
	if (!timeline_diverted(s->tl))
		return false;
	timeline_divert_end(s->tl);
	return true;
}

bool call_in_progress(struct server *s)
{
	struct register_values values = {.xsave = BUF_INIT};

	return timeline_diverted(s->tl) && (read_registers(s, s->diverted_tid, false, &values) ||
					    values.regs.u.rip != s->diverted_at);
}

/* --- registers --- */

static void add_register(struct server *s, const struct register_values *values, unsigned number)
{
	uint8_t value[REGISTER_SIZE_MAX];
	size_t n = s->registers->v[number].size;

	if (register_read(s->registers, number, values, value)) {
		hex_add(&s->reply, value, n);
		return;
	}
	for (size_t i = 0; i < n; i++)
		buf_addstr(&s->reply, "xx");
}

void handle_read_registers(struct server *s, struct scan args)
{
	struct register_values values = {.xsave = BUF_INIT};
	int ret = read_registers(s, chosen_thread(s), true, &values);

	if (ret)
		reply_error(s, ret);
	for (unsigned i = 0; !ret && i < s->registers->n; i++)
		add_register(s, &values, i);
	buf_release(&values.xsave);
}

void handle_read_register(struct server *s, struct scan args)
{
	struct register_values values = {.xsave = BUF_INIT};
	uint64_t number = scan_hex(&args);
	int ret;

	if (!scan_at_end(&args) || number >= s->registers->n) {
		reply_error(s, EINVAL);
		return;
	}
	ret = read_registers(s, chosen_thread(s), s->registers->v[number].component >= 0, &values);
	if (ret)
		reply_error(s, ret);
	else
		add_register(s, &values, number);
	buf_release(&values.xsave);
}

/* Registers from `first` on have these values already: a call is over, and gdb puts back what it
 * was before. */
static bool has_registers(struct server *s, unsigned first, unsigned end, const struct buf *in)
{
	struct register_values values = {.xsave = BUF_INIT};
	size_t at = 0;
	bool same = !read_registers(s, chosen_thread(s), true, &values);

	for (unsigned i = first; same && i < end && at < in->len; i++) {
		size_t size = s->registers->v[i].size;
		uint8_t value[REGISTER_SIZE_MAX];

		same = in->len - at >= size && register_read(s->registers, i, &values, value) &&
		       !memcmp(value, in->data + at, size);
		at += size;
	}
	buf_release(&values.xsave);
	return same && at == in->len;
}

/* Change registers from `first` on to the bytes of `in`, which ends with one of them. */
static int change_registers(struct server *s, unsigned first, unsigned end, const struct buf *in)
{
	struct register_values values = {.xsave = BUF_INIT};
	pid_t tid = chosen_thread(s);
	size_t at = 0;
	int ret;

	if (!timeline_diverted(s->tl) && has_registers(s, first, end, in))
		return 0;
	ret = begin_changes(s, tid);
	if (!ret)
		ret = read_registers(s, tid, true, &values);
	for (unsigned i = first; !ret && i < end && at < in->len; i++) {
		size_t size = s->registers->v[i].size;

		if (in->len - at < size)
			ret = -EINVAL;
		else
			register_write(s->registers, i, &values, (uint8_t *)in->data + at);
		at += size;
	}
	if (!ret && at != in->len)
		ret = -EINVAL;
	if (!ret)
		ret = timeline_set_regs(s->tl, tid, &values.regs);
	if (!ret)
		ret = timeline_set_fpregs(s->tl, tid, values.xsave.data, values.xsave.len);
	buf_release(&values.xsave);
	return ret;
}

static void finish_change(struct server *s, int ret)
{
	if (ret)
		reply_error(s, ret);
	else
		reply_ok(s);
}

void handle_write_registers(struct server *s, struct scan args)
{
	struct buf bytes = BUF_INIT;
	int ret = -EINVAL;

	if (hex_decode(&bytes, args.p, scan_left(&args)) > 0)
		ret = change_registers(s, 0, s->registers->n, &bytes);
	finish_change(s, ret);
	buf_release(&bytes);
}

void handle_write_register(struct server *s, struct scan args)
{
	struct buf bytes = BUF_INIT;
	uint64_t number = scan_hex(&args);
	int ret = -EINVAL;

	scan_char(&args, '=');
	if (!args.failed && number < s->registers->n &&
	    hex_decode(&bytes, args.p, scan_left(&args)) > 0)
		ret = change_registers(s, number, number + 1, &bytes);
	finish_change(s, ret);
	buf_release(&bytes);
}

/* --- memory --- */

/* ADDR,LENGTH */
static uint64_t scan_range(struct scan *args, raddr_t *addr)
{
	*addr = scan_hex(args);
	scan_char(args, ',');
	return scan_hex(args);
}

void handle_read_memory(struct server *s, struct scan args)
{
	struct buf bytes = BUF_INIT;
	raddr_t addr;
	uint64_t n = scan_range(&args, &addr);
	size_t got;

	if (!scan_at_end(&args)) {
		reply_error(s, EINVAL);
		return;
	}
	n = min_u64(n, PACKET_MAX / 2);
	buf_extend(&bytes, n);
	got = timeline_read(s->tl, chosen_thread(s), addr, bytes.data, n);
	if (got || !n)
		hex_add(&s->reply, bytes.data, got);
	else
		reply_error(s, EFAULT);
	buf_release(&bytes);
}

static int write_memory(struct server *s, raddr_t addr, const void *data, size_t n)
{
	pid_t tid = chosen_thread(s);
	int ret;

	if (!n) /* gdb asks so whether there is packet X */
		return 0;
	ret = begin_changes(s, tid);
	return ret ? ret : timeline_write(s->tl, tid, addr, data, n);
}

void handle_write_memory(struct server *s, struct scan args)
{
	raddr_t addr;
	uint64_t n = scan_range(&args, &addr);

	scan_char(&args, ':');
	if (args.failed || n != scan_left(&args))
		reply_error(s, EINVAL);
	else
		finish_change(s, write_memory(s, addr, args.p, n));
}

void handle_write_memory_hex(struct server *s, struct scan args)
{
	struct buf bytes = BUF_INIT;
	raddr_t addr;
	uint64_t n = scan_range(&args, &addr);

	scan_char(&args, ':');
	if (args.failed || hex_decode(&bytes, args.p, scan_left(&args)) != (ssize_t)n)
		reply_error(s, EINVAL);
	else
		finish_change(s, write_memory(s, addr, bytes.data, n));
	buf_release(&bytes);
}

/* --- searching --- */

#define SEARCH_CHUNK 65536ULL

/* The first place of `what` in [start, end) that is readable without a gap. */
static bool search(struct server *s, raddr_t start, raddr_t end, const void *what, size_t n,
		   raddr_t *found)
{
	char *chunk = xmalloc(SEARCH_CHUNK + n);
	bool is_found = false;
	pid_t tid = chosen_thread(s);

	while (!is_found && end - start >= n) {
		size_t wanted = min_u64(end - start, SEARCH_CHUNK + n - 1);
		size_t got = timeline_read(s->tl, tid, start, chunk, wanted);
		const char *at = got >= n ? memmem(chunk, got, what, n) : NULL;

		is_found = at;
		if (at)
			*found = start + (at - chunk);
		if (got < wanted || wanted < SEARCH_CHUNK + n - 1)
			break;
		start += SEARCH_CHUNK;
	}
	free(chunk);
	return is_found;
}

void handle_search(struct server *s, struct scan args)
{
	raddr_t addr, found;
	uint64_t length;

	scan_char(&args, ':');
	addr = scan_hex(&args);
	scan_char(&args, ';');
	length = scan_hex(&args);
	scan_char(&args, ';');
	if (!scan_left(&args))
		reply_error(s, EINVAL);
	else if (search(s, addr, addr + min_u64(length, UINT64_MAX - addr), args.p,
			scan_left(&args), &found))
		buf_addf(&s->reply, "1,%llx", (unsigned long long)found);
	else
		buf_addch(&s->reply, '0');
}
