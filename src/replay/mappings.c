/*
 * The address space of a replayed task is shaped by the same calls as the recorded one, at the
 * recorded addresses; files come from the trace.
 */
#include "base/log.h"
#include "mem/maps.h"
#include "replay/session.h"

#include <asm/unistd_64.h>
#include <fcntl.h>
#include <linux/mman.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <unistd.h>

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif
#define MADV_GUARD_INSTALL_ 102 /* Linux 6.13 */
#define MADV_GUARD_REMOVE_  103

/* The call must give what it gave; -ENOMEM has partial effects, which are repeated as well. */
static int expect(struct session *s, struct ptask *p, int nr, int64_t result, int64_t want)
{
	if (result == want)
		return 0;
	return diverged(s, p, "%s in the replayed task gave %lld, not %lld",
			syscall_name(ARCH_X86_64, nr), (long long)result, (long long)want);
}

static int call_expect(struct session *s, struct ptask *p, int nr, const uint64_t args[6],
		       int64_t want)
{
	int64_t result;
	int ret = remote(s, p, &result, nr, args);

	return ret ? ret : expect(s, p, nr, result, want);
}

void batch_begin(struct batch *b, struct session *s, struct ptask *p)
{
	b->s = s;
	b->p = p;
	b->at_once = !s->agent.filtered;
	agent_batch_begin(&s->agent);
}

int batch_run(struct batch *b)
{
	const struct agent_state *a = b->s->agent.state;
	int ret;

	if (!a->n_batch)
		return 0;
	ret = agent_batch_run(&b->s->agent, &b->p->t);
	if (ret == -ESRCH)
		return failed(b->s, ret, "task %d cannot be made to map memory", b->p->rec_tid);
	ret = 0;
	for (uint32_t i = 0; !ret && i < a->batch_done; i++)
		ret = expect(b->s, b->p, (int)a->batch[i].nr, a->batch[i].result, b->want[i]);
	agent_batch_begin(&b->s->agent);
	return ret;
}

int batch_add(struct batch *b, int nr, const uint64_t args[6], int64_t want)
{
	int ret = 0;

	if (b->at_once)
		return call_expect(b->s, b->p, nr, args, want);
	if (agent_batch_full(&b->s->agent))
		ret = batch_run(b);
	if (!ret)
		b->want[agent_batch_add(&b->s->agent, nr, args)] = want;
	return ret;
}

/* Open our own descriptor `fd` in the tracee: a number there, or an error. */
static int open_in_tracee(struct session *s, struct ptask *p, int fd, int flags)
{
	int64_t result;
	int ret = task_remote_open(&p->t, &result, STUB_DATA, fd, flags);

	if (ret == -EFAULT)
		return diverged(s, p, "the stub's page is gone");
	if (ret)
		return failed(s, ret, "task %d cannot be made to open a file", p->rec_tid);
	return result < 0 ? failed(s, result, "open a file of the trace") : (int)result;
}

/*
 * A replayed task opens nothing by itself, so its table of descriptors is ours: it keeps those of
 * the files that are mapped again and again (libraries), through forks and execs.
 */
#define MAX_KEPT_FDS 200

static void keep_fd(struct session *s, struct ptask *p, uint32_t file, int fd)
{
	map_set(&p->group->fds, file, fd);
	calls_note_file(s, file, fd);
}

static int private_file_in_tracee(struct session *s, struct ptask *p, uint32_t file, bool *keep)
{
	uint64_t fd;
	int ours, theirs;

	*keep = true;
	if (map_get(&p->group->fds, file, &fd))
		return fd;
	ours = file_fd(s, file);
	if (ours < 0)
		return ours;
	theirs = open_in_tracee(s, p, ours, O_RDONLY);
	*keep = theirs >= 0 && p->group->fds.count < MAX_KEPT_FDS;
	if (*keep)
		keep_fd(s, p, file, theirs);
	return theirs;
}

/* Libraries come first: they are mapped by others, and clones can be read without. */
int give_file(struct session *s, struct ptask *p, uint32_t file, int ours)
{
	uint64_t fd;
	int theirs;

	if (map_get(&p->group->fds, file, &fd)) {
		calls_note_file(s, file, (int)fd);
		return 0;
	}
	if (p->group->fds.count >= MAX_KEPT_FDS / 2)
		return 0;
	theirs = open_in_tracee(s, p, ours, O_RDONLY);
	if (theirs < 0)
		return theirs;
	keep_fd(s, p, file, theirs);
	return 0;
}

