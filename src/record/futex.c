/*
 * Priority-inheritance futexes. The kernel writes into the word while a task waits for it:
 * FUTEX_WAITERS before it sleeps, and the new owner's tid, for a waiter whose owner died, when it
 * wakes (kernel/futex/pi.c, fixup_pi_state_owner()). Both are made to happen while no other task
 * runs user code: the first is part of the event of the call's entry, the second of its exit.
 * UNLOCK_PI and CMP_REQUEUE_PI write in their caller's context, and the table says so.
 */
#include "record/session.h"

#include <asm/unistd_64.h>
#include <linux/futex.h>
#include <sched.h>

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif

#define SETTLE_TRIES 100000

static int futex_op(const struct rtask *t)
{
	return t->in_syscall && t->call.nr == __NR_futex ? (int)t->call.arg[1] & FUTEX_CMD_MASK
							 : -1;
}

static bool waits_pi(const struct rtask *t)
{
	switch (futex_op(t)) {
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
	case FUTEX_WAIT_REQUEUE_PI:
		return true;
	default:
		return false;
	}
}

bool futex_settle(struct rtask *t)
{
	for (int i = 0; waits_pi(t) && i < SETTLE_TRIES; i++) {
		if (task_poll(&t->t) == 1)
			return true;
		if (strchr("SZX", task_state(t->t.tid)))
			break;
		sched_yield();
	}
	return false;
}

void futex_add_entry(struct event_builder *b, struct rtask *t)
{
	int op = futex_op(t);

	if (op == FUTEX_LOCK_PI || op == FUTEX_LOCK_PI2)
		event_add_memory(b, t, t->call.arg[0], sizeof(uint32_t));
}

void futex_settle_waiters(struct recorder *rec)
{
	map_for_each (&rec->tasks, slot) {
		struct rtask *t = (struct rtask *)(uintptr_t)slot->value;

		if (t->exit_logged || !t->entry_logged || !waits_pi(t) ||
		    (!t->stop_pending && (t->state != RUN_BLOCKED || !futex_settle(t))))
			continue;
		if (t->t.stop.kind == STOP_SYSCALL && on_syscall_exit(rec, t) == NEXT_USER) {
			t->stop_pending = false;
			t->state = RUN_READY;
		} else {
			t->stop_pending = true;
		}
		rtask_ready(rec, t);
	}
}
