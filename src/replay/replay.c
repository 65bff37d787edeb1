/*
 * The replay's main loop: read an event, find its task, replay it.
 */
#include "replay/replay.h"

#include "base/clock.h"
#include "base/log.h"
#include "image/image.h"
#include "replay/session.h"

#include <asm/prctl.h>
#include <cpuid.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

typedef int (*replay_fn)(struct session *s, struct ptask *p);

static const replay_fn replay_fns[N_EVENT_TYPES] = {
	[EV_EXEC] = replay_exec,
	[EV_SYSCALL] = replay_syscall,
	[EV_SYSCALL_ENTRY] = replay_syscall_entry,
	[EV_SYSCALL_EXIT] = replay_syscall_exit,
	[EV_CLONE] = replay_clone,
	[EV_SIGNAL] = replay_signal,
	[EV_INSN] = replay_insn,
	[EV_EXIT] = replay_exit,
	[EV_SCHED] = replay_sched,
	[EV_BUFFER] = replay_buffer,
};

struct ptask *session_task(struct session *s)
{
	pid_t tid = s->ev.type == EV_EXEC && s->ev.former_tid ? s->ev.former_tid : s->ev.tid;

	return ptask_find(s, tid);
}

static void print_event(struct session *s)
{
	const struct trace_event *ev = &s->ev;
	const bool is_call = ev->type == EV_SYSCALL || ev->type == EV_SYSCALL_ENTRY ||
			     ev->type == EV_SYSCALL_EXIT;

	if (s->opt->trace_from && ev->number >= s->opt->trace_from)
		error("event %" PRIu64 ": task %d, %s%s%s", ev->number, ev->tid,
		      event_name(ev->type), is_call ? " " : "",
		      is_call ? syscall_name(ev->arch, ev->syscall) : "");
	if (s->opt->stats_interval && s->ev.number % s->opt->stats_interval == 0)
		error("event %" PRIu64 " of %" PRIu64 ", %zu tasks", s->ev.number, s->n_events,
		      s->tasks.count);
}

int session_next(struct session *s)
{
	int ret = trace_reader_next(s->trace, &s->ev);

	return ret < 0 ? REPLAY_BAD_TRACE : ret;
}

int session_replay_event(struct session *s)
{
	struct ptask *p;
	int ret;

	if (!s->tasks.count && s->ev.number == 1 && (ret = start_first_task(s, s->ev.tid)))
		return ret;
	p = session_task(s);
	if (!p || p->dead)
		return bad_trace(s, "task %d is not there", s->ev.tid);
	if (!p->last_event && s->ev.type != EV_EXEC)
		return bad_trace(s, "task %d has no program", s->ev.tid);
	if (!replay_fns[s->ev.type])
		return bad_trace(s, "an event of type %d", s->ev.type);
	print_event(s);
	if (s->ev.type == EV_EXIT)
		return replay_exit(s, p); /* frees the task */
	ret = replay_fns[s->ev.type](s, p);
	if (!ret && s->ev.memory_checksum)
		ret = verify_memory(s, p);
	if (!ret)
		p->last_event = s->ev.number;
	return ret;
}

static int replay_loop(struct session *s)
{
	for (;;) {
		int ret = session_next(s);

		if (ret <= 0)
			return ret;
		if (s->opt->goto_event && s->ev.number >= s->opt->goto_event) {
			s->finished = true;
			return 0;
		}
		progress_update(s);
		ret = session_replay_event(s);
		if (ret)
			return ret;
	}
}

#define STATUS_UNKNOWN	  (-1) /* the trace does not say */
#define STATUS_UNREADABLE (-2) /* it is damaged, which was said */

/* How the first process ended, from the task records. */
int session_exit_status(struct session *s)
{
	struct trace_task task;
	int status = STATUS_UNKNOWN, ret;
	pid_t root = 0;

	trace_reader_rewind_tasks(s->trace);
	while ((ret = trace_reader_next_task(s->trace, &task)) == 1) {
		if (task.kind == TASK_START)
			root = task.tid;
		else if (task.kind == TASK_EXIT && task.tid == root)
			status = task.exit_status;
	}
	return ret < 0 ? STATUS_UNREADABLE : status;
}

/* Without faulting, cpuid answers for the machine it runs on: features decide which code libraries
 * choose. */
static void check_cpu(const struct session *s)
{
	for (size_t i = 0; !s->info->cpuid_faulting && i < s->info->n_cpuid; i++) {
		const struct trace_cpuid *c = &s->info->cpuid[i];
		uint32_t a, b, ecx, d;

		if (c->subleaf || (c->leaf != 1 && c->leaf != 7))
			continue;
		__cpuid_count(c->leaf, 0, a, b, ecx, d);
		/* Leaf 1's ebx holds the core's number, and a bit of ecx whether XSAVE is on. */
		if (a != c->eax || ecx != c->ecx || d != c->edx || (c->leaf == 7 && b != c->ebx)) {
			warn("the trace was recorded on another kind of CPU without CPUID faulting: "
			     "the replay may diverge");
			return;
		}
	}
}

