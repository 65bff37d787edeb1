/*
 * The memory that the agent and the tracer share is one memory file: TICK_PAGE to OURS_END, at the
 * same distances as in tracees, then the buffer.
 */
#include "agentctl/agentctl.h"

#include "base/log.h"

#include <asm/unistd_64.h>
#include <cpuid.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

extern const unsigned char agent_blob[];
extern const unsigned long agent_blob_size;

_Static_assert(offsetof(struct tick_page, remaining) == TICK_REMAINING - TICK_PAGE, "layout");
_Static_assert(offsetof(struct tick_page, saved_rcx) == TICK_SAVED_RCX - TICK_PAGE, "layout");
_Static_assert(offsetof(struct tick_page, enter_call) == TICK_ENTER_CALL - TICK_PAGE, "layout");
_Static_assert(offsetof(struct tick_page, enter_insn) == TICK_ENTER_INSN - TICK_PAGE, "layout");
_Static_assert(offsetof(struct tick_page, path) == TICK_PATH - TICK_PAGE, "layout");
_Static_assert(sizeof(((struct tick_page *)0)->path) == REMOTE_PATH_SIZE, "layout");
_Static_assert(offsetof(struct agent_state, rsp) == STATE_RSP, "layout");
_Static_assert(offsetof(struct agent_state, raw) == STATE_RAW, "layout");
_Static_assert(offsetof(struct agent_state, next) == STATE_NEXT, "layout");
_Static_assert(offsetof(struct agent_state, nr) == STATE_NR, "layout");
_Static_assert(offsetof(struct agent_state, target) == STATE_TARGET, "layout");
_Static_assert(sizeof(struct agent_state) <= AGENT_STACK - AGENT_STATE - 16384, "room for a stack");

#define CODE_OFFSET (AGENT_CODE - TICK_PAGE)
#define SHARED_SIZE (SHARED_END - TICK_PAGE)
#define ALL_SIZE    (OURS_END - TICK_PAGE)
#define FILE_SIZE   (ALL_SIZE + AGENT_BUFFER_SIZE)

/* Of mmap: a part of the file at a place that has nothing yet. */
#define MAP_ARGS(at, size, prot, fd, offset) \
	REMOTE_ARGS(at, size, prot, MAP_SHARED | MAP_FIXED_NOREPLACE, (uint64_t)(fd), offset)

/* SDM vol. 1, 13.5.2: the second component is at a fixed place, those behind are enumerated. */
static void find_xstates(struct agent_xstate xstate[N_XSTATES])
{
	uint32_t c, d;

	xstate[1] = (struct agent_xstate){160, 256, 0};
	for (uint32_t i = 2; i < N_XSTATES; i++)
		if (__get_cpuid_count(0xd, i, &xstate[i].size, &xstate[i].offset, &c, &d))
			xstate[i].aligned = c & 2;
}

static uint32_t find_mxcsr_mask(void)
{
	_Alignas(16) uint32_t area[128] = {0};

	__asm__ volatile("fxsave %0" : "=m"(area));
	return area[7];
}

int agent_open(struct agent *a, enum agent_mode mode)
{
	uint8_t *at;
	int ret;

	a->fd = memfd_create("rr-agent", MFD_CLOEXEC);
	if (a->fd < 0)
		return -errno;
	BUG_ON(AGENT_CODE + agent_blob_size > AGENT_VVAR);
	if (ftruncate(a->fd, FILE_SIZE) < 0)
		goto fail;
	at = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, a->fd, 0);
	if (at == MAP_FAILED)
		goto fail;
	memcpy(at + CODE_OFFSET, agent_blob, agent_blob_size);
	a->page = (struct tick_page *)at;
	a->state = (struct agent_state *)(at + (AGENT_STATE - TICK_PAGE));
	a->buffer = at + ALL_SIZE;
	a->echo = at + (AGENT_ECHO - TICK_PAGE);
	a->vvar = at + (AGENT_VVAR - TICK_PAGE);
	a->header = (const struct agent_header *)(at + CODE_OFFSET);
	BUG_ON(a->header->magic != AGENT_MAGIC || !agent_has(a->header->enter_call));
	a->page->remaining = INT64_MAX;
	a->state->mode = mode;
	a->state->generation = 1;
	find_xstates(a->state->xstate);
	a->state->mxcsr_mask = find_mxcsr_mask();
	a->state->buffer_size = AGENT_BUFFER_SIZE;
	agent_enable(a, false, false);
	return 0;
fail:
	ret = -errno;
	close(a->fd);
	*a = (struct agent){.fd = -1};
	return ret;
}

void agent_close(struct agent *a)
{
	if (!a->page)
		return;
	munmap(a->page, FILE_SIZE);
	close(a->fd);
	a->page = NULL;
}

