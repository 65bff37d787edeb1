/*
 * Snapshots: frozen copies of the session along the recording.
 *
 * They are made as the replay passes, and thinned out: at a distance D (of replaying time) from
 * where the timeline stands there is one about every D / SPREAD. So going back costs time in
 * proportion to the distance, and their number grows with the logarithm of the whole. They share
 * memory with each other until somebody writes; when little memory is free, there are fewer.
 */
#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "timeline/internal.h"

#include <stdlib.h>

#define SPREAD	    4
#define MIN_GAP_NS  50000000ULL
#define COST	    12	 /* a snapshot is made after so many times what the last one cost */
#define FAULT_NS    3000 /* a page that is copied because of it */
#define MAX_SNAPS   48
#define MAX_TASKS   800 /* of all snapshots together */
#define FREE_MEMORY 4	/* this part of all memory is to stay free */

/* --- one --- */

int snapshot_take(struct timeline *tl, struct snapshot **out)
{
	struct snapshot *now = tl->now, *copy = xcalloc(1, sizeof(*copy));
	uint64_t start = clock_now_ns();
	int ret;

	breaks_remove(tl);
	watches_disarm(tl);
	ret = session_fork(&now->s, &copy->s);
	if (ret) {
		free(copy);
		return tl_fail(tl, ret);
	}
	copy->place = now->place;
	copy->vtime = now->vtime;
	copy->time_ns = now->time_ns;
	copy->ended = now->ended;
	tl->fork_ns = clock_now_ns() - start;
	log_debug("snapshot at event %llu: %llu us", (unsigned long long)now->place.event,
		  (unsigned long long)tl->fork_ns / 1000);
	*out = copy;
	return 0;
}

void snapshot_free(struct snapshot *s)
{
	uint64_t start = clock_now_ns();

	if (!s)
		return;
	session_close(&s->s);
	log_debug("gone: %llu us", (unsigned long long)(clock_now_ns() - start) / 1000);
	free(s);
}

void snapshot_activate(struct timeline *tl, struct snapshot *s)
{
	breaks_remove(tl);
	watches_disarm(tl);
	watches_forget(tl);
	code_forget(tl);
	tl->track.valid = false;
	tl->between = false;
	tl->now = s;
	s->loaded = false;
	s->ended = s->place.event >= tl->n_events;
	if (!s->ended)
		trace_reader_seek(s->s.trace, s->place.event + 1);
}

int snapshot_restore(struct timeline *tl, struct snapshot *s)
{
	struct snapshot *old = tl->now, *copy;
	int ret;

	if (old)
		snapshot_activate(tl, s);
	else
		tl->now = s;
	ret = snapshot_take(tl, &copy);
	if (ret) {
		tl->now = old;
		return ret;
	}
	snapshot_activate(tl, copy);
	snapshot_free(old);
	return 0;
}

/* --- all --- */

static bool is_before(const struct place *a, const struct timeline_point *p)
{
	if (a->event != p->event)
		return a->event < p->event;
	if (a->ticks != p->ticks)
		return a->ticks < p->ticks;
	if (a->passes != p->passes)
		return a->passes < p->passes && !a->end;
	return !a->n_ways && !a->end && a->step <= p->step;
}

struct snapshot *snapshot_before(struct timeline *tl, const struct timeline_point *p)
{
	struct snapshot *best = tl->root;

	for (size_t i = 0; i < tl->n_snaps; i++)
		if (is_before(&tl->snaps[i]->place, p))
			best = tl->snaps[i];
	return best;
}