static int exit_status_of(struct session *s, int ret, int *fatal_signal)
{
	int status;

	if (ret == REPLAY_DIVERGED)
		return REPLAY_STATUS_DIVERGED;
	if (ret == REPLAY_BAD_TRACE)
		return REPLAY_STATUS_BAD_TRACE;
	if (ret)
		return 1;
	if (s->finished)
		return 0;
	status = session_exit_status(s);
	if (status == STATUS_UNREADABLE)
		return REPLAY_STATUS_BAD_TRACE;
	if (status < 0 || trace_reader_incomplete(s->trace)) {
		error("the recording ends at event %" PRIu64 ", before the program did",
		      trace_reader_last_event(s->trace));
		return REPLAY_STATUS_BAD_TRACE;
	}
	if (WIFSIGNALED(status))
		*fatal_signal = WTERMSIG(status);
	return WIFSIGNALED(status) ? 128 + *fatal_signal : WEXITSTATUS(status);
}

static void common_release(struct session_common *c)
{
	map_for_each (&c->files, f)
		close(f->value);
	map_release(&c->files);
	map_for_each (&c->images, slot)
		image_free((struct image *)(uintptr_t)slot->value);
	map_release(&c->images);
	map_for_each (&c->names, slot)
		free((char *)(uintptr_t)slot->value);
	map_release(&c->names);
	free(c);
}

void session_close(struct session *s)
{
	kill_tasks(s);
	map_for_each (&s->shared, f)
		close(f->value);
	map_release(&s->shared);
	map_release(&s->tasks);
	if (--s->common->users)
		return;
	common_release(s->common);
	agent_close(&s->agent);
	if (s->stub_fd >= 0)
		close(s->stub_fd);
	trace_reader_close(s->trace);
}

/* What was asked for, and what this machine must have for the trace. */
static int check_session(struct session *s)
{
	struct buf why = BUF_INIT;
	int ret = 0;

	if (s->opt->goto_event > s->n_events) {
		error("there is no event %" PRIu64 ": the recording ends with %" PRIu64,
		      s->opt->goto_event, s->n_events);
		return REPLAY_FAILED;
	}
	s->soft = !strcmp(s->info->ticks, "soft");
	if (!s->soft && strcmp(s->info->ticks, "none")) {
		s->source = ticks_source_find(s->info->ticks, &why);
		if (!s->source) {
			error("the trace counts progress by \"%s\", which cannot be had here: %s",
			      s->info->ticks, buf_str(&why));
			ret = REPLAY_FAILED;
		}
	}
	if (!ret && s->info->cpuid_faulting && !task_have_cpuid_faulting()) {
		error("the trace needs CPUID faulting, which this machine does not have: replay "
		      "it where it was recorded");
		ret = REPLAY_FAILED;
	}
	buf_release(&why);
	return ret;
}

int session_open(struct session *s, const struct replay_options *opt)
{
	int ret;

	*s = (struct session){.opt = opt, .stub_fd = -1};
	if (trace_reader_open(&s->trace, opt->dir))
		return REPLAY_BAD_TRACE;
	s->common = xcalloc(1, sizeof(*s->common));
	s->common->users = 1;
	s->info = trace_reader_info(s->trace);
	s->n_events = trace_reader_last_event(s->trace);
	task_pin(session_cpu(s));
	s->stub_fd = stub_create();
	ret = s->stub_fd < 0 ? s->stub_fd : agent_open(&s->agent, AGENT_REPLAYS);
	s->ticks.page = s->agent.page;
	if (ret)
		ret = failed(s, ret, "no memory file");
	else
		ret = check_session(s);
	if (ret)
		session_close(s);
	else
		check_cpu(s);
	return ret;
}

int replay_all(const struct replay_options *opt, int *fatal_signal)
{
	struct sigaction sigchld;
	struct session s;
	int ret, status;

	*fatal_signal = 0;
	ret = session_open(&s, opt);
	if (ret)
		return exit_status_of(NULL, ret, fatal_signal);
	task_tracer_init(&sigchld);
	signal(SIGPIPE, SIG_IGN);
	clock_trap_tsc(true);
	ret = replay_loop(&s);
	progress_end(&s);
	clock_trap_tsc(false);
	status = exit_status_of(&s, ret, fatal_signal);
	session_close(&s);
	return status;
}
