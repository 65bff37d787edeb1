/*
 * System calls that were made without a stop: the agent in the task repeats them from the recorded
 * buffer (src/agent/records.c). The buffer is loaded before the task runs; at its next event all of
 * it must have been used.
 */
#include "agentctl/records.h"
#include "base/io.h"
#include "base/log.h"
#include "replay/session.h"

#include <asm/prctl.h>
#include <asm/unistd_64.h>
#include <sys/mman.h>
#include <unistd.h>

void calls_note_file(struct session *s, uint32_t file, int fd)
{
	s->agent.state->open_files[file % N_OPEN_FILES] = (struct agent_file){file, fd};
}

static void load_files(struct session *s, const struct ptask *p)
{
	struct agent_state *a = s->agent.state;

	memset(a->open_files, 0, sizeof(a->open_files));
	map_for_each (&p->group->fds, f)
		calls_note_file(s, (uint32_t)f->key, (int)f->value);
}

void calls_load(struct session *s, struct ptask *p)
{
	struct agent_state *a = s->agent.state;

	a->may_call = s->agent.filtered;
	a->brk = p->t.mm->brk;
	agent_enable(&s->agent, true, true);
	a->echo = s->opt->quiet ? NO_ECHO : 0;
	if (s->common->in_agent == p)
		return;
	memcpy(s->agent.buffer, buf_str(&p->calls), p->calls.len);
	a->pos = p->calls_pos;
	a->last = p->calls_like;
	a->end = (uint32_t)p->calls.len;
	a->more = p->calls_more;
	a->dies = p->calls_last;
	if (a->may_call)
		load_files(s, p);
	s->common->in_agent = p;
}

/* What the program has written to the recorder's stdout and stderr. The memory is the tracee's too:
 * nothing in it is believed. */
static void drain_echo(struct session *s, const struct ptask *p)
{
	uint64_t at = 0, end = s->agent.state->echo;

	if (end == NO_ECHO)
		return;
	end = min_u64(end, AGENT_ECHO_SIZE);
	while (end - at > sizeof(struct agent_echo)) {
		struct agent_echo e;

		memcpy(&e, s->agent.echo + at, sizeof(e));
		at += sizeof(e);
		if (e.size > end - at || (e.fd != 1 && e.fd != 2))
			break;
		progress_end(s);
		if (s->opt->mark_stdio && !e.goes_on)
			dprintf(e.fd, "[rr %d %llu]", p->group->rec_tgid,
				(unsigned long long)p->last_event);
		write_full(e.fd, (const char *)s->agent.echo + at, e.size);
		at += min_u64(AGENT_ALIGN(e.size), end - at);
	}
	s->agent.state->echo = 0;
}

void calls_settle(struct session *s, struct ptask *p)
{
	if (s->common->in_agent != p)
		return;
	p->calls_pos = s->agent.state->pos;
	p->calls_like = s->agent.state->last;
	if (s->agent.state->may_call)
		p->t.mm->brk = s->agent.state->brk;
	s->agent.state->may_call = false;
	drain_echo(s, p);
}

bool calls_reports(struct session *s, struct ptask *p)
{
	return !task_regs(&p->t) && p->t.regs.u.rip == s->agent.header->reporting;
}

/* A mapping of memory or of a kept file, as mmap was asked for it. */
static int remake_mmap(struct session *s, struct ptask *p, const struct abi_call *call,
		       uint32_t file)
{
	const struct trace_mapping m = {
		.start = (raddr_t)call->ret,
		.end = (raddr_t)call->ret + page_ceil(call->arg[1]),
		.prot = (int)call->arg[2],
		.flags = (int)(call->arg[3] & (MAP_PRIVATE | MAP_NORESERVE | MAP_STACK)),
		.source = file ? MAP_FROM_FILE : MAP_FROM_ZERO,
		.file = file,
		.offset = file ? call->arg[5] : 0,
		.name = "",
	};

	if (is_error(call->ret))
		return 0;
	if (m.start >= m.end || page_floor(m.start) != m.start || page_floor(m.offset) != m.offset)
		return bad_trace(s, "a mapping at %#llx", (unsigned long long)m.start);
	return map_recorded(s, p, &m);
}

static int remake_arch_prctl(struct ptask *p, const struct abi_call *call)
{
	struct regs *r = task_regs_modify(&p->t);

	if (call->ret)
		return 0;
	if (call->arg[0] == ARCH_SET_FS)
		r->u.fs_base = call->arg[1];
	else
		r->u.gs_base = call->arg[1];
	return 0;
}