static int shared_file_in_tracee(struct session *s, struct ptask *p, const struct trace_mapping *m)
{
	int ours = shared_file_fd(s, m->file, m->file_size);

	return ours < 0 ? ours : open_in_tracee(s, p, ours, O_RDWR);
}

int batch_mapping(struct batch *b, const struct trace_mapping *m)
{
	struct session *s = b->s;
	struct ptask *p = b->p;
	uint64_t flags = (uint32_t)m->flags | MAP_FIXED, offset = m->offset;
	bool keep = false;
	int fd = -1, ret;

	if (overlaps_ours(m->start, m->end))
		return failed(s, -EEXIST, "it maps %#llx, which replay uses itself",
			      (unsigned long long)m->start);
	s->maps_shared |= m->flags & MAP_SHARED;
	if (m->file && m->name[0] == '/' && !map_get_ptr(&s->common->names, m->file))
		map_set_ptr(&s->common->names, m->file, xstrdup(m->name));
	switch (m->source) {
	case MAP_FROM_NOTHING:
		return batch_add(b, __NR_munmap, REMOTE_ARGS(m->start, m->end - m->start), 0);
	case MAP_FROM_ZERO:
		flags |= MAP_ANONYMOUS | MAP_NORESERVE;
		offset = 0;
		break;
	case MAP_FROM_FILE:
		fd = private_file_in_tracee(s, p, m->file, &keep);
		break;
	case MAP_FROM_SHARED:
		fd = shared_file_in_tracee(s, p, m);
		break;
	}
	if (m->source != MAP_FROM_ZERO && fd < 0)
		return fd;
	ret = batch_add(b, __NR_mmap,
			REMOTE_ARGS(m->start, m->end - m->start, m->prot, flags, fd, offset),
			m->start);
	if (!ret && fd >= 0 && !keep)
		ret = batch_add(b, __NR_close, REMOTE_ARGS(fd), 0);
	return ret;
}

int map_recorded(struct session *s, struct ptask *p, const struct trace_mapping *m)
{
	struct batch b = {.s = s, .p = p, .at_once = true};

	return batch_mapping(&b, m);
}

static int replay_brk(struct session *s, struct ptask *p, const struct abi_call *call)
{
	raddr_t old = page_ceil(p->t.mm->brk), new = page_ceil(call->ret);
	bool known = p->t.mm->brk;

	p->t.mm->brk = call->ret;
	if (!known || old == new)
		return 0;
	if (new < old)
		return call_expect(s, p, __NR_munmap, REMOTE_ARGS(new, old - new), 0);
	return call_expect(s, p, __NR_mmap,
			   REMOTE_ARGS(old, new - old, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
				       0),
			   old);
}

static int replay_mremap(struct session *s, struct ptask *p, const struct abi_call *call)
{
	const uint64_t *a = call->arg;
	uint64_t flags = a[3] & MREMAP_DONTUNMAP;

	if ((raddr_t)call->ret != a[0] || flags)
		flags |= MREMAP_MAYMOVE | MREMAP_FIXED;
	return call_expect(s, p, __NR_mremap, REMOTE_ARGS(a[0], a[1], a[2], flags, call->ret),
			   call->ret);
}

/* Advice that changes what memory holds or who inherits it; the rest is only about speed. */
static bool advice_matters(int advice)
{
	static const int matters[] = {
		MADV_DONTNEED,	     MADV_REMOVE,	 MADV_FREE,	  MADV_DONTFORK,
		MADV_DOFORK,	     MADV_WIPEONFORK,	 MADV_KEEPONFORK, MADV_DONTNEED_LOCKED,
		MADV_GUARD_INSTALL_, MADV_GUARD_REMOVE_,
	};

	for (size_t i = 0; i < ARRAY_SIZE(matters); i++)
		if (matters[i] == advice)
			return true;
	return false;
}

static int replay_madvise(struct session *s, struct ptask *p, const struct abi_call *call)
{
	int advice = call->arg[2];

	if (!advice_matters(advice))
		return 0;
	s->forks_differ |= advice == MADV_DONTFORK || advice == MADV_WIPEONFORK;
	if (advice == MADV_FREE || advice == MADV_DONTNEED_LOCKED)
		advice = MADV_DONTNEED;
	return call_expect(s, p, call->nr, REMOTE_ARGS(call->arg[0], call->arg[1], advice),
			   call->ret);
}

