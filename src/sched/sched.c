/*
 * The run queue.
 */
#include "sched/sched.h"

#define SLICE_NS     20000000ull /* of nice 0; a switch costs some 20 us */
#define SLICE_NS_MIN 500000ull
#define SLICE_NS_MAX 100000000ull
#define CHAOS_HALVES                                                                            \
	15	       /* chaos: slices from SLICE_NS down to a microsecond, all sizes as often \
			*/
#define CHAOS_HOLD   4 /* chaos: one of so many is passed over, ... */
#define CHAOS_PASSES 6 /* ... up to 2 to this power times */

void sched_init(struct sched *s, bool chaos, uint64_t seed)
{
	*s = (struct sched){.chaos = chaos, .random = seed};
	s->queue.prev = s->queue.next = &s->queue;
}

unsigned int sched_random_below(struct sched *s, unsigned int n)
{
	s->random = s->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (s->random >> 33) % n;
}

void sched_ready(struct sched *s, struct sched_entity *e)
{
	if (e->next)
		return;
	e->prev = s->queue.prev;
	e->next = &s->queue;
	e->prev->next = e;
	e->next->prev = e;
	if (s->chaos && !sched_random_below(s, CHAOS_HOLD))
		e->passed_over = 1u << sched_random_below(s, CHAOS_PASSES + 1);
}

void sched_remove(struct sched_entity *e)
{
	if (!e->next)
		return;
	e->prev->next = e->next;
	e->next->prev = e->prev;
	e->prev = e->next = NULL;
	e->passed_over = 0;
}

/* Any of those that are not passed over; if all are, any. */
static struct sched_entity *pick_any(struct sched *s)
{
	struct sched_entity *e, *chosen = NULL;
	unsigned int n = 0, n_held = 0;

	for (e = s->queue.next; e != &s->queue; e = e->next) {
		if (!e->passed_over && !sched_random_below(s, ++n))
			chosen = e;
	}
	for (e = s->queue.next; e != &s->queue; e = e->next) {
		if (!n && !sched_random_below(s, ++n_held))
			chosen = e;
		if (e->passed_over)
			e->passed_over--;
	}
	return chosen;
}

struct sched_entity *sched_pick(struct sched *s)
{
	struct sched_entity *e = s->queue.next;

	if (e == &s->queue)
		return NULL;
	if (s->chaos)
		e = pick_any(s);
	sched_remove(e);
	return e;
}

/* A step of nice is worth a quarter, as to the kernel (sched(7), "The nice value"). */
static uint64_t weighted_slice(int nice)
{
	uint64_t ns = SLICE_NS;

	for (; nice > 0; nice--)
		ns = ns * 4 / 5;
	for (; nice < 0 && ns < SLICE_NS_MAX; nice++)
		ns = ns * 5 / 4;
	return min_u64(max_u64(ns, SLICE_NS_MIN), SLICE_NS_MAX);
}

void sched_begin(struct sched *s, int nice, uint64_t now_ns)
{
	s->nice = nice;
	sched_renew(s, now_ns);
}

void sched_renew(struct sched *s, uint64_t now_ns)
{
	s->slice_ns = weighted_slice(s->nice);
	if (s->chaos)
		s->slice_ns >>= sched_random_below(s, CHAOS_HALVES);
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