static void drop(struct timeline *tl, size_t i)
{
	snapshot_free(tl->snaps[i]);
	memmove(&tl->snaps[i], &tl->snaps[i + 1], (tl->n_snaps - i - 1) * sizeof(*tl->snaps));
	tl->n_snaps--;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* How little it would be missed: the gap that it fills by what the gap may be; the smallest goes
 * first. */
static double worth(const struct timeline *tl, size_t i)
{
	uint64_t gap = tl->snaps[i + 1]->vtime - tl->snaps[i - 1]->vtime;

	return (double)(gap + 1000) / (distance(tl->now->vtime, tl->snaps[i]->vtime) + 1000);
}

/* The first one stays, and the last one has nothing behind it. */
static bool thin_one(struct timeline *tl, double below)
{
	size_t least = 0;
	double min = below;

	for (size_t i = 1; i + 1 < tl->n_snaps; i++) {
		double w = worth(tl, i);

		if (w < min) {
			min = w;
			least = i;
		}
	}
	if (!least)
		return false;
	drop(tl, least);
	return true;
}

static bool memory_is_short(void)
{
	struct buf text = BUF_INIT;
	const char *total, *available;
	bool is_short = false;

	if (!read_file("/proc/meminfo", &text)) {
		total = strstr(buf_str(&text), "MemTotal:");
		available = strstr(buf_str(&text), "MemAvailable:");
		is_short = total && available &&
			   strtoull(available + 13, NULL, 10) <
				   strtoull(total + 9, NULL, 10) / FREE_MEMORY;
	}
	buf_release(&text);
	return is_short;
}

static size_t max_snaps(const struct timeline *tl)
{
	size_t n = MAX_TASKS / (tl->now->s.tasks.count + 1);

	n = n < 3 ? 3 : min_u64(n, MAX_SNAPS);
	return tl->opt.max_checkpoints ? min_u64(n, tl->opt.max_checkpoints) : n;
}

static void thin(struct timeline *tl)
{
	while (thin_one(tl, 1.0 / SPREAD))
		;
	while (tl->n_snaps > max_snaps(tl) && thin_one(tl, 1e30))
		;
	for (int i = 0; i < 4 && memory_is_short(); i++)
		if (!thin_one(tl, 1e30))
			break;
}

static bool is_same_place(const struct place *a, const struct place *b)
{
	return a->event == b->event && a->ticks == b->ticks && a->passes == b->passes &&
	       a->step == b->step && a->n_ways == b->n_ways && a->end == b->end;
}

int snapshot_keep(struct timeline *tl)
{
	const struct place *place = &tl->now->place;
	struct ptask *p = running_task(tl);
	struct snapshot *copy;
	size_t at = 0;
	int ret;

	/* The agent's memory is shared by all sessions. */
	if (place->n_ways || (p && !task_regs(&p->t) && addr_is_rr(p->t.regs.u.rip)))
		return 0;
	while (at < tl->n_snaps &&
	       (is_same_place(&tl->snaps[at]->place, place) ||
		is_before(&tl->snaps[at]->place,
			  &(struct timeline_point){place->event, place->ticks, place->passes,
						   place->step}))) {
		if (is_same_place(&tl->snaps[at]->place, place))
			return 0;
		at++;
	}
	ret = snapshot_take(tl, &copy);
	if (ret)
		return ret;
	tl->snaps = xrealloc(tl->snaps, (tl->n_snaps + 1) * sizeof(*tl->snaps));
	memmove(&tl->snaps[at + 1], &tl->snaps[at], (tl->n_snaps - at) * sizeof(*tl->snaps));
	tl->snaps[at] = copy;
	tl->n_snaps++;
	/* Times are measured, and passed again at another speed: their order is the places'. */
	if (at)
		copy->vtime = max_u64(copy->vtime, tl->snaps[at - 1]->vtime);
	if (at + 1 < tl->n_snaps)
		copy->vtime = min_u64(copy->vtime, tl->snaps[at + 1]->vtime);
	tl->now->vtime = copy->vtime;
	thin(tl);
	return 0;
}

void snapshots_release(struct timeline *tl)
{
	for (size_t i = 0; i < tl->n_snaps; i++)
		snapshot_free(tl->snaps[i]);
	free(tl->snaps);
	for (size_t i = 0; i < tl->n_checkpoints; i++)
		snapshot_free(tl->checkpoints[i].snap);
	free(tl->checkpoints);
	snapshot_free(tl->now);
}

/* --- time --- */

void vtime_pass(struct timeline *tl)
{
	uint64_t now = clock_now_ns();

	if (tl->clock_ns && now > tl->clock_ns)
		tl->now->vtime += now - tl->clock_ns;
	tl->clock_ns = now;
}

void vtime_begin(struct timeline *tl)
{
	tl->clock_ns = clock_now_ns();
}

/* The gap to the nearest snapshot behind now. */
static uint64_t gap_behind(const struct timeline *tl)
{
	uint64_t gap = UINT64_MAX;

	for (size_t i = 0; i < tl->n_snaps; i++)
		gap = min_u64(gap, distance(tl->snaps[i]->vtime, tl->now->vtime));
	return gap;
}

/* Pages that the running process has had to be given, in all: after a fork, mostly copies. */
static uint64_t faults(struct timeline *tl)
{
	struct ptask *p = running_task(tl);
	struct buf text = BUF_INIT;
	unsigned long long n = 0;
	const char *end;
	char path[64];

	if (!p)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/stat", p->t.tgid);
	end = read_file(path, &text) ? NULL : strrchr(buf_str(&text), ')');
	/* proc(5): state ppid pgrp session tty tpgid flags minflt */
	if (!end || sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %*u %llu", &n) != 1)
		n = 0;
	buf_release(&text);
	return n;
}

int snapshots_pass(struct timeline *tl)
{
	uint64_t now, cost;
	int ret;

	vtime_pass(tl);
	if (gap_behind(tl) < max_u64(MIN_GAP_NS, COST * tl->fork_ns))
		return 0;
	now = faults(tl);
	cost = tl->fork_ns + (now > tl->faults ? now - tl->faults : 0) * FAULT_NS;
	if (gap_behind(tl) < COST * cost)
		return 0;
	ret = snapshot_keep(tl);
	tl->faults = now;
	return ret;
}

/* --- the user's --- */

int timeline_checkpoint(struct timeline *tl)
{
	struct checkpoint *c;
	struct snapshot *s;

	if (tl->divert || tl->failed)
		return -EBUSY;
	if (snapshot_take(tl, &s))
		return -EAGAIN;
	tl->checkpoints =
		xrealloc(tl->checkpoints, (tl->n_checkpoints + 1) * sizeof(*tl->checkpoints));
	c = &tl->checkpoints[tl->n_checkpoints++];
	*c = (struct checkpoint){++tl->last_checkpoint, s};
	return c->id;
}

static struct checkpoint *find_checkpoint(struct timeline *tl, int id)
{
	for (size_t i = 0; i < tl->n_checkpoints; i++)
		if (tl->checkpoints[i].id == id)
			return &tl->checkpoints[i];
	return NULL;
}

int timeline_checkpoint_restart(struct timeline *tl, int id, struct timeline_stop *stop)
{
	struct checkpoint *c = find_checkpoint(tl, id);
	int ret;

	if (!c || tl->divert)
		return c ? -EBUSY : -ENOENT;
	ret = snapshot_restore(tl, c->snap);
	return ret ? -EAGAIN : arrived(tl, stop);
}

int timeline_checkpoint_delete(struct timeline *tl, int id)
{
	struct checkpoint *c = find_checkpoint(tl, id);

	if (!c)
		return -ENOENT;
	snapshot_free(c->snap);
	*c = tl->checkpoints[--tl->n_checkpoints];
	return 0;
}
