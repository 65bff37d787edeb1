/*
 * The recorder's main loop: pick a task, let it run to its next stop, handle the stop, until it
 * waits, ends, or has had its slice.
 *
 * At most one task runs user code. A task let go into a system call that may wait is watched for a
 * moment; if it does not come back and another could run, it is set aside as blocked (and only then
 * is the entry of its call an event of its own). A timer's tick ends our own waiting for a call
 * that was believed not to wait, unless it shapes memory.
 */
#include "record/record.h"

#include "base/clock.h"
#include "base/log.h"
#include "record/session.h"
#include "record/start.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define TICK_USEC     25000
#define TERM_GRACE_NS 5000000000ULL
#define POLL_EVERY    8 /* stops of the running task between two looks at the others */

static volatile sig_atomic_t term_signal;
static volatile unsigned int *beats;

void record_options_init(struct record_options *opt)
{
	*opt = (struct record_options){.print_trace_dir_fd = -1, .bind_cpu = -1, .ticks = "soft"};
}

/* --- signals to rr itself --- */

static void on_term(int signo)
{
	term_signal = signo;
}

static void on_nothing(int signo)
{
}

static void on_alarm(int signo)
{
	++*beats;
}

static void install(int signo, void (*fn)(int))
{
	struct sigaction sa = {.sa_handler = fn}, old;

	/* No SA_RESTART: waitpid() must return. What our parent ignores stays ignored. */
	sigaction(signo, NULL, &old);
	if (old.sa_handler != SIG_IGN)
		sigaction(signo, &sa, NULL);
}

static void install_handlers(struct recorder *rec)
{
	const struct sigaction alarm_action = {.sa_handler = on_alarm};
	struct itimerval tick = {{0, TICK_USEC}, {0, TICK_USEC}};

	install(SIGTERM, on_term);
	install(SIGHUP, on_term);
	install(SIGINT, on_nothing);
	install(SIGQUIT, on_nothing);
	install(SIGPIPE, on_nothing);
	install(SIGXFSZ, on_nothing);
	/* Ours alone: the first tracee was started with what our parent had set. */
	beats = &rec->beats;
	sigaction(SIGALRM, &alarm_action, NULL);
	setitimer(ITIMER_REAL, &tick, NULL);
}

static void signal_all(struct recorder *rec, int signo)
{
	map_for_each (&rec->tasks, s) {
		struct rtask *t = (struct rtask *)(uintptr_t)s->value;

		if (t->t.tid == t->t.tgid || signo == SIGKILL)
			kill(t->t.tgid, signo);
	}
}

/* SIGTERM goes to the tracees; what is left of them after the grace is killed. */
static void check_term(struct recorder *rec)
{
	if (term_signal) {
		signal_all(rec, term_signal);
		term_signal = 0;
		if (!rec->term_deadline)
			rec->term_deadline = clock_now_ns() + TERM_GRACE_NS;
	}
	if (rec->term_deadline && clock_now_ns() > rec->term_deadline)
		signal_all(rec, SIGKILL);
}

/* --- stops of tasks that are not the running one --- */

/* An execve by a thread that was not the leader: it has the leader's tid now (ptrace(2)). */
static struct rtask *rename_exec(struct recorder *rec, pid_t leader)
{
	struct task probe = {.tid = leader};
	struct rtask *old = rtask_find(rec, leader), *t;
	unsigned long former;

	if (task_event_message(&probe, &former) || (pid_t)former == leader)
		return old;
	t = rtask_find(rec, former);
	if (!t)
		BUG("task %lu, unknown, became task %d by execve", former, leader);
	if (old)
		rtask_free(rec, old);
	map_del(&rec->tasks, former);
	t->former_tid = former;
	t->t.tid = leader;
	map_set_ptr(&rec->tasks, leader, t);
	attach_note_renamed(rec, t);
	return t;
}

/* Give a stop to its task; NULL for a task that is not known yet. */
static struct rtask *deliver_stop(struct recorder *rec, pid_t tid, const struct stop *stop)
{
	struct rtask *t;