void agent_enable(struct agent *a, bool calls, bool insns)
{
	a->page->enter_call = calls ? a->header->enter_call : a->header->pass_call;
	a->page->enter_insn = insns ? a->header->enter_insn : a->header->pass_insn;
}

/* --- mapping it --- */

static int map_at(struct task *t, raddr_t at, uint64_t size, int prot, int64_t fd, uint64_t offset)
{
	int64_t result;
	int ret = task_remote_syscall(t, &result, __NR_mmap, MAP_ARGS(at, size, prot, fd, offset));

	return ret ? ret : result < 0 ? (int)result : result == (int64_t)at ? 0 : -EEXIST;
}

/* Without the filter, call by call. */
static int map_by_calls(const struct agent *a, struct task *t, raddr_t buf)
{
	int64_t fd, result;
	int ret = task_remote_open(t, &fd, buf, a->fd, O_RDWR);

	if (ret || fd < 0)
		return ret ? ret : (int)fd;
	ret = map_at(t, TICK_PAGE, ALL_SIZE, PROT_READ | PROT_EXEC, fd, 0);
	if (!ret)
		ret = map_at(t, AGENT_BUFFER, AGENT_BUFFER_SIZE, PROT_READ | PROT_WRITE, fd,
			     ALL_SIZE);
	if (!ret)
		ret = task_remote_syscall(
			t, &result, __NR_mprotect,
			REMOTE_ARGS(TICK_PAGE, SHARED_SIZE, PROT_READ | PROT_WRITE));
	if (ret != -ESRCH)
		task_remote_syscall(t, &result, __NR_close, REMOTE_ARGS((uint64_t)fd));
	return ret;
}

/* What the batch that was run came to. */
static int batch_result(const struct agent *a)
{
	const struct agent_call *last;

	BUG_ON(!a->state->batch_done);
	last = &a->state->batch[a->state->batch_done - 1];
	return is_error(last->result) ? (int)last->result : 0;
}

/* Let it run to the next call that the filter announces. */
static int run_to_call(struct task *t)
{
	int ret;

	do {
		ret = task_run(t, PTRACE_CONT, 0);
	} while (!ret && (stop_is_early(&t->stop) || task_met_sigstop(t)));
	if (ret || t->stop.kind == STOP_EXITED ||
	    (t->stop.kind == STOP_EVENT && t->stop.event == PTRACE_EVENT_EXIT))
		return -ESRCH;
	if (!stop_is_seccomp(&t->stop))
		return -EFAULT;
	return task_regs(t);
}

/* Where the code for it is: if nowhere, it takes the place of what is left of a function of the
 * vDSO's, behind syscall; ret. */
static raddr_t boot_code(const struct agent *a, const struct task *t)
{
	static const uint8_t code[] = AGENT_BOOT_CODE;
	const raddr_t at = t->mm->syscall_insn + 3;

	if (a->boot_code)
		return a->boot_code;
	return mm_write(t->mm, at, code, sizeof(code)) ? 0 : at;
}

struct boot {
	raddr_t buf;
	struct agent_vvar *vvar;
};

#define BOOT_CALLS 2 /* that have to succeed */

/* The first calls of the agent's own. */
static void add_boot_calls(struct agent *a, int64_t fd, const struct agent_vvar *vvar)
{
	raddr_t to = AGENT_VVAR;

	agent_batch_begin(a);
	agent_batch_add(
		a, __NR_mmap,
		MAP_ARGS(AGENT_BUFFER, AGENT_BUFFER_SIZE, PROT_READ | PROT_WRITE, fd, ALL_SIZE));
	agent_batch_add(a, __NR_close, REMOTE_ARGS((uint64_t)fd));
	for (size_t i = 0; vvar && i < vvar->n; i++) {
		const struct mm_range *r = &vvar->part[i];

		agent_batch_add(a, __NR_mremap,
				REMOTE_ARGS(r->start, r->end - r->start, r->end - r->start,
					    MREMAP_MAYMOVE | MREMAP_FIXED, to));
		to += r->end - r->start;
	}
}

static int boot_result(const struct agent *a, struct agent_vvar *vvar)
{
	int ret = batch_result(a);

	if (!vvar || a->state->batch_done <= BOOT_CALLS)
		return ret;
	vvar->moved = !ret;
	return 0;
}

