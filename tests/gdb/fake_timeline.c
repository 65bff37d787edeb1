#include "fake_timeline.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#define MEMORY_START 0x1000
#define MEMORY_END   0x3000

static const struct timeline_task all[] = {
	{100, 100, "main", "/bin/parent"},
	{101, 100, "work<er>", "/bin/parent"},
	{200, 200, "child", "/bin/child"},
};

static bool exists(struct timeline *tl, const struct timeline_task *t)
{
	return t->tgid == 200 ? tl->child_exists : tl->parent_exists;
}

size_t timeline_tasks(struct timeline *tl, struct timeline_task *out, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (exists(tl, &all[i]) && n < max)
			out[n++] = all[i];
	return n;
}

int timeline_task(struct timeline *tl, pid_t tid, struct timeline_task *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (all[i].tid != tid || !exists(tl, &all[i]))
			continue;
		*out = all[i];
		return 0;
	}
	return -ESRCH;
}

pid_t timeline_current(const struct timeline *tl)
{
	return tl->parent_exists ? 100 : tl->child_exists ? 200 : 0;
}

int timeline_regs(struct timeline *tl, pid_t tid, struct regs *out)
{
	unsigned long long *r = (unsigned long long *)&out->u;

	if (!tid)
		return -ESRCH;
	for (size_t i = 0; i < sizeof(out->u) / sizeof(*r); i++)
		r[i] = (unsigned long long)tid << 8 | i;
	out->u.rip = tl->diverted ? tl->rip : FAKE_RIP;
	return 0;
}

int timeline_fpregs(struct timeline *tl, pid_t tid, struct buf *out)
{
	memset(buf_extend(out, 576), 0, 576);
	return 0;
}

size_t timeline_read(struct timeline *tl, pid_t tid, raddr_t addr, void *buf, size_t n)
{
	size_t i;

	for (i = 0; i < n && addr + i >= MEMORY_START && addr + i < MEMORY_END; i++)
		((uint8_t *)buf)[i] = (uint8_t)((addr + i) % 251);
	return i;
}

int timeline_maps(struct timeline *tl, pid_t tid, struct buf *out)
{
	buf_addf(out, "maps of %d\n", tid);
	return tid ? 0 : -ESRCH;
}

int timeline_cmdline(struct timeline *tl, pid_t tid, struct buf *out)
{
	buf_add(out, "program\0-x", 11);
	return 0;
}

int timeline_auxv(struct timeline *tl, pid_t tid, struct buf *out)
{
	buf_addf(out, "auxv}#$*%d", tid);
	return 0;
}

int timeline_siginfo(struct timeline *tl, struct buf *out)
{
	if (!tl->siginfo)
		return -ENODATA;
	buf_addstr(out, "siginfo");
	return 0;
}

int timeline_open_file(struct timeline *tl, const char *path)
{
	int fd;

	if (strcmp(path, "/bin/parent"))
		return -ENOENT;
	fd = memfd_create("parent", MFD_CLOEXEC);
	return write(fd, "ELF file", 8) == 8 ? fd : -EIO;
}

int timeline_break_add(struct timeline *tl, const struct timeline_break *b)
{
	if (b->addr == 0xbad)
		return -ENOSPC;
	buf_addf(&tl->log, "break %d at %#llx len %llu in %d%s; ", b->kind,
		 (unsigned long long)b->addr, (unsigned long long)b->len, b->tgid,
		 b->condition ? " if" : "");
	tl->breaks[tl->n_breaks % 16] = *b;
	return ++tl->n_breaks;
}

void timeline_break_remove(struct timeline *tl, int id)
{
	buf_addf(&tl->log, "remove %d; ", id);
}

void timeline_catch_events(struct timeline *tl, unsigned int catches)
{
}

void timeline_catch_signals(struct timeline *tl, uint64_t signals)
{
	buf_addf(&tl->log, "signals but %llx; ", ~(unsigned long long)signals);
}

void timeline_catch_syscalls(struct timeline *tl, const int *nrs, size_t n)
{
	buf_addf(&tl->log, "syscalls%s", nrs ? "" : " none");
	for (size_t i = 0; i < n; i++)
		buf_addf(&tl->log, " %d", nrs[i]);
	buf_addstr(&tl->log, "; ");
}