/* The task is in the agent, which waits for it. */
static int remake_call(struct session *s, struct ptask *p)
{
	const struct agent_state *a = s->agent.state;
	struct abi_call call = {.arch = ARCH_X86_64, .nr = (int)a->nr, .ret = a->result};
	const struct syscall_row *row = syscall_row(ARCH_X86_64, call.nr);

	memcpy(call.arg, a->arg, sizeof(call.arg));
	if (call.nr == __NR_arch_prctl)
		return remake_arch_prctl(p, &call);
	if (!row || !shapes_memory(row->class))
		return bad_trace(s, "a buffered call that cannot be made again");
	return row->class == SYS_MMAP ? remake_mmap(s, p, &call, (uint32_t)a->file)
				      : replay_memory_call(s, p, row, &call);
}

/*
 * A part of a file of the trace was read: its first bytes, as many as fit. If the agent may make
 * calls, it is given the file, and reads the rest itself. There can be any number of such files:
 * none is kept open here.
 */
static int read_part(struct session *s, struct ptask *p)
{
	struct agent_state *a = s->agent.state;
	const uint32_t file = (uint32_t)a->file;
	const struct agent_part part = a->part;
	uint64_t n = min_u64(part.size, AGENT_ECHO_SIZE);
	int fd = trace_reader_open_file(s->trace, file), ret = 0;

	if (fd < 0)
		return bad_trace(s, "saved file %u: %s", file, strerror(-fd));
	if (part.offset > INT64_MAX || pread_full(fd, s->agent.echo, n, part.offset) != (ssize_t)n)
		ret = bad_trace(s, "saved file %u has no %llu bytes at %llu", file,
				(unsigned long long)part.size, (unsigned long long)part.offset);
	a->result = (int64_t)n;
	if (!ret && s->agent.filtered)
		ret = give_file(s, p, file, fd);
	close(fd);
	return ret;
}

int calls_on_report(struct session *s, struct ptask *p)
{
	struct agent_state *a = s->agent.state;

	switch (a->report) {
	case REPORT_REMAKE:
		return remake_call(s, p);
	case REPORT_PART:
		return read_part(s, p);
	case REPORT_ECHO:
		return 0; /* drained when it stopped */
	case REPORT_FLUSH:
		return RUN_BUFFER_END;
	case REPORT_WRONG:
		return diverged(s, p, "it makes %s, which is not the call recorded",
				agent_call_name((int)a->nr));
	default:
		return diverged(s, p, "the agent reports %u, reason %llu", a->report,
				(unsigned long long)a->reason);
	}
}

int calls_verify_empty(struct session *s, struct ptask *p)
{
	if (p->calls_pos == p->calls.len)
		return 0;
	return diverged(s, p, "it makes fewer calls than were recorded");
}

bool calls_left(const struct ptask *p)
{
	return p->calls_last || p->calls_pos != p->calls.len;
}

int calls_finish(struct session *s, struct ptask *p)
{
	if (p->calls_pos == p->calls.len)
		return 0;
	if (!p->calls_last && s->common->in_agent == p)
		s->common->in_agent = NULL;
	p->calls_last = true;
	return run_to_buffer_end(s, p);
}

/* The agent trusts its records: they must lie in their buffer. */
static bool is_well_formed(const struct buf *b)
{
	struct agent_record last = {0};
	size_t at = 0;

	while (agent_next_record(b->data, b->len, &at, &last))
		;
	return at == b->len;
}

int replay_buffer(struct session *s, struct ptask *p)
{
	struct buf calls = BUF_INIT;
	int ret = 0;

	if (s->ev.n_writes == 1)
		buf_add(&calls, s->ev.writes[0].bytes.data, s->ev.writes[0].bytes.len);
	if (!calls.len || calls.len > AGENT_BUFFER_SIZE || !is_well_formed(&calls))
		ret = bad_trace(s, "a malformed buffer of calls");
	if (!ret && p->calls_more)
		ret = run_to_buffer_end(s, p);
	if (!ret)
		ret = calls_verify_empty(s, p);
	if (ret) {
		buf_release(&calls);
		return ret;
	}
	buf_release(&p->calls);
	p->calls = calls;
	p->calls_pos = 0;
	p->calls_more = s->ev.more;
	if (s->common->in_agent == p)
		s->common->in_agent = NULL;
	return 0;
}
