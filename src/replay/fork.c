/*
 * A copy of a session: every process of the tree is forked, its threads are made again, all get the
 * registers of their originals. Memory is copied by the kernel when somebody writes to it; what
 * processes share is copied here, for the copy's own to share.
 *
 * What the kernel holds of a replayed task is little: its memory, its registers, the descriptors
 * kept for mappings, and what fork hands down (limits, the settings of rdtsc and cpuid). Signals
 * are never handled by it, and it waits for nothing.
 */
#include "base/io.h"
#include "base/log.h"
#include "mem/maps.h"
#include "mem/own_pages.h"
#include "replay/session.h"

#include <asm/unistd_64.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define THREAD_FLAGS \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

struct copying {
	struct session *from, *to;
	struct map groups; /* struct pgroup of the original -> of the copy */
	struct map
		mms; /* struct mm of the original -> struct ptask of the copy that has its copy */
	struct map memory; /* inode of what is shared -> fd of its copy, with (1 << 63) if it is to
			    * be closed */
	struct map files;  /* of these, those that are files of the trace */
};

#define OURS_TO_CLOSE (1ULL << 63)

/* --- tasks --- */

static int wait_for_child(struct copying *c, struct task *child)
{
	int ret = task_wait_through(child);

	if (ret || child->stop.kind != STOP_TRAP)
		return failed(c->from, ret ? ret : -ECHILD, "the first stop of a copied task");
	return 0;
}

/* A clone of ours, made by `parent`, which does not notice. */
static int clone_task(struct copying *c, struct ptask *parent, uint64_t flags, struct task *child)
{
	struct stop before = parent->t.stop;
	unsigned long msg = 0;
	struct regs saved;
	uint64_t mask;
	int64_t result;
	int ret = task_remote_begin(&parent->t, __NR_clone, REMOTE_ARGS(flags | CLONE_PARENT),
				    &saved, &mask);

	if (!ret && parent->t.stop.kind == STOP_EVENT)
		ret = task_event_message(&parent->t, &msg);
	else if (!ret)
		ret = task_regs(&parent->t) ? -ESRCH : (int)parent->t.regs.u.rax;
	if (ret)
		return failed(c->from, ret, "a copy of task %d", parent->rec_tid);
	*child = (struct task){.tid = msg};
	ret = wait_for_child(c, child);
	if (!ret && (ret = task_remote_end(&parent->t, &saved, mask, &result)))
		ret = failed(c->from, ret, "a copy of task %d", parent->rec_tid);
	parent->t.stop = before;
	return ret;
}

static struct pgroup *copy_group(struct copying *c, struct pgroup *g)
{
	struct pgroup *copy = map_get_ptr(&c->groups, (uintptr_t)g);

	if (copy)
		return copy;
	copy = pgroup_new(g->rec_tgid);
	map_copy(&copy->fds, &g->fds);
	map_set_ptr(&c->groups, (uintptr_t)g, copy);
	return copy;
}

/* The registers are those of the original, as is all that the session knows of it. */
static int adopt(struct copying *c, struct ptask *p, const struct task *t, struct mm *mm,
		 struct ptask **out)
{
	struct pgroup *g = copy_group(c, p->group);
	struct ptask *copy = ptask_new(c->to, p->rec_tid, t->tid, g, mm);
	struct buf fpregs = BUF_INIT;
	int ret;

	g->live = p->group->live;
	copy->t.tgid = p->t.tid == p->t.tgid ? t->tid : 0;
	copy->t.stop = p->t.stop;
	copy->dead = p->dead;
	copy->at_entry = p->at_entry;
	memcpy(copy->name, p->name, sizeof(copy->name));
	copy->entry_regs = p->entry_regs;
	copy->last_event = p->last_event;
	copy->ticks = p->ticks;
	buf_add(&copy->calls, p->calls.data, p->calls.len);
	copy->calls_pos = p->calls_pos;
	copy->calls_like = p->calls_like;
	copy->calls_more = p->calls_more;
	copy->calls_last = p->calls_last;
	*out = copy;
	ret = task_regs(&p->t);
	if (!ret)
		ret = task_fpregs(&p->t, &fpregs);
	if (!ret) {
		task_set_regs(&copy->t, &p->t.regs);
		ret = task_set_fpregs(&copy->t, fpregs.data, fpregs.len);
	}
	buf_release(&fpregs);
	if (ret)
		return failed(c->from, ret, "the registers of a copy of task %d", p->rec_tid);
	return c->to->source ? count_ptask(c->to, copy, p->ticks.count) : 0;
}