	if (stop->kind == STOP_EVENT && stop->event == PTRACE_EVENT_EXEC)
		t = rename_exec(rec, tid);
	else
		t = rtask_find(rec, tid);
	if (!t) {
		if (stop->kind != STOP_EXITED)
			map_set(&rec->orphans, tid, (uint32_t)stop->status);
		else
			map_del(&rec->orphans, tid);
		return NULL;
	}
	rtask_note_stop(rec, t, stop);
	return t;
}

void collect_stops(struct recorder *rec)
{
	struct stop stop;
	pid_t tid;

	while ((tid = task_wait_any(false, &stop)) > 0)
		deliver_stop(rec, tid, &stop);
}

/* --- the running task --- */

bool interrupted_wait(struct recorder *rec, int ret)
{
	if (ret != -EINTR)
		return false;
	check_term(rec);
	buffer_grow_old(rec);
	trace_writer_flush(rec->trace); /* a long wait: a kill -9 should lose nothing */
	return true;
}

/* Others go on while this one waits in the kernel. */
static bool set_aside(struct recorder *rec, struct rtask *t)
{
	log_entry(rec, t);
	t->state = RUN_BLOCKED;
	rec->current = NULL;
	return false;
}

/*
 * A SIGKILL from a sibling's exit_group can make a task leave the stop that we were about to
 * handle: it is gone from user code then, and a leader is not even reported before its threads are
 * buried.
 */
static bool vanished(struct rtask *t)
{
	char c = task_state(t->t.tid);

	return c == 'Z' || c == 'X';
}

/*
 * Others must not run before it is over: a fork copies memory that they write, and what one thread
 * unmaps another could be given, at the same address, before that is written to the trace. None of
 * these waits for a tracee; filling a new mapping may (whose file system is a tracee), and so does
 * a vfork, once the child is there.
 */
static bool shapes_memory(const struct rtask *t)
{
	if (!t->row || t->may_block)
		return false;
	switch (t->row->class) {
	case SYS_CLONE:
	case SYS_MEM:
	case SYS_MREMAP:
	case SYS_BRK:
	case SYS_SHMDT:
		return true;
	case SYS_MMAP:
		return !(t->call.arg[3] & MAP_POPULATE);
	default:
		return false;
	}
}

/*
 * Wait for the running task's next stop while taking in those of all others: true if it stopped,
 * false if it was set aside, which only a task in the kernel can be. Output to our stdout is not
 * overtaken by others': its order is the order of events.
 */
static bool wait_among_all(struct recorder *rec, struct rtask *t, bool in_kernel)
{
	const bool may_leave = in_kernel && !t->echo_fd && !shapes_memory(t);

	collect_stops(rec);
	while (!t->stop_pending) {
		struct stop stop;
		pid_t tid;

		if (!in_kernel)
			hurry(rec, t);
		if (t->stop_pending)
			return true;
		if (may_leave && sched_others_ready(&rec->sched))
			return futex_settle(t) || set_aside(rec, t);
		tid = task_wait_any(true, &stop);
		if (tid > 0) {
			deliver_stop(rec, tid, &stop);
		} else if (!interrupted_wait(rec, tid) || vanished(t)) {
			t->state = RUN_EXITING;
			rec->current = NULL;
			return false;
		}
	}
	return true;
}

/* In a call that may wait. On one core, one that need not is over when we get the core back. */
static bool wait_in_call(struct recorder *rec, struct rtask *t)
{
	if (task_poll(&t->t) == 1)
		return true;
	sched_yield();
	if (task_poll(&t->t) == 1)
		return true;
	return wait_among_all(rec, t, true);
}

/* Wait for the next stop of the task that was just resumed; false if it was set aside. */
static bool wait_current(struct recorder *rec, struct rtask *t, bool in_kernel)
{
	int ret;

	if (in_kernel && t->may_block)
		return wait_in_call(rec, t);
	do {
		ret = task_wait(&t->t);
		if (!ret)
			return true;
		if (ret != -ECHILD && !interrupted_wait(rec, ret))
			BUG("waiting for task %d: %s", t->t.tid, strerror(-ret));
		if (!in_kernel)
			hurry(rec, t);
		if (t->stop_pending)
			return true;
	} while (ret == -EINTR && rec->n_live == 1);
	return wait_among_all(rec, t, in_kernel);
}

/*
 * `by_time`: not at every event. A task that has signals to handle each time it is let run, since
 * others took longer than its timer's period, would come to nothing else.
 */
