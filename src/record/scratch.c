/*
 * Scratch memory: while one thread waits in the kernel, its siblings run. If the kernel wrote the
 * result into the program's memory at a moment of its choosing, the siblings could see it come; so
 * the outputs of calls that wait are redirected into memory of ours in the same address space, and
 * copied to their place at the exit, which is an event. Alone in an address space that shares no
 * memory, nobody can look.
 */
#include "record/session.h"

#include "base/log.h"

#include <asm/unistd_64.h>
#include <sys/mman.h>

#define SCRATCH_MIN (64ULL << 10)
#define SCRATCH_MAX (16ULL << 20) /* larger outputs are not redirected */

static bool reuse_spare(struct rtask *t, uint64_t size)
{
	struct mm_range r;

	if (!mm_take_spare(t->t.mm, size, &r))
		return false;
	if (t->scratch.size)
		mm_add_spare(t->t.mm, t->scratch.addr, t->scratch.addr + t->scratch.size);
	t->scratch.addr = r.start;
	t->scratch.size = r.end - r.start;
	return true;
}

/*
 * Get (more) scratch memory. A remote call cannot be made inside a system call: the one that the
 * task entered is cancelled, and made again afterwards.
 */
static int grow(struct rtask *t, uint64_t size)
{
	struct regs entry = t->t.regs;
	siginfo_t si;
	int64_t result;
	int ret;

	if (!filter_allows_remote(t))
		return -EPERM;
	call_skip(t);
	ret = task_run_call(&t->t);
	if (ret || t->t.stop.kind != STOP_SYSCALL)
		return -ESRCH;
	if (t->scratch.size) {
		ret = task_remote_syscall(&t->t, &result, __NR_munmap,
					  REMOTE_ARGS(t->scratch.addr, t->scratch.size));
		t->scratch.size = 0;
	}
	size = max_u64(page_ceil(size), SCRATCH_MIN);
	if (!ret)
		ret = task_remote_syscall(&t->t, &result, __NR_mmap,
					  REMOTE_ARGS(0, size, PROT_READ | PROT_WRITE,
						      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	if (ret)
		return ret;
	if (!is_error(result)) {
		t->scratch.addr = result;
		t->scratch.size = size;
	}
	/* Back into the call: to its instruction, and through it to the entry stop. */
	entry.u.rip -= SYSCALL_INSN_SIZE;
	entry.u.rax = entry.u.orig_rax;
	task_set_regs(&t->t, &entry);
	do {
		ret = task_run(&t->t, PTRACE_SYSCALL, 0);
		if (!ret && t->t.stop.kind == STOP_SIGNAL && !(ret = task_siginfo(&t->t, &si)))
			signals_stash(t, &si);
	} while (!ret && (t->t.stop.kind == STOP_SIGNAL || stop_is_early(&t->t.stop)));
	if (ret || t->t.stop.kind != STOP_SYSCALL)
		return -ESRCH;
	signals_raise_stash(t);
	return task_regs(&t->t);
}

static uint64_t usable(const struct scratch *s)
{
	return s->size ? s->size - SCRATCH_TAIL : 0;
}

raddr_t scratch_reserve(struct rtask *t, uint64_t size)
{
	if (size > usable(&t->scratch) && !reuse_spare(t, size + SCRATCH_TAIL) &&
	    grow(t, size + SCRATCH_TAIL))
		return 0;
	return size <= usable(&t->scratch) ? t->scratch.addr : 0;
}

raddr_t scratch_tail(struct rtask *t)
{
	const raddr_t at = scratch_reserve(t, 1);

	return at ? at + usable(&t->scratch) : 0;
}

size_t scratch_ranges(struct recorder *rec, const struct mm *mm, struct mm_range *out)
{
	size_t n = mm->n_spare;

	if (out && n)
		memcpy(out, mm->spare, n * sizeof(*out));
	map_for_each (&rec->tasks, slot) {
		const struct rtask *t = (struct rtask *)(uintptr_t)slot->value;

		if (t->t.mm != mm || !t->scratch.size)
			continue;
		if (out)
			out[n] = (struct mm_range){t->scratch.addr,
						   t->scratch.addr + t->scratch.size};
		n++;
	}
	return n;
}

void scratch_hide(struct recorder *rec, const struct mm *mm, raddr_t addr, uint8_t *copy, size_t n)
{
	const size_t n_ranges = scratch_ranges(rec, mm, NULL);
	struct mm_range *r = n_ranges ? xcalloc(n_ranges, sizeof(*r)) : NULL;

	scratch_ranges(rec, mm, r);
	for (size_t i = 0; i < n_ranges; i++) {
		const raddr_t start = max_u64(r[i].start, addr), end = min_u64(r[i].end, addr + n);

		if (start < end)
			memset(copy + (start - addr), 0, end - start);
	}
	free(r);
}

static bool overlaps(raddr_t start, raddr_t end, raddr_t a, raddr_t b)
{
	return start < b && end > a;
}

void scratch_forget(struct recorder *rec, struct mm *mm, raddr_t start, raddr_t end)
{
	for (size_t i = 0; i < mm->n_spare;) {
		if (overlaps(mm->spare[i].start, mm->spare[i].end, start, end))
			mm->spare[i] = mm->spare[--mm->n_spare];
		else
			i++;
	}
	map_for_each (&rec->tasks, slot) {
		struct rtask *t = (struct rtask *)(uintptr_t)slot->value;

		if (t->t.mm == mm && t->scratch.size &&
		    overlaps(t->scratch.addr, t->scratch.addr + t->scratch.size, start, end))
			t->scratch.addr = t->scratch.size = 0;
	}
}

void scratch_inherit(struct recorder *rec, const struct mm *parent, struct mm *child)
{
	child->n_spare = scratch_ranges(rec, parent, NULL);
	child->spare = xcalloc(child->n_spare + 1, sizeof(*child->spare));
	scratch_ranges(rec, parent, child->spare);
}

void scratch_release(struct rtask *t)
{
	if (t->scratch.size && t->t.mm->refs > 1)
		mm_add_spare(t->t.mm, t->scratch.addr, t->scratch.addr + t->scratch.size);
	t->scratch.size = 0;
}

void scratch_redirect(struct recorder *rec, struct rtask *t)
{
	struct scratch *s = &t->scratch;
	struct abi_mem mem = mm_abi(t->t.mm);
	uint64_t cap[6], total = 0;
	raddr_t next;

	s->n_redirects = 0;
	if (!t->may_block || (t->t.mm->refs == 1 && !t->t.mm->shared) || !t->row ||
	    t->row->class != SYS_PLAIN)
		return;
	for (int i = 0; i < 6; i++) {
		cap[i] = syscall_arg_capacity(t->row, &t->call, i, &mem);
		total += (cap[i] + 15) & ~15ULL;
	}
	if (!total || total > SCRATCH_MAX)
		return;
	next = scratch_reserve(t, total);
	if (!next)
		return;
	for (int i = 0; i < 6; i++) {
		struct buf b = BUF_INIT;

		if (!cap[i])
			continue;
		/* Only what is exactly as long as the result needs no copy of what was there
		 * before. */
		if (t->row->arg[i].kind != ARG_OUT_BUF_RET) {
			size_t n = mm_read_some(t->t.mm, t->call.arg[i], buf_reserve(&b, cap[i]),
						cap[i]);

			if (n < cap[i] || mm_write(t->t.mm, next, b.data, n)) {
				buf_release(&b);
				continue;
			}
			buf_release(&b);
		}
		regs_set_arg(task_regs_modify(&t->t), i, next);
		s->redirect[s->n_redirects].arg = i;
		s->redirect[s->n_redirects].user = t->call.arg[i];
		s->redirect[s->n_redirects].scratch = next;
		s->redirect[s->n_redirects++].len = cap[i];
		next += (cap[i] + 15) & ~15ULL;
	}
}

/* abi_emit_fn: copy a piece that the kernel wrote to scratch memory to its place. */
static void copy_piece(void *ctx, raddr_t addr, uint64_t len)
{
	struct rtask *t = ctx;
	struct scratch *s = &t->scratch;
	struct buf b = BUF_INIT;

	for (int i = 0; i < s->n_redirects; i++) {
		uint64_t off = addr - s->redirect[i].scratch;
		size_t got;

		if (addr < s->redirect[i].scratch || off >= s->redirect[i].len)
			continue;
		len = min_u64(len, s->redirect[i].len - off);
		got = mm_read_some(t->t.mm, addr, buf_reserve(&b, len), len);
		mm_write(t->t.mm, s->redirect[i].user + off, b.data, got);
		break;
	}
	buf_release(&b);
}

void scratch_copy_back(struct rtask *t, int64_t result)
{
	struct abi_mem mem = mm_abi(t->t.mm);
	struct abi_call call = t->call;
	struct buf why = BUF_INIT;

	if (!t->scratch.n_redirects)
		return;
	call.ret = result;
	for (int i = 0; i < t->scratch.n_redirects; i++)
		call.arg[t->scratch.redirect[i].arg] = t->scratch.redirect[i].scratch;
	syscall_outputs(t->row, &call, &mem, copy_piece, t, &why);
	buf_release(&why);
}

void scratch_restore_args(struct rtask *t)
{
	t->scratch.n_redirects = 0;
	for (int i = 0; i < 6; i++)
		if (regs_get_arg(&t->t.regs, i) != regs_get_arg(&t->entry_regs, i) &&
		    t->row->class != SYS_SIGRETURN && t->row->class != SYS_EXEC)
			regs_set_arg(task_regs_modify(&t->t), i, regs_get_arg(&t->entry_regs, i));
}
