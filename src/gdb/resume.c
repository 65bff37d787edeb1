/*
 * Moving, and saying why it stopped (gdb's manual, "Stop Reply Packets").
 *
 * Who runs when is recorded: of what vCont says of single threads, only which one is to be stepped
 * matters, and in which direction.
 */
#include "abi/signal.h"
#include "base/log.h"
#include "gdb/session.h"

#include <signal.h>
#include <sys/wait.h>

#define GDB_SIGNAL_TRAP	   5
#define GDB_SIGNAL_INT	   2
#define GDB_SIGNAL_UNKNOWN 143

static const uint8_t gdb_signals[] = {
#define GDB_SIGNAL(host, gdb) [host] = gdb,
#include "gdb/signals.def"
#undef GDB_SIGNAL
};

int gdb_signal(int signo)
{
	if (signo > 32 && signo < 64)
		return signo + 12;
	if (signo == 32 || signo == 64)
		return signo == 32 ? 77 : 78;
	if (signo > 0 && signo < (int)ARRAY_SIZE(gdb_signals) && gdb_signals[signo])
		return gdb_signals[signo];
	return GDB_SIGNAL_UNKNOWN;
}

int host_signal(int number)
{
	for (int signo = 1; signo <= 64; signo++)
		if (gdb_signal(signo) == number && number != GDB_SIGNAL_UNKNOWN)
			return signo;
	return 0;
}

/* --- stop replies --- */

static void add_registers(struct server *s, pid_t tid)
{
	static const unsigned wanted[] = {GDB_RBP, GDB_RSP, GDB_RIP};
	struct register_values values = {.xsave = BUF_INIT};
	uint8_t value[REGISTER_SIZE_MAX];

	if (read_registers(s, tid, false, &values))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		register_read(s->registers, wanted[i], &values, value);
		buf_addf(&s->reply, "%02x:", wanted[i]);
		hex_add(&s->reply, value, s->registers->v[wanted[i]].size);
		buf_addch(&s->reply, ';');
	}
}

static void add_child(struct server *s, const char *what)
{
	buf_addf(&s->reply, "%s:", what);
	add_thread_id(s, s->stop.child, s->stop.child);
	buf_addch(&s->reply, ';');
}

static void add_exec(struct server *s)
{
	struct timeline_task task;

	if (timeline_task(s->tl, s->stop.tid, &task))
		return;
	buf_addstr(&s->reply, "exec:");
	hex_add(&s->reply, task.exe, strlen(task.exe));
	buf_addch(&s->reply, ';');
}

static void add_break(struct server *s)
{
	static const char *const names[] = {"swbreak", "hwbreak", "watch", "rwatch", "awatch"};
	int type = break_type(s, s->stop.id);

	if (type < 0 || (type == 0 && !s->swbreak) || (type == 1 && !s->hwbreak))
		return;
	buf_addf(&s->reply, "%s:", names[type]);
	if (type >= 2)
		buf_addf(&s->reply, "%llx", (unsigned long long)s->stop.addr);
	buf_addch(&s->reply, ';');
}

/* What is special about the stop. */
static void add_reason(struct server *s)
{
	switch (s->stop.reason) {
	case TIMELINE_STOP_BREAK:
	case TIMELINE_STOP_WATCH:
		add_break(s);
		break;
	case TIMELINE_STOP_SYSCALL_ENTRY:
		buf_addf(&s->reply, "syscall_entry:%x;", s->stop.syscall);
		break;
	case TIMELINE_STOP_SYSCALL_RETURN:
		buf_addf(&s->reply, "syscall_return:%x;", s->stop.syscall);
		break;
	case TIMELINE_STOP_FORK:
	case TIMELINE_STOP_VFORK:
		add_child(s, "fork");
		break;
	case TIMELINE_STOP_EXEC:
		add_exec(s);
		break;
	case TIMELINE_STOP_START:
		buf_addstr(&s->reply, "replaylog:begin;");
		break;
	case TIMELINE_STOP_END:
		buf_addstr(&s->reply, "replaylog:end;");
		break;
	default:
		break;
	}
}

static int reported_signal(const struct server *s)
{
	if (s->arrived)
		return 0;
	if (s->stop.reason == TIMELINE_STOP_SIGNAL)
		return gdb_signal(s->stop.signo);
	return s->stop.reason == TIMELINE_STOP_INTERRUPTED ? GDB_SIGNAL_INT : GDB_SIGNAL_TRAP;
}

static void add_exit(struct server *s, pid_t pid)
{
	int status = s->stop.status;

	if (WIFSIGNALED(status))
		buf_addf(&s->reply, "X%02x", gdb_signal(WTERMSIG(status)));
	else
		buf_addf(&s->reply, "W%02x", WEXITSTATUS(status));
	if (s->multiprocess)
		buf_addf(&s->reply, ";process:%x", pid);
}

