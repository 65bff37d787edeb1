/*
 * What the kernel says about a task's signals (proc(5), status). ptrace tells less: inside a call
 * with a mask of its own, such as epoll_pwait, PTRACE_GETSIGMASK answers the mask to come back, not
 * the one that holds.
 */
#include "record/session.h"

#include "base/io.h"
#include "base/log.h"

static uint64_t status_mask(const char *status, const char *field)
{
	const char *p = strstr(status, field);

	return p ? strtoull(p + strlen(field), NULL, 16) : 0;
}

int signal_state(const struct rtask *t, struct signal_state *out)
{
	struct buf b = BUF_INIT;
	char path[64];
	int ret;

	*out = (struct signal_state){0};
	snprintf(path, sizeof(path), "/proc/%d/status", t->t.tid);
	ret = read_file(path, &b);
	if (!ret) {
		const char *s = buf_str(&b);

		out->pending = status_mask(s, "SigPnd:") | status_mask(s, "ShdPnd:");
		out->blocked = status_mask(s, "SigBlk:");
		out->ignored = status_mask(s, "SigIgn:");
		out->caught = status_mask(s, "SigCgt:");
	}
	buf_release(&b);
	return ret;
}
