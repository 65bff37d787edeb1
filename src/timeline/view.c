/*
 * Looking at the tasks where the timeline stands: as the recorded program was.
 */
#include "base/log.h"
#include "mem/maps.h"
#include "task/debug.h"
#include "timeline/internal.h"

#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static struct ptask *find(struct timeline *tl, pid_t tid)
{
	struct ptask *p = ptask_find(&tl->now->s, tid);

	return p && !p->dead ? p : NULL;
}

/* --- tasks --- */

static void describe(struct timeline *tl, struct ptask *p, struct timeline_task *out)
{
	const char *slash;

	out->tid = p->rec_tid;
	out->tgid = p->group->rec_tgid;
	out->exe = table_exe(tl, out->tgid, tl->now->place.event);
	slash = strrchr(out->exe, '/');
	out->name = p->name[0] ? p->name : slash ? slash + 1 : out->exe;
}

static int by_tid(const void *a, const void *b)
{
	const struct timeline_task *x = a, *y = b;

	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

size_t timeline_tasks(struct timeline *tl, struct timeline_task *out, size_t max)
{
	struct timeline_task *all = xcalloc(tl->now->s.tasks.count + 1, sizeof(*all));
	size_t n = 0;

	map_for_each (&tl->now->s.tasks, slot) {
		struct ptask *p = (struct ptask *)(uintptr_t)slot->value;

		if (!p->dead)
			describe(tl, p, &all[n++]);
	}
	qsort(all, n, sizeof(*all), by_tid);
	memcpy(out, all, min_u64(n, max) * sizeof(*all));
	free(all);
	return n;
}

int timeline_task(struct timeline *tl, pid_t tid, struct timeline_task *out)
{
	struct ptask *p = find(tl, tid);

	if (!p)
		return -ESRCH;
	describe(tl, p, out);
	return 0;
}

pid_t timeline_current(const struct timeline *where)
{
	struct timeline *tl = (struct timeline *)where; /* it may have to read an event */
	struct ptask *p;

	if (find(tl, tl->last_stop.tid))
		return tl->last_stop.tid;
	p = running_task(tl);
	if (p && !p->dead)
		return p->rec_tid;
	map_for_each (&tl->now->s.tasks, slot) {
		p = (struct ptask *)(uintptr_t)slot->value;
		if (!p->dead)
			return p->rec_tid;
	}
	return 0;
}

int timeline_ticks(struct timeline *tl, pid_t tid, ticks_t *ticks)
{
	struct snapshot *at = tl->divert ? divert_origin(tl) : tl->now;
	struct ptask *p = ptask_find(&at->s, tid);

	if (!p || p->dead)
		return -ESRCH;
	*ticks = p->ticks.count;
	return 0;
}

/* --- registers --- */

static bool is_in_call(struct timeline *tl, struct ptask *p)
{
	if (p->at_entry)
		return true;
	return tl->now->place.end && p == running_task(tl) && p->t.stop.kind == STOP_SYSCALL;
}

int timeline_regs(struct timeline *tl, pid_t tid, struct regs *out)
{
	struct ptask *p = find(tl, tid);
	int ret;

	if (!p)
		return -ESRCH;
	ret = task_regs(&p->t);
	if (ret)
		return ret;
	*out = p->t.regs;
	if (!tl->divert && !is_in_call(tl, p))
		out->u.orig_rax = -1;
	out->u.eflags &= ~FLAG_RESUME;
	out->u.rip = code_original(tl, p, out->u.rip);
	return 0;
}

int timeline_fpregs(struct timeline *tl, pid_t tid, struct buf *out)
{
	struct ptask *p = find(tl, tid);

	return p ? task_fpregs(&p->t, out) : -ESRCH;
}

int timeline_siginfo(struct timeline *tl, struct buf *out)
{
	if (tl->last_stop.reason != TIMELINE_STOP_SIGNAL || !tl->siginfo.len)
		return -ENODATA;
	buf_add(out, tl->siginfo.data, tl->siginfo.len);
	return 0;
}

/* --- memory --- */

/* The end of the piece at `addr` that is shown; `addr` itself if it is ours. */
static raddr_t shown_until(const struct image_space *space, raddr_t addr, raddr_t end)
{
	const struct mm_range ours[] = OURS_RANGES;

	if (addr_is_rr(addr))
		return addr;
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++) {
		if (addr < ours[i].start && end > ours[i].start)
			end = ours[i].start;
	}
	for (size_t i = 0; i < space->n; i++) {
		const struct image_range *r = &space->ranges[i];

		if (!r->stubs || r->end <= addr || r->start >= end)
			continue;
		end = max_u64(r->start, addr);
	}
	return end;
}

