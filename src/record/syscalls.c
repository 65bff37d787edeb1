/*
 * A system call from its entry stop to its exit stop. The row of the table says what it wrote; the
 * classes that do more have files of their own.
 *
 * A call that ends with -ERESTART* has not ended: the kernel restarts it, unseen by the program, or
 * runs a handler first (signals.c), which is when its exit is written. Arguments in registers are
 * the program's own at every moment at which a signal frame could be built from them.
 */
#include "record/session.h"

#include "base/clock.h"
#include "base/log.h"

#include <asm/unistd_64.h>
#include <sys/mman.h>

static enum next resume_interrupted(struct recorder *rec, struct rtask *t)
{
	struct abi_call call;

	regs_to_call(&t->t.regs, &call);
	if (call.nr != t->call.nr && call.nr != __NR_restart_syscall)
		BUG("task %d: %s was interrupted, but %s came next", t->t.tid,
		    syscall_name(t->call.arch, t->call.nr), syscall_name(call.arch, call.nr));
	t->interrupted = false;
	if (t->remade)
		remake_entered(t);
	signals_raise_stash(t);
	scratch_redirect(rec, t);
	return NEXT_KERNEL;
}

/*
 * `int 0x80` in 64-bit code asks for a call by its i386 number. The syscall instruction leaves rip
 * in rcx; only where it does not, the instruction is looked at.
 */
static bool is_int80(struct rtask *t)
{
	const struct user_regs_struct *u = &t->t.regs.u;
	uint8_t insn[2];

	return u->rcx != u->rip && !mm_read(t->t.mm, u->rip - 2, insn, sizeof(insn)) &&
	       insn[0] == 0xcd && insn[1] == 0x80;
}

void log_restart(struct recorder *rec, struct rtask *t)
{
	struct event_builder b;

	begin_syscall_event(&b, rec, t, -ERESTARTNOINTR);
	b.ev.regs_after = (struct trace_bytes){&t->t.regs, sizeof(t->t.regs)};
	event_end(&b, t);
}

/*
 * Signals that arrived in running code come before this call, which could change what they do or
 * never return: it is skipped and its instruction run again after them. Replay finds an event for
 * that, with a result that no program sees.
 */
static enum next put_off(struct recorder *rec, struct rtask *t, bool restore_code)
{
	struct event_builder b;
	struct regs *r;
	int ret;

	call_skip(t);
	ret = task_run_call(&t->t);
	if (ret)
		return NEXT_DYING;
	t->in_syscall = false;
	if (t->t.stop.kind != STOP_SYSCALL)
		return NEXT_AGAIN;
	task_set_regs(&t->t, &t->entry_regs);
	r = task_regs_modify(&t->t);
	r->u.rip -= SYSCALL_INSN_SIZE;
	r->u.rax = t->call.nr;
	r->u.orig_rax = -1;
	begin_syscall_event(&b, rec, t, -ERESTARTNOINTR);
	b.ev.regs_after = (struct trace_bytes){r, sizeof(*r)};
	if (restore_code)
		code_protected(&b, t, t->call.arg[0], t->call.arg[0] + page_ceil(t->call.arg[1]),
			       PROT_WRITE);
	event_end(&b, t);
	signals_note_boundary(t);
	return NEXT_USER;
}

/* Patched text would be too far from its stubs: the original is mapped before it moves. */
static bool moves_code(const struct rtask *t)
{
	return t->call.nr == __NR_mremap &&
	       code_overlaps(t, t->call.arg[0], t->call.arg[0] + page_ceil(t->call.arg[1]));
}

/* A call that can wait is interrupted by them instead, as it would be a moment later. */
static bool signals_come_first(struct rtask *t)
{
	const bool inside = t->row && t->row->class == SYS_PLAIN && t->may_block;

	return t->stash.n && !inside && signals_raise_stash(t);
}

enum next on_syscall_entry(struct recorder *rec, struct rtask *t)
{
	struct abi_mem mem = mm_abi(t->t.mm);