static int boot(struct agent *a, struct task *t, const void *arg)
{
	const struct boot *b = arg;
	const raddr_t buf = b->buf;
	const raddr_t code = boot_code(a, t);
	char path[REMOTE_PATH_SIZE];
	struct regs *r;
	int64_t fd;
	int ret;

	task_remote_path(path, a->fd);
	if (!code || mm_write(t->mm, buf, path, strlen(path) + 1))
		return -EFAULT;
	r = task_regs_modify(t);
	r->u.rip = code;
	r->u.rax = __NR_open;
	r->u.orig_rax = -1;
	r->u.rdi = buf;
	r->u.rsi = O_RDWR;
	ret = run_to_call(t);
	if (!ret)
		ret = run_to_call(t);
	if (ret)
		return ret;
	r = task_regs_modify(t);
	fd = (int64_t)r->u.orig_rax;
	if (fd < 0)
		return (int)fd;
	add_boot_calls(a, fd, b->vvar);
	r->u.orig_rax = __NR_mmap;
	r->u.rdi = TICK_PAGE;
	r->u.rsi = ALL_SIZE;
	r->u.rdx = PROT_READ | PROT_EXEC;
	r->u.r10 = MAP_SHARED | MAP_FIXED_NOREPLACE;
	r->u.r8 = (uint64_t)fd;
	r->u.r9 = 0;
	r->u.rbx = a->header->boot;
	ret = run_to_call(t);
	return ret ? ret : boot_result(a, b->vvar);
}

/* Run `fn` with the task's registers and signals set aside. */
static int run_aside(struct agent *a, struct task *t, const void *arg,
		     int (*fn)(struct agent *a, struct task *t, const void *arg))
{
	struct stop before = t->stop;
	struct regs saved;
	uint64_t mask;
	int ret = task_regs(t);

	if (ret || (ret = task_sigmask(t, &mask)) ||
	    (mask != ALL_SIGNALS && (ret = task_set_sigmask(t, ALL_SIGNALS))))
		return ret;
	saved = t->regs;
	saved.u.orig_rax = -1;
	ret = fn(a, t, arg);
	if (ret == -ESRCH)
		return ret;
	if (mask != ALL_SIGNALS && task_set_sigmask(t, mask))
		return -ESRCH;
	task_set_regs(t, &saved);
	task_send_sigstop(t);
	t->stop = before;
	t->call_stop = CALL_FILTERED; /* at the report */
	return ret;
}

int agent_map(struct agent *a, struct task *t, raddr_t buf, struct agent_vvar *vvar)
{
	const struct boot b = {buf, vvar};

	return a->filtered ? run_aside(a, t, &b, boot) : map_by_calls(a, t, buf);
}

/* --- batches --- */

void agent_batch_begin(struct agent *a)
{
	a->state->n_batch = a->state->batch_done = 0;
}

unsigned int agent_batch_add(struct agent *a, int nr, const uint64_t args[6])
{
	struct agent_call *c = &a->state->batch[a->state->n_batch];

	BUG_ON(a->state->n_batch == MAX_BATCH);
	*c = (struct agent_call){.nr = (uint64_t)nr};
	memcpy(c->arg, args, sizeof(c->arg));
	return a->state->n_batch++;
}

void agent_batch_use(struct agent *a, unsigned int call, unsigned int arg, unsigned int result_of)
{
	BUG_ON(result_of >= call || call >= a->state->n_batch || arg >= 6);
	a->state->batch[call].from[arg] = (int8_t)(result_of + 1);
}

unsigned int agent_batch_open(struct agent *a, int fd, int flags)
{
	task_remote_path(a->page->path, fd);
	return agent_batch_add(a, __NR_open, REMOTE_ARGS(TICK_PATH, (uint64_t)flags));
}

static int run_batch(struct agent *a, struct task *t, const void *unused)
{
	struct regs *r = task_regs_modify(t);

	r->u.rip = a->header->batch;
	r->u.orig_rax = -1;
	return run_to_call(t);
}

/* The same, a call at a time. */
static int run_singly(struct agent *a, struct task *t)
{
	for (uint32_t i = 0; i < a->state->n_batch; i++) {
		struct agent_call c = a->state->batch[i];
		int ret;

		for (int k = 0; k < 6; k++) {
			if (c.from[k])
				c.arg[k] = (uint64_t)a->state->batch[c.from[k] - 1].result;
		}
		ret = task_remote_syscall(t, &c.result, (int)c.nr, c.arg);
		if (ret)
			return ret;
		a->state->batch[i].result = c.result;
		a->state->batch_done = i + 1;
		if (is_error(c.result))
			break;
	}
	return 0;
}

int agent_batch_run(struct agent *a, struct task *t)
{
	int ret = a->filtered ? run_aside(a, t, NULL, run_batch) : run_singly(a, t);

	return ret ? ret : batch_result(a);
}

/* --- the filter --- */

#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define IP	     offsetof(struct seccomp_data, instruction_pointer)

int agent_install_filter(const struct agent *a)
{
	struct sock_filter code[] = {
		LOAD(IP + 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 5),
		LOAD(IP),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)a->header->untraced, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, AGENT_VVAR, 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, OURS_END, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
	};
	const struct sock_fprog prog = {ARRAY_SIZE(code), code};

	if (!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0))
		return 0;
	/* Without privilege it needs the promise that no execve will give any. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) < 0)
		return -ENOTSUP;
	return 0;
}