size_t timeline_read(struct timeline *tl, pid_t tid, raddr_t addr, void *buf, size_t n)
{
	struct ptask *p = find(tl, tid);
	const struct image_space *space;
	raddr_t end;

	if (!p || addr + n < addr)
		return 0;
	space = code_space(tl, p);
	end = shown_until(space, addr, addr + n);
	n = mm_read_some(p->t.mm, addr, buf, end - addr);
	breaks_hide(tl, p, addr, buf, n);
	image_space_hide(space, addr, buf, n);
	return n;
}

/* --- its last execve --- */

static bool read_exec_event(struct timeline *tl, const struct ptask *p, struct trace_event *ev)
{
	event_t exec = table_exec_event(tl, p->group->rec_tgid, tl->now->place.event);
	struct event_brief b;

	/* That the reader is open is peek's work. */
	return exec && !peek_event(tl, exec, &b) && !trace_reader_seek(tl->peek, exec) &&
	       trace_reader_next(tl->peek, ev) == 1;
}

int timeline_cmdline(struct timeline *tl, pid_t tid, struct buf *out)
{
	struct ptask *p = find(tl, tid);

	return p ? table_cmdline(tl, p->group->rec_tgid, tl->now->place.event, out) : -ESRCH;
}

/* --- files --- */

/* The saved file that the line maps; 0: none, or it is not known. */
static uint32_t file_of(struct timeline *tl, const struct map_line *l)
{
	map_for_each (&tl->now->s.common->files, slot) {
		struct stat st;

		if (!fstat(slot->value, &st) && st.st_ino == l->ino)
			return slot->key;
	}
	map_for_each (&tl->now->s.shared, slot) {
		struct stat st;

		if (!fstat(slot->value, &st) && st.st_ino == l->ino)
			return slot->key;
	}
	return 0;
}

/* Offset in the file that the program mapped. */
static uint64_t original_offset(const struct image_range *r, const struct map_line *l)
{
	for (size_t i = 0; r && i < r->image->n_texts; i++) {
		const struct image_text *x = &r->image->texts[i];

		if (l->offset >= x->offset && l->offset - x->offset < x->size)
			return x->file_offset + (l->offset - x->offset);
	}
	return l->offset;
}

/* What the kernel calls memory that is no file's: the stack and the vDSO are where execve put them,
 * the heap ends at the break. "": nothing. */
static const char *special_name(const struct ptask *p, const struct trace_event *exec,
				const struct map_line *l)
{
	const raddr_t brk = page_ceil(p->t.mm->brk);

	for (size_t i = 0; exec && i < exec->n_maps; i++) {
		const struct trace_mapping *m = &exec->maps[i];

		if (m->name[0] == '[' && l->start < m->end && m->start < l->end)
			return m->name;
	}
	if (brk && l->start < brk && l->end >= brk)
		return "[heap]";
	return l->name[0] == '[' ? l->name : "";
}