void add_stop_reply(struct server *s)
{
	pid_t tid = s->stop.tid;

	if (s->stop.reason == TIMELINE_STOP_EXIT) {
		add_exit(s, tid);
		return;
	}
	if (!is_attached(s, process_of(s, tid)))
		tid = chosen_thread(s);
	if (s->stop.reason == TIMELINE_STOP_FAILED || !tid) {
		buf_addstr(&s->reply, "X09");
		s->finished = true;
		return;
	}
	s->general = tid;
	buf_addf(&s->reply, "T%02x", reported_signal(s));
	add_reason(s);
	buf_addstr(&s->reply, "thread:");
	add_thread_id(s, process_of(s, tid), tid);
	buf_addch(&s->reply, ';');
	add_registers(s, tid);
}

void handle_why(struct server *s, struct scan args)
{
	add_stop_reply(s);
}

/* --- moving --- */

#define NEAR 64

/* A process has just ended, or was just not born yet: where it is there, within a few events. */
static void move_until_exists(struct server *s, pid_t pid, bool backward)
{
	event_t event = timeline_event(s->tl);

	for (event_t n = 1; n < NEAR && !process_of(s, pid); n++)
		if ((backward && n >= event) ||
		    timeline_seek_event(s->tl, backward ? event - n : event + n, NULL))
			break;
}

static void tell_end(struct server *s, const char *whose, int status)
{
	if (status < 0)
		tell_user(s, "[the recording ends here, before the program did]\n");
	else if (WIFSIGNALED(status))
		tell_user(s, "[the %s is killed by %s here]\n", whose,
			  signal_name(WTERMSIG(status)));
	else
		tell_user(s, "[the %s exits with status %d here]\n", whose, WEXITSTATUS(status));
}

/*
 * The last process that the client sees has ended. It could not go back if it were told so: it is
 * shown the process as it was before the end, and that nothing follows.
 */
static void stay_before_exit(struct server *s)
{
	pid_t pid = s->stop.tid;

	move_until_exists(s, pid, true);
	s->stop.reason = TIMELINE_STOP_END;
	tell_end(s, "process", s->stop.status);
}

/* Backwards, the child of a fork is gone: whether that is news. */
static bool before_birth(struct server *s)
{
	if (!is_attached(s, s->stop.child))
		return false;
	if (s->n_attached > 1) {
		detach(s, s->stop.child);
		return false;
	}
	move_until_exists(s, s->stop.child, false);
	s->stop.reason = TIMELINE_STOP_START;
	s->stop.tid = s->stop.child;
	return true;
}

/* Whether the stop is one that the client has to know of, which may change it. */
static bool matters(struct server *s, bool backward)
{
	bool ours = is_attached(s, process_of(s, s->stop.tid));

	switch (s->stop.reason) {
	case TIMELINE_STOP_FORK:
	case TIMELINE_STOP_VFORK:
		if (backward)
			return before_birth(s);
		if (!ours || !s->fork_events)
			return false;
		attach(s, s->stop.child);
		return true;
	case TIMELINE_STOP_EXEC:
		return ours && !backward && s->exec_events;
	case TIMELINE_STOP_EXIT:
		if (backward || !is_attached(s, s->stop.tid))
			return false;
		if (s->n_attached == 1)
			stay_before_exit(s);
		else
			detach(s, s->stop.tid);
		return true;
	case TIMELINE_STOP_SIGNAL:
	case TIMELINE_STOP_SYSCALL_ENTRY:
	case TIMELINE_STOP_SYSCALL_RETURN:
		return ours;
	case TIMELINE_STOP_CLONE:
	case TIMELINE_STOP_THREAD_EXIT:
		return false;
	case TIMELINE_STOP_END:
		tell_end(s, "first process", s->stop.status);
		return true;
	default:
		return true;
	}
}

/* If what was changed was not for a call, it ends here. */
static void leave_diversion(struct server *s, bool backward)
{
	if (!backward && call_in_progress(s))
		return;
	if (end_changes(s))
		tell_user(s, "[the changes were made in a copy, which is gone: a recording cannot "
			     "be changed]\n");
}

/* What was changed has led to the end of the program. */
static void stay_at_end_of_copy(struct server *s)
{
	s->stop = (struct timeline_stop){.reason = TIMELINE_STOP_END, .tid = s->diverted_tid};
	tell_user(s, "[the program has ended in the copy with the changes; `reverse-stepi` leads "
		     "back to the recording]\n");
}

