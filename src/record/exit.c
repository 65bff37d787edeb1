/*
 * The end of a task. At PTRACE_EVENT_EXIT it is doomed but still has its memory: what the
 * kernel is about to write there for the threads that stay (the robust futexes that it holds,
 * its tid's address) is computed and written down, because afterwards nobody can be asked.
 */
#include "record/session.h"

#include "base/io.h"
#include "base/log.h"

#include <linux/futex.h>
#include <sched.h>
#include <stddef.h>

/* As many entries of a list as the kernel follows (kernel/futex/core.c). */
#define ROBUST_MAX 2048

static void add_robust_entry(struct event_builder *b, struct rtask *t, raddr_t futex)
{
	uint32_t word;

	if (mm_read(t->t.mm, futex, &word, sizeof(word)) ||
	    (word & FUTEX_TID_MASK) != (uint32_t)t->t.tid)
		return;
	word = (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
	event_add_bytes(b, t->t.tid, futex, &word, sizeof(word));
}

static void add_robust_list(struct event_builder *b, struct rtask *t)
{
	struct robust_list_head head;
	raddr_t entry;

	if (!t->robust_list || mm_read(t->t.mm, t->robust_list, &head, sizeof(head)))
		return;
	entry = (raddr_t)head.list.next & ~1ULL; /* bit 0 marks a PI futex */
	for (int i = 0; i < ROBUST_MAX && entry != t->robust_list; i++) {
		raddr_t next;

		if (mm_read(t->t.mm, entry, &next, sizeof(next)))
			return;
		if (entry != (raddr_t)head.list_op_pending)
			add_robust_entry(b, t, entry + head.futex_offset);
		entry = next & ~1ULL;
	}
	if (head.list_op_pending)
		add_robust_entry(b, t, ((raddr_t)head.list_op_pending & ~1ULL) + head.futex_offset);
}

static void log_task_exit(struct recorder *rec, struct rtask *t, int status)
{
	struct event_builder b;
	const uint32_t zero = 0;

	event_begin(&b, rec, t, EV_EXIT);
	b.ev.exit_status = status;
	b.ev.stops = t->t.n_stops;
	add_robust_list(&b, t);
	if (t->clear_tid && t->t.mm->refs > 1)
		event_add_bytes(&b, t->t.tid, t->clear_tid, &zero, sizeof(zero));
	event_end(&b, t);
	t->process->live--;
	t->exit_logged = true;
}

char task_state(pid_t tid)
{
	struct buf b = BUF_INIT;
	char path[64], state = 'X';
	const char *paren;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	if (!read_file(path, &b) && (paren = strrchr(buf_str(&b), ')')) && paren[1])
		state = paren[2];
	buf_release(&b);
	return state;
}

/* Whether the kernel is done with its memory, what it writes there at the end included: its size is
 * given as 0 then (proc(5), statm). */
static bool has_left_memory(pid_t tid)
{
	struct buf b = BUF_INIT;
	char path[64];
	bool left;

	snprintf(path, sizeof(path), "/proc/%d/statm", tid);
	left = read_file(path, &b) || !strncmp(buf_str(&b), "0 ", 2);
	buf_release(&b);
	return left;
}

/*
 * A leader whose threads live on becomes a zombie that waitpid() does not report yet. The others
 * must not run before the kernel has written its farewells.
 */
static void wait_for_zombie(struct recorder *rec, struct rtask *t)
{
	/* A thread's execve takes the leader's tid over: no zombie is left to be seen. */
	map_for_each (&rec->tasks, slot) {
		const struct rtask *o = (struct rtask *)(uintptr_t)slot->value;

		if (o->process == t->process && o->in_syscall && o->row &&
		    o->row->class == SYS_EXEC)
			return;
	}
	for (int i = 0; i < 100000; i++) {
		char c = task_state(t->t.tid);

		if (c == 'Z' || c == 'X')
			return;
		sched_yield();
	}
	warn("task %d does not finish exiting", t->t.tid);
}

enum next on_exit_event(struct recorder *rec, struct rtask *t)
{
	bool leader = t->t.tid == t->t.tgid;
	unsigned long status = 0;
	int ret;

	if (task_event_message(&t->t, &status))
		return NEXT_DYING;
	/* Killed in a call, by itself maybe: replay must know how far it ran. */
	if (t->in_syscall && !t->exit_logged)
		log_entry(rec, t);
	if (!t->exit_logged)
		log_task_exit(rec, t, status);
	t->state = RUN_EXITING;
	sched_remove(&t->se);
	if (task_resume(&t->t, PTRACE_CONT, 0))
		return NEXT_DYING;
	if (leader && t->process->live) {
		wait_for_zombie(rec, t);
		futex_settle_waiters(rec);
		return NEXT_STAY;
	}
	if (leader && t->process->refs > 1) {
		/* Others of the group have to be reaped first. */
		while (t->t.mm->refs > 1 && !has_left_memory(t->t.tid))
			sched_yield();
		return NEXT_STAY;
	}
	/* The init of a PID namespace waits in its exit for tasks that wait for us. */
	while ((ret = task_wait(&t->t)) == -EINTR) {
		interrupted_wait(rec, ret);
		collect_stops(rec);
		if (t->stop_pending) /* its own end was among them */
			return NEXT_AGAIN;
		if (sched_others_ready(&rec->sched) && has_left_memory(t->t.tid))
			return NEXT_STAY;
	}
	return ret ? NEXT_STAY : NEXT_AGAIN;
}

void on_reaped(struct recorder *rec, struct rtask *t)
{
	struct trace_task task = {.kind = TASK_EXIT,
				  .tid = t->t.tid,
				  .tgid = t->t.tgid,
				  .exit_status = t->t.stop.status};

	if (!t->exit_logged)
		log_task_exit(rec, t, t->t.stop.status);
	futex_settle_waiters(rec);
	task.event = t->last_event;
	trace_writer_task(rec->trace, &task);
	if (t->t.tid == rec->root_tgid) {
		rec->root_gone = true;
		rec->root_status = t->t.stop.status;
	}
	rtask_free(rec, t);
}
