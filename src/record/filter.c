/*
 * Seccomp filters of the program. They are asked about calls that it does not make: about number
 * -1, which is how a call is skipped (the kernel asks the filter after the tracer,
 * kernel/entry/common.c), our own remote calls, and those of the patched vDSO. So the kernel is
 * given a copy of each filter that begins by allowing these.
 */
#include "record/session.h"

#include "base/log.h"

#include <asm/unistd_64.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

/* In the sixth argument it tells our -1 from syscall(-1). */
#define SKIP_MARK   0x72725f736b6970ULL
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define LOAD_HIGH(field) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field) + 4)
#define JUMP(op, k, jt, jf) BPF_JUMP(BPF_JMP | (op) | BPF_K, (uint32_t)(k), jt, jf)
#define PROLOGUE_LEN	    17

void call_skip(struct rtask *t)
{
	struct regs *r = task_regs_modify(&t->t);

	r->u.orig_rax = -1;
	if (t->filter_vdso)
		regs_set_arg(r, 5, SKIP_MARK);
}

bool filter_allows_remote(const struct rtask *t)
{
	return !t->strict && (!t->filter_vdso || t->filter_vdso == t->t.mm->vdso);
}

static void make_prologue(const struct mm *mm, struct sock_filter out[PROLOGUE_LEN])
{
	const raddr_t start = mm->vdso, end = start + mm->vdso_size;
	const struct sock_filter f[PROLOGUE_LEN] = {
		LOAD(nr),
		JUMP(BPF_JEQ, -1, 0, 4),
		LOAD(args[5]),
		JUMP(BPF_JEQ, SKIP_MARK, 0, 2),
		LOAD_HIGH(args[5]),
		JUMP(BPF_JEQ, SKIP_MARK >> 32, 9, 0),
		LOAD_HIGH(instruction_pointer),
		JUMP(BPF_JEQ, 0, 0, 3),
		LOAD(instruction_pointer),
		JUMP(BPF_JGE, AGENT_CODE, 0, 6),
		JUMP(BPF_JGE, OURS_END, 5, 4),
		JUMP(BPF_JEQ, start >> 32, 0, 4),
		LOAD(instruction_pointer),
		JUMP(BPF_JGE, start, 0, 2),
		JUMP(BPF_JGE, end, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		/* A filter may rely on finding 0. */
		BPF_STMT(BPF_LD | BPF_IMM, 0),
	};

	memcpy(out, f, sizeof(f));
}

/* Argument `arg` is a struct sock_fprog: give the kernel ours. */
static void replace_filter(struct rtask *t, int arg)
{
	struct sock_fprog prog;
	struct sock_filter *f;
	raddr_t at;

	if (mm_read(t->t.mm, t->call.arg[arg], &prog, sizeof(prog)) || !prog.len)
		return;
	if (prog.len > BPF_MAXINSNS - PROLOGUE_LEN) {
		warn("task %d: its seccomp filter is too long to be extended", t->t.tid);
		t->strict = true;
		return;
	}
	f = xcalloc(prog.len + PROLOGUE_LEN, sizeof(*f));
	make_prologue(t->t.mm, f);
	if (mm_read(t->t.mm, (uintptr_t)prog.filter, f + PROLOGUE_LEN, prog.len * sizeof(*f)))
		goto out;
	prog.len += PROLOGUE_LEN;
	at = scratch_reserve(t, sizeof(prog) + prog.len * sizeof(*f));
	if (!at)
		goto out;
	prog.filter = (void *)(at + sizeof(prog));
	if (!mm_write(t->t.mm, at, &prog, sizeof(prog)) &&
	    !mm_write(t->t.mm, at + sizeof(prog), f, prog.len * sizeof(*f)))
		regs_set_arg(task_regs_modify(&t->t), arg, at);
out:
	free(f);
}

static bool sets_filter(const struct abi_call *c, int *arg)
{
	*arg = 2;
	return c->nr == __NR_prctl
		       ? (int)c->arg[0] == PR_SET_SECCOMP && c->arg[1] == SECCOMP_MODE_FILTER
		       : c->nr == __NR_seccomp && (int)c->arg[0] == SECCOMP_SET_MODE_FILTER;
}

static bool sets_strict(const struct abi_call *c)
{
	return c->nr == __NR_prctl
		       ? (int)c->arg[0] == PR_SET_SECCOMP && c->arg[1] == SECCOMP_MODE_STRICT
		       : c->nr == __NR_seccomp && (int)c->arg[0] == SECCOMP_SET_MODE_STRICT;
}

bool filter_is_set_by(const struct abi_call *c)
{
	int arg;

	return sets_strict(c) || sets_filter(c, &arg);
}

void filter_prepare(struct rtask *t)
{
	int arg;

	if (sets_filter(&t->call, &arg))
		replace_filter(t, arg);
}

void filter_note_exit(struct recorder *rec, struct rtask *t)
{
	int arg;

	if (t->call.nr != __NR_prctl && t->call.nr != __NR_seccomp)
		return;
	if (t->call.ret == 0 && sets_strict(&t->call)) {
		t->strict = true;
		t->buffered = false;
	}
	if (t->call.ret < 0 || !sets_filter(&t->call, &arg))
		return;
	/* With SECCOMP_FILTER_FLAG_TSYNC all threads have it; to the others it does no harm. */
	map_for_each (&rec->tasks, s) {
		struct rtask *other = (struct rtask *)(uintptr_t)s->value;

		if (other->process != t->process)
			continue;
		other->buffered = false;
		if (!other->filter_vdso)
			other->filter_vdso = t->t.mm->vdso;
	}
}