static void move(struct server *s, const struct timeline_run *run)
{
	leave_diversion(s, run->backward);
	if (s->arrived) {
		if (s->lost)
			tell_user(s,
				  "[there is no such event, checkpoint, tick or stop: nothing has "
				  "moved]\n");
		add_stop_reply(s);
		s->arrived = false;
		return;
	}
	do {
		int ret = timeline_run(s->tl, run, &s->stop);

		if (ret == -ESRCH && timeline_diverted(s->tl)) {
			stay_at_end_of_copy(s);
			break;
		}
		if (ret) {
			reply_error(s, ret);
			return;
		}
	} while (!s->vanished && !matters(s, run->backward));
	add_stop_reply(s);
}

static pid_t stepped_thread(struct server *s)
{
	return s->stepping ? s->stepping : chosen_thread(s);
}

/* One action of vCont: whether it was understood; a step is put into `run`. */
static bool scan_action(struct server *s, struct scan *args, struct timeline_run *run)
{
	struct timeline_run wanted = {.mode = TIMELINE_CONTINUE};
	int64_t pid = 0, tid = -1;

	if (scan_if(args, 'S') || scan_if(args, 'C')) {
		if (args->p[-1] == 'S')
			wanted.mode = TIMELINE_STEP;
		scan_hex(args); /* the signals that come are recorded */
	} else if (scan_if(args, 's')) {
		wanted.mode = TIMELINE_STEP;
	} else if (scan_if(args, 'r')) {
		wanted.mode = TIMELINE_RANGE;
		wanted.start = scan_hex(args);
		scan_char(args, ',');
		wanted.end = scan_hex(args);
	} else if (!scan_if(args, 'c') && !scan_if(args, 't')) {
		return false;
	}
	if (scan_if(args, ':'))
		scan_thread_id(args, &pid, &tid);
	if (args->failed || (scan_left(args) && *args->p != ';'))
		return false;
	if (wanted.mode != TIMELINE_CONTINUE && run->mode == TIMELINE_CONTINUE) {
		wanted.tid = tid > 0 ? (pid_t)tid : stepped_thread(s);
		*run = wanted;
	}
	return true;
}

void handle_resume_actions(struct server *s, struct scan args)
{
	buf_addstr(&s->reply, "vCont;c;C;s;S;r;t");
}

void handle_resume(struct server *s, struct scan args)
{
	struct timeline_run run = {.mode = TIMELINE_CONTINUE};
	bool understood = scan_left(&args) > 0;

	while (understood && scan_if(&args, ';'))
		understood = scan_action(s, &args, &run);
	if (understood && scan_at_end(&args))
		move(s, &run);
	else
		reply_error(s, EINVAL);
}

static void move_simply(struct server *s, enum timeline_run_mode mode, bool backward)
{
	const struct timeline_run run = {
		.mode = mode,
		.backward = backward,
		.tid = mode == TIMELINE_STEP ? stepped_thread(s) : 0,
	};

	move(s, &run);
}

void handle_continue(struct server *s, struct scan args)
{
	move_simply(s, TIMELINE_CONTINUE, false);
}

void handle_step(struct server *s, struct scan args)
{
	move_simply(s, TIMELINE_STEP, false);
}

void handle_reverse_continue(struct server *s, struct scan args)
{
	move_simply(s, TIMELINE_CONTINUE, true);
}

void handle_reverse_step(struct server *s, struct scan args)
{
	move_simply(s, TIMELINE_STEP, true);
}

/* --- starting again --- */

/*
 * The words of `run` (vRun;FILE;WORD...), of which the first says where to. gdb has given up the
 * process already and would be left without one, if that were an error.
 */
void handle_restart(struct server *s, struct scan args)
{
	struct buf where = BUF_INIT;
	const char *word;
	size_t n;

	scan_char(&args, ';');
	scan_until(&args, ';', &n);
	word = scan_until(&args, ';', &n);
	if (args.failed || hex_decode(&where, word, n) < 0) {
		reply_error(s, EINVAL);
		goto out;
	}
	end_changes(s);
	inserted_release(s, 0);
	s->arrived = false;
	s->lost = go_to(s, buf_str(&where)) != 0;
	if (s->lost)
		s->stop = (struct timeline_stop){.reason = TIMELINE_STOP_STEP,
						 .tid = timeline_current(s->tl)};
	s->n_attached = 0;
	attach(s, process_of(s, s->first_pid) ? s->first_pid : process_of(s, s->stop.tid));
	add_stop_reply(s);
	s->arrived = *buf_str(&where); /* gdb lets it go on at once */
out:
	buf_release(&where);
}

/* R: start again, and no answer. */
void handle_old_restart(struct server *s, struct scan args)
{
	end_changes(s);
	go_to(s, "");
	s->no_reply = true;
}
