/*
 * The tracees' output, written again: the data lies in their memory, as it did when they wrote it.
 */
#include "base/io.h"
#include "base/log.h"
#include "replay/session.h"

#include <asm/unistd_64.h>
#include <unistd.h>

#define MAX_RW_COUNT 0x7ffff000 /* as much as a call transfers: write(2), NOTES */

static int add_piece(struct ptask *p, raddr_t addr, uint64_t len, struct buf *out)
{
	if (mm_read(p->t.mm, addr, buf_reserve(out, len), len))
		return -EFAULT;
	buf_extend(out, len);
	return 0;
}

static int add_iovecs(struct ptask *p, raddr_t iov, uint64_t count, uint64_t len, struct buf *out)
{
	for (uint64_t i = 0; i < count && len; i++) {
		uint64_t v[2]; /* struct iovec */

		if (mm_read(p->t.mm, iov + i * sizeof(v), v, sizeof(v)) ||
		    add_piece(p, v[0], min_u64(v[1], len), out))
			return -EFAULT;
		len -= min_u64(v[1], len);
	}
	return 0;
}

static int collect(struct ptask *p, const struct abi_call *call, struct buf *out)
{
	uint64_t msg[4]; /* struct msghdr: name, namelen, iov, iovlen */

	switch (call->nr) {
	case __NR_writev:
	case __NR_pwritev:
	case __NR_pwritev2:
		return add_iovecs(p, call->arg[1], call->arg[2], call->ret, out);
	case __NR_sendmsg:
		if (mm_read(p->t.mm, call->arg[1], msg, sizeof(msg)))
			return -EFAULT;
		return add_iovecs(p, msg[2], msg[3], call->ret, out);
	default:
		return add_piece(p, call->arg[1], call->ret, out);
	}
}

int echo_output(struct session *s, struct ptask *p, const struct abi_call *call)
{
	struct buf out = BUF_INIT;
	int ret = 0;

	if (s->opt->quiet)
		return 0;
	if (call->ret > MAX_RW_COUNT)
		return bad_trace(s, "a call that wrote %lld bytes", (long long)call->ret);
	if (s->opt->mark_stdio)
		buf_addf(&out, "[rr %d %llu]", p->group->rec_tgid,
			 (unsigned long long)s->ev.number);
	if (collect(p, call, &out)) {
		ret = diverged(s, p, "its output cannot be read");
	} else {
		progress_end(s);
		/* A closed or full stdout is the user's affair; the replay goes on. */
		(void)write_full(s->ev.echo_fd, out.data, out.len);
	}
	buf_release(&out);
	return ret;
}