static int copy_mm(struct copying *c, const struct mm *from, pid_t tid, struct mm **out)
{
	int ret = mm_open(out, tid);

	if (ret)
		return failed(c->from, ret, "the memory of a copied task");
	(*out)->brk = from->brk;
	(*out)->syscall_insn = from->syscall_insn;
	return 0;
}

static int remote_ok(struct ptask *p, int nr, const uint64_t args[6], int64_t *result)
{
	int ret = task_remote_syscall(&p->t, result, nr, args);

	return ret ? ret : is_error(*result) ? (int)*result : 0;
}

/* --- memory that the program wants no fork to have --- */

/* Whether forks of the task copy what its lines, `maps`, say that they do not. */
static int advise(struct ptask *p, const struct maps *maps, bool copied)
{
	int64_t result;
	int ret = 0;

	for (size_t i = 0; !ret && i < maps->count; i++) {
		const struct map_line *l = &maps->lines[i];
		int advice = l->on_fork;

		if (!advice || overlaps_ours(l->start, l->end))
			continue;
		if (copied)
			advice = advice == MADV_DONTFORK ? MADV_DOFORK : MADV_KEEPONFORK;
		ret = remote_ok(p, __NR_madvise, REMOTE_ARGS(l->start, l->end - l->start, advice),
				&result);
	}
	return ret;
}

static int fork_whole(struct copying *c, struct ptask *p, struct task *child)
{
	struct maps maps = {0};
	int ret = 0, cloned = 0;

	if (c->from->forks_differ && !(ret = maps_read_advice(p->t.tid, &maps)))
		ret = advise(p, &maps, true);
	if (!ret)
		cloned = clone_task(c, p, 0, child);
	if (!ret && !cloned)
		ret = advise(p, &maps, false);
	maps_release(&maps);
	return ret ? failed(c->from, ret, "all memory in a copy of task %d", p->rec_tid) : cloned;
}

/* Once all that the copies share is their own: the program's advice holds for them as well. */
static int advise_copies(struct copying *c)
{
	int ret = 0;

	if (!c->from->forks_differ)
		return 0;
	map_for_each (&c->mms, slot) {
		struct ptask *copy = (struct ptask *)(uintptr_t)slot->value;
		struct maps maps;

		if (ret)
			break;
		ret = maps_read_advice(ptask_find(c->from, copy->rec_tid)->t.tid, &maps);
		if (ret)
			break;
		ret = advise(copy, &maps, false);
		maps_release(&maps);
	}
	return ret ? failed(c->from, ret, "what forks of a copy inherit") : 0;
}

/* --- leaders and threads --- */

/* A leader: by a fork, or sharing the memory of a process that was copied already. */
static int copy_leader(struct copying *c, struct ptask *p)
{
	struct ptask *sharer = map_get_ptr(&c->mms, (uintptr_t)p->t.mm), *copy;
	struct task t;
	struct mm *mm;
	int ret = sharer ? clone_task(c, sharer, CLONE_VM, &t) : fork_whole(c, p, &t);

	if (!ret && sharer)
		mm = mm_get(sharer->t.mm);
	else if (!ret)
		ret = copy_mm(c, p->t.mm, t.tid, &mm);
	if (!ret)
		ret = adopt(c, p, &t, mm, &copy);
	if (!ret && !sharer)
		map_set_ptr(&c->mms, (uintptr_t)p->t.mm, copy);
	return ret;
}

