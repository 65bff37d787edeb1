/*
 * The run queue.
 */
#include "sched/sched.h"

void sched_init(struct sched *s, uint64_t slice_ns)
{
	s->queue.prev = s->queue.next = &s->queue;
	s->slice_ns = slice_ns;
	s->slice_end = 0;
}

void sched_ready(struct sched *s, struct sched_entity *e)
{
	if (e->next)
		return;
	e->prev = s->queue.prev;
	e->next = &s->queue;
	e->prev->next = e;
	e->next->prev = e;
}

void sched_remove(struct sched_entity *e)
{
	if (!e->next)
		return;
	e->prev->next = e->next;
	e->next->prev = e->prev;
	e->prev = e->next = NULL;
}

struct sched_entity *sched_pick(struct sched *s, uint64_t now_ns)
{
	struct sched_entity *e = s->queue.next;

	if (e == &s->queue)
		return NULL;
	sched_remove(e);
	s->slice_end = now_ns + s->slice_ns;
	return e;
}

void sched_renew(struct sched *s, uint64_t now_ns)
{
	s->slice_end = now_ns + s->slice_ns;
}

bool sched_others_ready(const struct sched *s)
{
	return s->queue.next != &s->queue;
}

bool sched_slice_over(const struct sched *s, uint64_t now_ns)
{
	return sched_others_ready(s) && now_ns >= s->slice_end;
}