int timeline_run(struct timeline *tl, const struct timeline_run *run, struct timeline_stop *stop)
{
	static const char *const modes[] = {"continue", "step", "range"};

	buf_addf(&tl->log, "%s%s", modes[run->mode], run->backward ? " back" : "");
	if (run->mode)
		buf_addf(&tl->log, " %d", run->tid);
	if (run->mode == TIMELINE_RANGE)
		buf_addf(&tl->log, " %#llx-%#llx", (unsigned long long)run->start,
			 (unsigned long long)run->end);
	buf_addstr(&tl->log, tl->diverted ? " diverted; " : "; ");
	*stop = (struct timeline_stop){.reason = TIMELINE_STOP_END};
	if (tl->stop < tl->n_stops)
		*stop = tl->stops[tl->stop++];
	if (tl->interrupted) {
		while (!tl->interrupted(tl->ctx))
			usleep(1000);
		stop->reason = TIMELINE_STOP_INTERRUPTED;
	}
	return 0;
}

static int arrive(struct timeline *tl, struct timeline_stop *stop)
{
	if (stop)
		*stop = (struct timeline_stop){.reason = TIMELINE_STOP_STEP,
					       .tid = timeline_current(tl)};
	return 0;
}

int timeline_seek(struct timeline *tl, const struct timeline_point *p, struct timeline_stop *stop)
{
	buf_addf(&tl->log, "seek %llu; ", (unsigned long long)p->event);
	tl->event = p->event;
	return arrive(tl, stop);
}

int timeline_seek_event(struct timeline *tl, event_t event, struct timeline_stop *stop)
{
	buf_addf(&tl->log, "seek event %llu; ", (unsigned long long)event);
	tl->event = event;
	tl->child_exists = tl->parent_exists = true;
	return arrive(tl, stop);
}

int timeline_seek_ticks(struct timeline *tl, ticks_t ticks, struct timeline_stop *stop)
{
	buf_addf(&tl->log, "seek ticks %llu; ", (unsigned long long)ticks);
	return arrive(tl, stop);
}

int timeline_point(struct timeline *tl, struct timeline_point *p)
{
	*p = (struct timeline_point){.event = tl->event};
	return 0;
}

int timeline_checkpoint(struct timeline *tl)
{
	buf_addstr(&tl->log, "checkpoint; ");
	return 7;
}

int timeline_checkpoint_restart(struct timeline *tl, int id, struct timeline_stop *stop)
{
	buf_addf(&tl->log, "restart %d; ", id);
	return arrive(tl, stop);
}

int timeline_checkpoint_delete(struct timeline *tl, int id)
{
	buf_addf(&tl->log, "delete %d; ", id);
	return 0;
}

int timeline_divert(struct timeline *tl, pid_t tid)
{
	buf_addf(&tl->log, "divert %d; ", tid);
	tl->diverted = true;
	tl->rip = FAKE_RIP;
	return 0;
}

void timeline_divert_end(struct timeline *tl)
{
	buf_addstr(&tl->log, "divert end; ");
	tl->diverted = false;
}

bool timeline_diverted(const struct timeline *tl)
{
	return tl->diverted;
}

int timeline_set_regs(struct timeline *tl, pid_t tid, const struct regs *r)
{
	buf_addf(&tl->log, "registers of %d; ", tid);
	tl->rip = r->u.rip;
	return 0;
}

int timeline_set_fpregs(struct timeline *tl, pid_t tid, const void *data, size_t n)
{
	return 0;
}

int timeline_write(struct timeline *tl, pid_t tid, raddr_t addr, const void *buf, size_t n)
{
	buf_addf(&tl->log, "write %zu at %#llx; ", n, (unsigned long long)addr);
	return addr < MEMORY_START ? -EFAULT : 0;
}

event_t timeline_event(const struct timeline *tl)
{
	return tl->event;
}

event_t timeline_last_event(const struct timeline *tl)
{
	return 99;
}

int timeline_ticks(struct timeline *tl, pid_t tid, ticks_t *ticks)
{
	*ticks = tid * 10;
	return tid ? 0 : -ESRCH;
}

double timeline_elapsed(const struct timeline *tl)
{
	return 1.5;
}

double timeline_absolute(const struct timeline *tl)
{
	return 1e9;
}

const char *timeline_dir(const struct timeline *tl)
{
	return "/a/trace-0";
}