static int copy_thread(struct copying *c, struct ptask *p)
{
	struct ptask *leader = ptask_find(c->to, p->group->rec_tgid), *copy;
	struct task t;
	int ret;

	if (!leader)
		return failed(c->from, -ESRCH, "a copy of task %d", p->rec_tid);
	ret = clone_task(c, leader, THREAD_FLAGS, &t);
	if (!ret)
		ret = adopt(c, p, &t, mm_get(leader->t.mm), &copy);
	if (!ret)
		copy->t.tgid = leader->t.tgid;
	return ret;
}

/* --- shared memory --- */

static int copy_content(int from, int to)
{
	struct stat st;
	off_t at = 0, end;
	int ret = 0;

	if (fstat(from, &st) < 0 || ftruncate(to, st.st_size) < 0)
		return -errno;
	while (!ret && (at = lseek(from, at, SEEK_DATA)) >= 0) {
		char page[65536];

		end = lseek(from, at, SEEK_HOLE);
		while (!ret && at < end) {
			ssize_t n = pread_full(from, page, min_u64(sizeof(page), end - at), at);

			ret = n <= 0 ? (n ? (int)n : -EIO) : pwrite_full(to, page, n, at);
			at += n > 0 ? n : 0;
		}
	}
	return ret;
}

/* What is behind a shared mapping that has no file of ours: as far as the mapping goes. */
static int read_mapping(struct ptask *p, const struct map_line *l, int to)
{
	char path[80], page[65536];
	int ret = 0, fd;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", p->t.tid,
		 (unsigned long long)l->start, (unsigned long long)l->end);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		ret = copy_content(fd, to);
		close(fd);
		return ret;
	}
	/* map_files needs CAP_CHECKPOINT_RESTORE. */
	for (raddr_t at = l->start; !ret && at < l->end;) {
		size_t n = mm_read_some(p->t.mm, at, page, min_u64(sizeof(page), l->end - at));

		if (!n)
			break; /* beyond the file's end */
		ret = pwrite_full(to, page, n, l->offset + (at - l->start));
		at += n;
	}
	return ret;
}

