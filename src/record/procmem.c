/*
 * Writes to /proc/PID/mem: they change the memory of a tracee without its doing, and are writes of
 * the event that made them.
 */
#include "record/session.h"

#include <asm/unistd_64.h>
#include <errno.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <unistd.h>

/* Whether the file at `path` on device `dev` is on a procfs; asked once per device. */
static bool on_procfs(struct recorder *rec, uint64_t dev, const char *path)
{
	struct statfs fs;
	uint64_t yes;

	if (map_get(&rec->procfs, dev, &yes))
		return yes;
	yes = !statfs(path, &fs) && fs.f_type == PROC_SUPER_MAGIC;
	map_set(&rec->procfs, dev, yes);
	return yes;
}

/* The number in ".../PID/mem" or ".../PID/task/TID/mem"; 0: it is another file. */
static pid_t mem_of(const char *name)
{
	const char *mem = strrchr(name, '/'), *p = mem;

	if (!mem || strcmp(mem, "/mem"))
		return 0;
	while (p > name && p[-1] != '/')
		p--;
	return strtol(p, NULL, 10);
}

static struct rtask *live_task(struct recorder *rec, pid_t pid)
{
	map_for_each (&rec->tasks, slot) {
		struct rtask *t = (struct rtask *)(uintptr_t)slot->value;

		if ((t->t.tid == pid || t->t.tgid == pid) && !t->exit_logged)
			return t;
	}
	return NULL;
}

static bool has_offset(const struct rtask *t)
{
	switch (t->call.nr) {
	case __NR_pwrite64:
	case __NR_pwritev:
		return true;
	case __NR_pwritev2:
		return t->call.arg[3] != UINT64_MAX;
	default:
		return false;
	}
}

int proc_mem_prepare(struct recorder *rec, struct rtask *t)
{
	char path[64], name[4096];
	unsigned int flags;
	struct rtask *victim;
	int64_t pos;
	pid_t pid;
	ssize_t n;

	t->target.victim = 0;
	if (!t->target.regular)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", t->t.tid, (int)t->call.arg[0]);
	if (!on_procfs(rec, t->target.dev, path))
		return 0;
	n = readlink(path, name, sizeof(name) - 1);
	name[n > 0 ? n : 0] = 0;
	pid = mem_of(name);
	if (!pid)
		return 0;
	/* Another pid namespace's numbers mean nothing to us. */
	if (t->target.dev != rec->proc_dev)
		return -EIO;
	victim = live_task(rec, pid);
	if (!victim)
		return 0;
	fd_info(t->t.tid, t->call.arg[0], &pos, &flags);
	t->target.victim = victim->t.tid;
	t->target.addr = has_offset(t) ? t->call.arg[3] : (uint64_t)pos;
	/* It waits for nobody, and nobody may look meanwhile. */
	t->may_block = false;
	return 0;
}

void add_proc_mem_write(struct event_builder *b, struct rtask *t, int64_t result)
{
	struct rtask *victim;

	if (!t->row || !(t->row->flags & SYSF_OUTPUT) || !t->target.regular || result <= 0 ||
	    !t->target.victim)
		return;
	victim = rtask_find(b->rec, t->target.victim);
	if (!victim || victim->exit_logged)
		return;
	event_add_memory(b, victim, t->target.addr, result);
	code_note_foreign(victim); /* it may be code */
}