/* Unmap the pieces of the segment attached at `addr`. */
static int replay_shmdt(struct session *s, struct ptask *p, const struct abi_call *call)
{
	const struct map_line *first;
	struct maps maps;
	raddr_t addr = call->arg[0];
	int ret = maps_read(p->t.tid, &maps);

	if (ret)
		return failed(s, ret, "the mappings of task %d", p->rec_tid);
	first = maps_find(&maps, addr);
	for (size_t i = 0; !ret && first && i < maps.count; i++) {
		const struct map_line *l = &maps.lines[i];

		if (l->ino == first->ino && l->dev == first->dev && l->start - l->offset == addr)
			ret = call_expect(s, p, __NR_munmap,
					  REMOTE_ARGS(l->start, l->end - l->start), 0);
	}
	maps_release(&maps);
	return ret;
}

void limit_stack(pid_t pid, uint64_t bytes)
{
	struct rlimit lim;

	if (prlimit(pid, RLIMIT_STACK, NULL, &lim) < 0)
		return;
	lim.rlim_cur = bytes;
	lim.rlim_max = max_u64(lim.rlim_max,
			       bytes); /* raising it needs privilege; else as far as allowed */
	if (prlimit(pid, RLIMIT_STACK, &lim, NULL) < 0)
		warn("the stack limit of %llu bytes cannot be set: a stack overflow may differ",
		     (unsigned long long)bytes);
}

int replay_stack_limit(struct session *s, struct ptask *p, const struct abi_call *call)
{
	bool old = call->nr == __NR_setrlimit;
	raddr_t new_limit = call->arg[old ? 1 : 2];
	pid_t pid = old ? 0 : call->arg[0];
	struct ptask *target = pid ? ptask_find(s, pid) : p;
	uint64_t lim[2];

	if ((!old && call->nr != __NR_prlimit64) || call->ret || !new_limit || !target ||
	    call->arg[old ? 0 : 1] != RLIMIT_STACK)
		return 0;
	if (mm_read(p->t.mm, new_limit, lim, sizeof(lim)))
		return diverged(s, p, "the new limit cannot be read");
	limit_stack(target->t.tgid, lim[0]);
	return 0;
}

int replay_personality(struct session *s, struct ptask *p, const struct abi_call *call)
{
	const uint64_t args[6] = {ADDR_NO_RANDOMIZE | (call->arg[0] & READ_IMPLIES_EXEC)};
	int64_t result;

	if (call->nr != __NR_personality || is_error(call->ret) ||
	    (uint32_t)call->arg[0] == UINT32_MAX)
		return 0;
	return remote(s, p, &result, __NR_personality, args);
}

bool shapes_memory(enum syscall_class c)
{
	switch (c) {
	case SYS_MEM:
	case SYS_MADVISE:
	case SYS_MMAP:
	case SYS_MREMAP:
	case SYS_BRK:
	case SYS_SHMAT:
	case SYS_SHMDT:
		return true;
	default:
		return false;
	}
}

int replay_memory_call(struct session *s, struct ptask *p, const struct syscall_row *row,
		       const struct abi_call *call)
{
	if (is_error(call->ret) &&
	    !(call->ret == -ENOMEM && (row->class == SYS_MEM || row->class == SYS_MADVISE)))
		return 0;
	if (call->ret == -ENOMEM && overlaps_ours(call->arg[0], call->arg[0] + call->arg[1]))
		return 0; /* the recorder did not let it be made */
	switch (row->class) {
	case SYS_MEM:
		if (s->ev.piecewise)
			return 0;
		return call_expect(s, p, call->nr, call->arg, call->ret);
	case SYS_MADVISE:
		return replay_madvise(s, p, call);
	case SYS_BRK:
		return replay_brk(s, p, call);
	case SYS_MREMAP:
		return replay_mremap(s, p, call);
	case SYS_SHMDT:
		return replay_shmdt(s, p, call);
	default: /* mmap, shmat: by the mapping in the event */
		return 0;
	}
}

int replay_mappings(struct session *s, struct ptask *p)
{
	struct batch b;
	int ret = 0;

	batch_begin(&b, s, p);
	for (size_t i = 0; !ret && i < s->ev.n_maps; i++) {
		const struct trace_mapping *m = &s->ev.maps[i];
		struct ptask *owner = m->tid ? ptask_find(s, m->tid) : p;

		if (!owner)
			return bad_trace(s, "it maps for task %d, which is not there", m->tid);
		if (owner != b.p) {
			ret = batch_run(&b);
			batch_begin(&b, s, owner);
		}
		if (!ret)
			ret = batch_mapping(&b, m);
	}
	return ret ? ret : batch_run(&b);
}