static void add_line(struct timeline *tl, const struct ptask *p, const struct trace_event *exec,
		     const struct image_space *space, const struct map_line *l, struct buf *out)
{
	const struct image_range *r = image_space_find(space, l->start);
	uint32_t file = l->ino ? file_of(tl, l) : 0;
	const char *name = file ? map_get_ptr(&tl->now->s.common->names, file) : NULL;
	const char *shown = name ? name : l->ino ? "" : special_name(p, exec, l);

	if (addr_is_rr(l->start) || (r && r->stubs))
		return;
	buf_addf(out, "%08" PRIx64 "-%08" PRIx64 " %c%c%c%c %08" PRIx64 " %02x:%02x %-10" PRIu64,
		 l->start, l->end, l->prot & PROT_READ ? 'r' : '-',
		 l->prot & PROT_WRITE ? 'w' : '-', l->prot & PROT_EXEC ? 'x' : '-',
		 l->shared ? 's' : 'p', name ? original_offset(r, l) : 0, name ? major(l->dev) : 0,
		 name ? minor(l->dev) : 0, name ? l->ino : 0);
	if (*shown)
		buf_addf(out, "                 %s", shown);
	buf_addch(out, '\n');
}

int timeline_maps(struct timeline *tl, pid_t tid, struct buf *out)
{
	struct ptask *p = find(tl, tid);
	const struct image_space *space;
	struct trace_event exec;
	struct maps maps;
	bool known;
	int ret;

	if (!p)
		return -ESRCH;
	ret = maps_read(p->t.tid, &maps);
	if (ret)
		return ret;
	space = code_space(tl, p);
	known = read_exec_event(tl, p, &exec);
	for (size_t i = 0; i < maps.count; i++)
		add_line(tl, p, known ? &exec : NULL, space, &maps.lines[i], out);
	maps_release(&maps);
	return 0;
}

static bool is_elf_image(struct timeline *tl, int fd)
{
	struct image *im;

	if (image_read(fd, &im))
		return false;
	image_free(im);
	return true;
}

static bool same_name(const char *recorded, const char *path, bool whole)
{
	const char *a = strrchr(recorded, '/'), *b = strrchr(path, '/');

	return whole || !a || !b ? !strcmp(recorded, path) : !strcmp(a, b);
}

static int open_named(struct timeline *tl, const char *path, bool whole)
{
	map_for_each (&tl->now->s.common->names, slot) {
		int fd;

		if (!same_name((const char *)(uintptr_t)slot->value, path, whole))
			continue;
		fd = trace_reader_open_file(tl->now->s.trace, slot->key);
		if (fd >= 0 && !is_elf_image(tl, fd))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -ENOENT;
}

int timeline_open_file(struct timeline *tl, const char *path)
{
	int fd = open_named(tl, path, true);

	/* Directories may be links, as /lib is: what is recorded is where they led. */
	return fd == -ENOENT ? open_named(tl, path, false) : fd;
}

/* --- the auxiliary vector --- */

struct stack_image {
	const struct trace_event *ev;
	raddr_t at;
};

/* The next word of the stack that the kernel made: false if there is none. */
static bool next_word(struct stack_image *s, uint64_t *out)
{
	for (size_t i = 0; i < s->ev->n_writes; i++) {
		const struct trace_write *w = &s->ev->writes[i];

		if (s->at < w->addr || s->at - w->addr + sizeof(*out) > w->bytes.len)
			continue;
		memcpy(out, (const char *)w->bytes.data + (s->at - w->addr), sizeof(*out));
		s->at += sizeof(*out);
		return true;
	}
	return false;
}

static bool skip_strings(struct stack_image *s)
{
	uint64_t word;

	do {
		if (!next_word(s, &word))
			return false;
	} while (word);
	return true;
}

int timeline_auxv(struct timeline *tl, pid_t tid, struct buf *out)
{
	struct ptask *p = find(tl, tid);
	struct trace_event ev;
	struct stack_image s = {.ev = &ev};
	uint64_t word[2];
	struct regs r;

	if (!p)
		return -ESRCH;
	if (!read_exec_event(tl, p, &ev) || event_regs(&ev.regs_after, &r))
		return -ENODATA;
	s.at = r.u.rsp;
	if (!next_word(&s, word) || !skip_strings(&s) || !skip_strings(&s))
		return -ENODATA;
	do {
		if (!next_word(&s, &word[0]) || !next_word(&s, &word[1]))
			return -ENODATA;
		buf_add(out, word, sizeof(word));
	} while (word[0] != AT_NULL);
	return 0;
}