	if (task_regs(&t->t))
		return NEXT_DYING;
	t->in_syscall = true;
	t->boundary = 0;
	t->safepoint = 0;
	if (t->joined.n)
		signals_raise_joined(t);
	if (t->interrupted)
		return resume_interrupted(rec, t);
	if (is_int80(t)) {
		rec->error = error_ret(-ENOTSUP,
				       "task %d makes a 32-bit system call (int 0x80), which is "
				       "not supported yet; the recording ends before it",
				       t->t.tid);
		return NEXT_STAY;
	}
	t->entry_regs = t->t.regs;
	regs_to_call(&t->t.regs, &t->call);
	t->row = syscall_row(t->call.arch, t->call.nr);
	t->entry_logged = false;
	t->force_result = t->unmap_around = false;
	t->echo_fd = 0;
	t->may_block = t->row && syscall_may_block(t->row, &t->call, &mem);
	t->n_remade = 0;
	if (t->may_block)
		t->entered_ns = clock_now_ns();
	remaining_keep(t);
	log_debug("task %d: enters %s", t->t.tid, syscall_name(t->call.arch, t->call.nr));
	if (signals_come_first(t))
		return put_off(rec, t, false);
	if (moves_code(t))
		return put_off(rec, t, true);
	if (tsc_is_last_chance(t)) {
		code_note_foreign(t);
		return put_off(rec, t, false);
	}
	syscall_prepare(rec, t);
	buffer_continue_partial(rec, t);
	forced_note_entry(t);
	signals_raise_stash(t);
	if (t->force_result)
		call_skip(t);
	else
		scratch_redirect(rec, t);
	/* It does not return: replay must know how far the task ran, for others may share its
	 * memory. */
	if (t->row && (t->row->class == SYS_EXIT || t->row->class == SYS_EXIT_GROUP))
		log_entry(rec, t);
	return NEXT_KERNEL;
}

void log_entry(struct recorder *rec, struct rtask *t)
{
	struct event_builder b;

	if (t->entry_logged)
		return;
	event_begin(&b, rec, t, EV_SYSCALL_ENTRY);
	b.ev.arch = t->call.arch;
	b.ev.syscall = t->call.nr;
	b.ev.regs = (struct trace_bytes){&t->entry_regs, sizeof(t->entry_regs)};
	futex_add_entry(&b, t);
	event_end(&b, t);
	t->entry_logged = true;
}

void begin_syscall_event(struct event_builder *b, struct recorder *rec, struct rtask *t,
			 int64_t result)
{
	event_begin(b, rec, t, t->entry_logged ? EV_SYSCALL_EXIT : EV_SYSCALL);
	b->ev.arch = t->call.arch;
	b->ev.syscall = t->call.nr;
	b->ev.result = result;
	if (!t->entry_logged)
		b->ev.regs = (struct trace_bytes){&t->entry_regs, sizeof(t->entry_regs)};
}

/* What the call wrote, by the table; a call that the table cannot describe ends the recording. */
static void add_outputs(struct event_builder *b, struct rtask *t)
{
	struct abi_mem mem = mm_abi(t->t.mm);
	struct emit_ctx ctx = {.b = b, .t = t};
	struct recorder *rec = b->rec;

	if (!t->row) {
		/* A filter may give it any error. */
		if (t->call.ret == -ENOSYS || (t->call.ret < 0 && t->filter_vdso))
			return;
		rec->error = error_ret(-ENOTSUP,
				       "system call %d has no row: add it to src/abi/syscalls.def; "
				       "the recording ends before it",
				       t->call.nr);
		return;
	}
	if (syscall_outputs(t->row, &t->call, &mem, event_emit, &ctx, &b->why))
		rec->error =
			error_ret(-ENOTSUP, "%s; the recording ends before it", buf_str(&b->why));
}

/* process_vm_writev into another tracee: what it wrote there. */
static void add_remote_writes(struct event_builder *b, struct rtask *t)
{
	struct rtask *victim = rtask_find(b->rec, t->call.arg[0]);
	int64_t left = t->call.ret;

	if (!victim)
		return;
	for (uint64_t i = 0; left > 0 && i < t->call.arg[4]; i++) {
		uint64_t iov[2];

		if (mm_read(t->t.mm, t->call.arg[3] + 16 * i, iov, sizeof(iov)))
			return;
		event_add_memory(b, victim, iov[0], min_u64(iov[1], left));
		left -= min_u64(iov[1], left);
	}
}

/* Calls that change mappings of instrumented code. */
static void add_code_changes(struct event_builder *b, struct rtask *t, int64_t result)
{
	const uint64_t *a = t->call.arg;

	/* Some of it may be executable now even if it failed. */
	if ((t->call.nr == __NR_mprotect || t->call.nr == __NR_pkey_mprotect) && (a[2] & PROT_EXEC))
		code_note_foreign(t);
	if (is_error(result))
		return;
	switch (t->call.nr) {
	case __NR_munmap:
		if (t->unmap_around)
			code_unmap_around(b, t, a[0], a[0] + page_ceil(a[1]));
		code_unmapped(b, t, a[0], a[0] + page_ceil(a[1]));
		break;
	case __NR_mremap:
		code_unmapped(b, t, a[0], a[0] + page_ceil(a[1]));
		code_unmapped(b, t, result, result + page_ceil(a[2]));
		scratch_forget(b->rec, t->t.mm, a[0], a[0] + page_ceil(a[1]));
		break;
	case __NR_mprotect:
	case __NR_pkey_mprotect:
		code_protected(b, t, a[0], a[0] + page_ceil(a[1]), a[2]);
		break;
	}
}