static int memory_copy_of(struct copying *c, struct ptask *p, const struct map_line *l)
{
	uint64_t value;
	int fd, ret;

	if (map_get(&c->memory, l->ino, &value))
		return value & ~OURS_TO_CLOSE;
	fd = memfd_create("rr-shared", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	map_set(&c->memory, l->ino, fd | OURS_TO_CLOSE);
	ret = ftruncate(fd, l->offset + (l->end - l->start)) < 0 ? -errno : read_mapping(p, l, fd);
	return ret ? ret : fd;
}

/* Map our `ours` where the line is. */
static int map_there(struct ptask *p, const struct map_line *l, int ours, int flags)
{
	int64_t fd, result;
	int ret = task_remote_open(&p->t, &fd, STUB_DATA, ours, O_RDWR);

	if (ret || fd < 0)
		return ret ? ret : (int)fd;
	ret = remote_ok(
		p, __NR_mmap,
		REMOTE_ARGS(l->start, l->end - l->start, l->prot, flags | MAP_FIXED, fd, l->offset),
		&result);
	if (!ret)
		ret = remote_ok(p, __NR_close, REMOTE_ARGS(fd), &result);
	return ret;
}

/* Map the copy of what the line shows where that is. */
static int remap(struct copying *c, struct ptask *p, const struct map_line *l)
{
	int ours = memory_copy_of(c, p, l);

	return ours < 0 ? ours : map_there(p, l, ours, MAP_SHARED);
}

/* Pages that a process has written to, which are no longer the file's. */
struct own {
	struct ptask *p;
	struct buf pages; /* struct own_page */
	int ret;
};

struct own_page {
	raddr_t addr;
	uint8_t bytes[PAGE_SIZE_BYTES];
};

static void keep_page(void *ctx, raddr_t page)
{
	struct own *own = ctx;
	struct own_page *k = buf_extend(&own->pages, sizeof(*k));

	k->addr = page;
	if (!own->ret)
		own->ret = mm_read(own->p->t.mm, page, k->bytes, sizeof(k->bytes));
}

/* What nobody has written to is to be the copy's file, which the original goes on to change. */
static int remap_private(struct ptask *p, const struct map_line *l, int ours)
{
	struct own own = {.p = p, .pages = BUF_INIT};
	int ret = own_pages(p->t.tid, l->start, l->end, keep_page, &own);

	if (!ret)
		ret = own.ret;
	if (!ret)
		ret = map_there(p, l, ours, MAP_PRIVATE | MAP_NORESERVE);
	for (size_t at = 0; !ret && at < own.pages.len; at += sizeof(struct own_page)) {
		const struct own_page *k = (const void *)(own.pages.data + at);

		ret = mm_write(p->t.mm, k->addr, k->bytes, sizeof(k->bytes));
	}
	buf_release(&own.pages);
	return ret;
}

static int copy_shared_files(struct copying *c)
{
	map_for_each (&c->from->shared, slot) {
		int fd = memfd_create("rr-shared", MFD_CLOEXEC), ret;
		struct stat st;

		if (fd < 0)
			return -errno;
		map_set(&c->to->shared, slot->key, fd);
		ret = copy_content(slot->value, fd);
		if (ret || fstat(slot->value, &st) < 0)
			return ret ? ret : -errno;
		map_set(&c->memory, st.st_ino, fd);
		map_set(&c->files, st.st_ino, fd);
	}
	return 0;
}

static int unshare_line(struct copying *c, struct ptask *p, const struct map_line *l,
			const struct stat *agent)
{
	uint64_t file;

	if (l->shared)
		return l->ino && l->ino != agent->st_ino ? remap(c, p, l) : 0;
	/* All memory files are on one file system. */
	if (l->dev != agent->st_dev || !map_get(&c->files, l->ino, &file))
		return 0;
	return remap_private(p, l, (int)file);
}

/* A process of the copy: all that it shares with the original is to be its own. */
static int unshare_process(struct copying *c, struct ptask *p, const struct stat *agent)
{
	struct maps maps;
	int ret = maps_read(p->t.tid, &maps);

	if (ret)
		return ret;
	for (size_t i = 0; !ret && i < maps.count; i++)
		ret = unshare_line(c, p, &maps.lines[i], agent);
	maps_release(&maps);
	return ret;
}

static int copy_shared_memory(struct copying *c)
{
	struct stat agent;
	int ret;

	if (!c->from->maps_shared && !c->from->shared.count)
		return 0;
	if (fstat(c->from->agent.fd, &agent) < 0)
		return failed(c->from, errno, "the memory shared with the agent");
	ret = copy_shared_files(c);
	map_for_each (&c->mms, slot) {
		if (!ret)
			ret = unshare_process(c, (struct ptask *)(uintptr_t)slot->value, &agent);
	}
	return ret ? failed(c->from, ret, "a copy of shared memory") : 0;
}

/* --- all --- */

static int copy_tasks(struct copying *c, bool leaders)
{
	map_for_each (&c->from->tasks, slot) {
		struct ptask *p = (struct ptask *)(uintptr_t)slot->value;
		int ret = 0;

		if ((p->t.tid == p->t.tgid) == leaders)
			ret = leaders ? copy_leader(c, p) : copy_thread(c, p);
		if (ret)
			return ret;
	}
	return 0;
}

int session_fork(struct session *s, struct session *copy)
{
	struct copying c = {.from = s, .to = copy};
	int ret;

	*copy = *s;
	map_init(&copy->tasks);
	map_init(&copy->shared);
	copy->common->users++;
	ret = copy_tasks(&c, true);
	if (!ret)
		ret = copy_tasks(&c, false);
	if (!ret)
		ret = copy_shared_memory(&c);
	if (!ret)
		ret = advise_copies(&c);
	map_for_each (&c.memory, slot) {
		if (slot->value & OURS_TO_CLOSE)
			close(slot->value & ~OURS_TO_CLOSE);
	}
	map_release(&c.memory);
	map_release(&c.files);
	map_release(&c.groups);
	map_release(&c.mms);
	if (ret)
		session_close(copy);
	return ret;
}