static bool must_give_way(struct recorder *rec, const struct rtask *t, bool by_time)
{
	if (rec->opt->switch_at_every_event && !by_time)
		return sched_others_ready(&rec->sched);
	if (rec->opt->max_ticks && t->slice_left <= 0)
		return sched_others_ready(&rec->sched);
	return sched_slice_over(&rec->sched, rec->now);
}

/* The agent's calls for us end at a filter's stop: one that is not buffered would show its exit as
 * if it were the program's. True if the task was killed meanwhile, and has stopped for that. */
static bool resume(struct rtask *t, int how, int signo)
{
	if (how == PTRACE_SYSCALL && task_leave_call(&t->t) > 0)
		return true;
	task_resume(&t->t, how, signo);
	return false;
}

/* Let it run to its next stop: false if it was set aside meanwhile. */
static bool run_to_stop(struct recorder *rec, struct rtask *t, enum next next)
{
	bool stopped = false;
	int signo;

	t->in_middle = next == NEXT_USER || next == NEXT_MIDDLE;
	if (t->in_middle)
		tsc_settle(rec, t);
	signo = t->resume_signo;
	t->resume_signo = 0;
	if (next != NEXT_DYING) {
		grant_ticks(rec, t);
		if (t->in_middle && t->counter)
			stopped = ticks_resume(t->counter, PTRACE_SYSCALL, signo) == 1;
		else
			stopped = resume(t, buffer_resume(rec, t, next), signo);
	}
	if (!stopped)
		stopped = wait_current(rec, t, next == NEXT_KERNEL);
	if (stopped) {
		settle_ticks(rec, t);
		buffer_settle(rec, t);
	}
	return stopped;
}

static void give_up_core(struct recorder *rec, struct rtask *t)
{
	rec->current = NULL;
	sched_ready(&rec->sched, &t->se);
}

/* A sibling's execve is about to kill it: nobody could tell how far it came. */
static bool must_not_run(const struct rtask *t, enum next next)
{
	const struct rtask *execing = t->process->execing;

	return execing && execing != t && (next == NEXT_USER || next == NEXT_MIDDLE);
}

/* Compared to ours: a recording that is nice as a whole does not switch more often. */
static int relative_nice(const struct rtask *t)
{
	return getpriority(PRIO_PROCESS, t->t.tid) - getpriority(PRIO_PROCESS, 0);
}

/* Run one task until it gives up the core. */
static void run_task(struct recorder *rec, struct rtask *t)
{
	unsigned int stops = 0;
	bool fresh = true, by_time = false;

	rec->current = t;
	t->state = RUN_READY;
	t->held = false;
	sched_begin(&rec->sched, relative_nice(t), clock_now_ns());
	begin_slice(rec, t);
	/* While it was queued, a SIGKILL may have taken it from its stop to the next. */
	if (task_poll(&t->t) == 1)
		t->stop_pending = true;
	while (!rec->error) {
		enum next next = NEXT_USER;
		bool had_stop = t->stop_pending;

		t->stop_pending = false;
		if (had_stop)
			next = handle_stop(rec, t);
		if (next == NEXT_STAY || rec->error)
			break;
		if (next == NEXT_AGAIN) {
			t->stop_pending = true;
			continue;
		}
		if (next == NEXT_YIELD) {
			give_up_core(rec, t);
			return;
		}
		if (rec->n_live > 1 && ++stops % POLL_EVERY == 0)
			collect_stops(rec);
		/* Not with a signal in hand: what it does was decided, and others could change
		 * that. */
		if (next == NEXT_USER && had_stop && !t->resume_signo &&
		    must_give_way(rec, t, by_time)) {
			give_up_core(rec, t);
			return;
		}
		/* Signals came while others ran: they are due before anything else. */
		if (next == NEXT_USER && fresh && !t->stop_pending) {
			signals_note_boundary(t);
			by_time = t->boundary;
		}
		fresh = false;
		if (!t->stop_pending && must_not_run(t, next)) {
			t->held = true;
			rec->current = NULL;
			return;
		}
		if (!t->stop_pending && !run_to_stop(rec, t, next))
			return;
		t->stop_pending = true;
	}
	/* It may be freed by now; then it is not the current one. */
	if (rec->current == t && t->stop_pending)
		sched_ready(&rec->sched, &t->se);
	rec->current = NULL;
}