void log_exit(struct recorder *rec, struct rtask *t, int64_t result)
{
	struct event_builder b;
	struct trace_file_write fw;
	struct buf file_data = BUF_INIT;

	t->call.ret = result;
	if (result >= 0)
		hide_code_in_maps(rec, t, result);
	begin_syscall_event(&b, rec, t, result);
	add_outputs(&b, t);
	if (rec->error) {
		free(b.writes);
		buf_release(&b.why);
		return;
	}
	if (result > 0)
		b.ev.echo_fd = t->echo_fd;
	if (t->call.nr == __NR_process_vm_writev && result > 0)
		add_remote_writes(&b, t);
	attach_add_writes(&b, t, result);
	if (t->row && t->row->class == SYS_REGS)
		b.ev.regs_after = (struct trace_bytes){&t->t.regs, sizeof(t->t.regs)};
	add_file_changes(&b, t, result, &file_data, &fw);
	add_code_changes(&b, t, result);
	add_proc_mem_write(&b, t, result);
	event_end(&b, t);
	buf_release(&file_data);
}

static void log_sigreturn(struct recorder *rec, struct rtask *t)
{
	struct event_builder b;

	enter_displaced(t);
	begin_syscall_event(&b, rec, t, t->t.regs.u.rax);
	b.ev.regs_after = (struct trace_bytes){&t->t.regs, sizeof(t->t.regs)};
	if (!task_fpregs(&t->t, &rec->fpregs))
		b.ev.fpregs = (struct trace_bytes){rec->fpregs.data, rec->fpregs.len};
	event_end(&b, t);
}

/* The addresses that the kernel will write to when the task exits. */
static void note_exit_addresses(struct rtask *t)
{
	if (t->row->class == SYS_SETTID)
		t->clear_tid = t->call.arg[0];
	else if (t->call.nr == __NR_set_robust_list && !t->call.ret)
		t->robust_list = t->call.arg[0];
}

/* --num-cores: the tracees are bound to one core, but may be told of others. */
static void pretend_cores(struct recorder *rec, struct rtask *t, int64_t bytes)
{
	uint8_t mask[128] = {0};

	for (int i = 0; i < rec->opt->num_cores && i < bytes * 8 && i < (int)sizeof(mask) * 8; i++)
		mask[i / 8] |= 1U << i % 8;
	mm_write(t->t.mm, t->call.arg[2], mask, min_u64(bytes, sizeof(mask)));
}

enum next on_syscall_exit(struct recorder *rec, struct rtask *t)
{
	enum syscall_class class = t->row ? t->row->class : SYS_PLAIN;
	int64_t ret;

	if (task_regs(&t->t))
		return NEXT_DYING;
	t->in_syscall = false;
	if (t->force_result)
		task_regs_modify(&t->t)->u.rax = t->forced;
	ret = t->t.regs.u.rax;
	if (t->partial)
		task_regs_modify(&t->t)->u.rax = ret = buffer_partial_result(t, ret);
	if (is_restart(ret) && class != SYS_SIGRETURN && !t->force_result) {
		t->interrupted = true;
		scratch_copy_back(t, ret);
		remaining_hide(t);
		scratch_restore_args(t);
		log_entry(rec, t); /* others may run before it is made again */
		return NEXT_USER;
	}
	if (ret == -EINTR && !t->force_result && remake_interrupted(rec, t)) {
		scratch_restore_args(t);
		log_entry(rec, t);
		return NEXT_USER;
	}
	t->call.ret = ret;
	scratch_copy_back(t, ret);
	scratch_restore_args(t);
	if (t->call.nr == __NR_sched_getaffinity && ret > 0 && rec->opt->num_cores)
		pretend_cores(rec, t, ret);
	if (class == SYS_EXEC)
		rtask_exec_over(rec, t);
	if (class == SYS_EXEC && ret == 0)
		log_exec(rec, t);
	else if (class == SYS_SIGRETURN)
		log_sigreturn(rec, t);
	else if (class == SYS_MMAP)
		on_mmap_exit(rec, t, ret);
	else if (class == SYS_SHMAT)
		on_shmat_exit(rec, t, ret);
	else
		log_exit(rec, t, ret);
	if (t->row)
		note_exit_addresses(t);
	forced_note_exit(t);
	filter_note_exit(rec, t);
	/* A signal that is due now (raised by the call, or unblocked) comes before the next
	 * instruction. */
	signals_note_boundary(t);
	return NEXT_USER;
}