static struct rtask *next_task(struct recorder *rec)
{
	for (;;) {
		struct sched_entity *e = sched_pick(&rec->sched);
		struct stop stop;
		pid_t tid;

		if (e)
			return container_of(e, struct rtask, se);
		tid = task_wait_any(true, &stop);
		if (tid > 0)
			deliver_stop(rec, tid, &stop);
		else if (!interrupted_wait(rec, tid))
			return NULL; /* -ECHILD: nobody is left */
	}
}

static void record_loop(struct recorder *rec)
{
	while (!rec->error && rec->n_live) {
		struct rtask *t;

		if (rec->root_gone && !rec->opt->wait_for_all)
			break;
		t = next_task(rec);
		if (!t)
			break;
		run_task(rec, t);
	}
}

/* One that is dying already is not woken by a SIGKILL from a stop that nobody has handled. */
static void resume_all(struct recorder *rec)
{
	map_for_each (&rec->tasks, s) {
		struct rtask *t = (struct rtask *)(uintptr_t)s->value;

		task_resume(&t->t, PTRACE_CONT, 0);
	}
	map_for_each (&rec->orphans, s)
		kill((pid_t)s->key, SIGKILL);
}

/* Whoever is left does not outlive the recording, nor do those that only come into being. */
static void kill_rest(struct recorder *rec)
{
	struct stop stop;
	pid_t tid;

	signal_all(rec, SIGKILL);
	resume_all(rec);
	while ((tid = task_wait_any(true, &stop)) > 0 || tid == -EINTR) {
		struct task t = {.tid = tid};

		if (tid <= 0 || stop.kind == STOP_EXITED)
			continue;
		kill(tid, SIGKILL);
		task_resume(&t, PTRACE_CONT, 0);
	}
}

static void recorder_release(struct recorder *rec)
{
	while (rec->tasks.count) {
		map_for_each (&rec->tasks, s) {
			rtask_free(rec, (struct rtask *)(uintptr_t)s->value);
			break;
		}
	}
	mapped_files_release(rec);
	agent_close(&rec->agent);
	image_cache_close(rec->images);
	map_release(&rec->segments);
	map_release(&rec->procfs);
	map_release(&rec->tasks);
	map_release(&rec->orphans);
	buf_release(&rec->data);
	buf_release(&rec->fpregs);
}

int record_program(const struct record_options *opt, char *const *argv, int *fatal_signal)
{
	struct recorder rec = {.opt = opt};
	int status, ret;

	*fatal_signal = 0;
	if (getenv("RUNNING_UNDER_RR"))
		return error("this program is being recorded already: rr does not record itself"),
		       RECORD_STATUS_NOT_STARTED;
	sched_init(&rec.sched, opt->chaos, clock_now_ns());
	status = agent_open(&rec.agent, AGENT_RECORDS);
	rec.ticks.page = rec.agent.page;
	if (status)
		return error_ret(status, "no memory file for counting: %s", strerror(-status)),
		       RECORD_STATUS_NOT_STARTED;
	if (opt->buffer_kib && opt->buffer_kib < AGENT_BUFFER_SIZE / 1024)
		rec.agent.state->buffer_size = (uint32_t)opt->buffer_kib * 1024;
	tsc_clock_begin(&rec.agent.state->tsc);
	vdso_copy(&rec);
	image_cache_open(&rec.images);
	output_init(&rec);
	status = record_start(&rec, argv);
	if (status)
		return status;
	install_handlers(&rec);
	insns_calibrate(&rec);
	record_loop(&rec);
	kill_rest(&rec);
	clock_trap_tsc(false);
	ret = trace_writer_close(rec.trace);
	if (ret && !rec.error)
		rec.error = error_ret(ret, "the trace could not be finished: %s", strerror(-ret));
	recorder_release(&rec);
	if (rec.error)
		return 1;
	if (WIFSIGNALED(rec.root_status))
		*fatal_signal = WTERMSIG(rec.root_status);
	return WIFSIGNALED(rec.root_status) ? 128 + *fatal_signal : WEXITSTATUS(rec.root_status);
}
