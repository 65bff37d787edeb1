/*
 * A landing in hot code: millions of hits would be compared, at some 10 us each. So the task
 * compares itself: in it alone, and only while it runs to the point, a jump is put at the point's
 * address (window.h). It leads to a page of ours, where registers, the stack and words of memory
 * are compared at full speed, without touching flags or the stack. What is equal traps, and is
 * compared again from outside, in all that landing_matches() looks at. What is not does the
 * instructions that the jump took the place of, and goes on.
 *
 * Between two events no other task runs and nothing is mapped or unmapped: what can be read when
 * the code is made can be read when it runs. A program that writes over the jump keeps what it
 * wrote; one that reads it sees it.
 *
 * A jump into the middle of the window traps. The window is taken away then, and put back as soon
 * as the task has left it.
 */
#include "base/log.h"
#include "task/debug.h"
#include "ticks/gpr.h"
#include "ticks/landing_impl.h"
#include "ticks/window.h"

#include <asm/unistd_64.h>
#include <errno.h>
#include <sys/mman.h>

#define SAVED_SIZE  PAGE_SIZE_BYTES
#define MAP_SIZE    COMPARE_MAP_SIZE
#define MAX_ENTRIES 256 /* into the middle of a window: more, and a breakpoint is as fast */

struct compare {
	struct window window;
	raddr_t map; /* the saved registers' page, then that of the code's beginning */
	struct code code;
	size_t equal;	/* the int3, in the code */
	size_t differs; /* goes on from a comparison */
	size_t copies[WINDOW_MAX_INSNS];
	size_t back;   /* behind the copies: the jump back */
	uint64_t left; /* passes up to the limit, when it began */
	uint8_t jump[WINDOW_MAX];
	bool in_place;
	unsigned int entries;
};

/* --- the code --- */

enum { SAVED_RAX = 0, SAVED_RCX = 8, PASSES_LEFT = 16 };
enum { STORE = 0x89, LOAD = 0x8b };
#define LIMIT 5 /* an int3, in the code: there are no passes left */
#define ENTRY 6 /* where the window's jump leads to */

/* rax or rcx: mov [saved], reg, or from there. */
static void put_move(struct compare *k, int how, unsigned int reg)
{
	CODE_PUT(&k->code, 0x48, how, reg == GPR_RAX ? 0x05 : 0x0d);
	code_put_rel32(&k->code, k->map + (reg == GPR_RAX ? SAVED_RAX : SAVED_RCX));
}

/* rcx is lost. */
static void put_count(struct compare *k)
{
	struct code *c = &k->code;

	CODE_PUT(c, 0x48, LOAD, 0x0d); /* mov rcx, [left] */
	code_put_rel32(c, k->map + PASSES_LEFT);
	CODE_PUT(c, 0x48, 0x8d, 0x49, 0xff); /* lea rcx, [rcx - 1] */
	CODE_PUT(c, 0x48, STORE, 0x0d);
	code_put_rel32(c, k->map + PASSES_LEFT);
	CODE_PUT(c, 0xe3, LIMIT - (c->n + 2)); /* jrcxz */
}

/* rcx becomes 0 if a register is `value`. */
static void put_difference(struct compare *k, unsigned int reg, uint64_t value)
{
	const uint64_t negative = -value;

	CODE_PUT(&k->code, 0x48, 0xb9); /* mov rcx, -value */
	code_put(&k->code, &negative, sizeof(negative));
	/* lea rcx, [reg + rcx] */
	CODE_PUT(&k->code, 0x48 | reg >> 3, 0x8d, 0x4c, 0x08 | (reg & 7), 0);
}

/* Go on behind if a register is `value`, else to where the two differ. rcx is lost. */
static void put_check(struct compare *k, unsigned int reg, uint64_t value)
{
	put_difference(k, reg, value);
	CODE_PUT(&k->code, 0xe3, 5, 0xe9); /* jrcxz behind; jmp */
	code_put_rel32(&k->code, k->code.at + k->differs);
}

/* rax is lost, too. */
static void put_check_word(struct compare *k, raddr_t addr, uint64_t value)
{
	CODE_PUT(&k->code, 0x48, 0xa1); /* mov rax, [addr] */
	code_put(&k->code, &addr, sizeof(addr));
	put_check(k, GPR_RAX, value);
}

static void put_check_words(struct compare *k, const struct landing *l)
{
	const struct landing_point *p = l->p;
	const raddr_t stack = p->regs.u.rsp - LANDING_BELOW;
	uint64_t value;

	for (size_t i = 0; i < p->n_words; i++)
		if (!mm_read(l->t->mm, p->words[i].addr, &value, sizeof(value)))
			put_check_word(k, p->words[i].addr, p->words[i].value);
	for (size_t i = 0; i < LANDING_STACK; i += sizeof(value)) {
		if (mm_read(l->t->mm, stack + i, &value, sizeof(value)))
			continue;
		memcpy(&value, p->stack + i, sizeof(value));
		put_check_word(k, stack + i, value);
	}
}

/* The register that is compared first: one that was different at all hits so far. */
static unsigned int first_check(const struct landing *l)
{
	const unsigned int differ = l->differ & ~(1u << GPR_RCX);

	return differ ? __builtin_ctz(differ) : GPR_RSP;
}

/* For code at k->code.at. What most hits do comes first, and is short. */
static void make_code(struct compare *k, const struct landing *l)
{
	const unsigned int first = first_check(l);
	struct code *c = &k->code;
	size_t fast, more;

	c->n = 0;
	c->too_far = false;
	CODE_PUT(c, 0xe9, 0, 0, 0, 0); /* jmp more */
	BUG_ON(c->n != LIMIT);
	CODE_PUT(c, 0xcc);
	BUG_ON(c->n != ENTRY);
	put_move(k, STORE, GPR_RCX);
	if (l->way->counts)
		put_count(k);
	put_difference(k, first, gpr(&l->p->regs, first));
	CODE_PUT(c, 0xe3, -(c->n + 2)); /* jrcxz to the first jump */
	fast = c->n;
	put_move(k, LOAD, GPR_RCX);
	window_emit(&k->window, c, k->copies);
	k->differs = c->n;
	k->back = c->n - 5;
	put_move(k, LOAD, GPR_RAX);
	CODE_PUT(c, 0xe9);
	code_put_rel32(c, c->at + fast);
	more = c->n;
	put_move(k, STORE, GPR_RAX);
	for (unsigned int reg = 0; reg < N_GPRS; reg++)
		if (reg != GPR_RCX && reg != first)
			put_check(k, reg, gpr(&l->p->regs, reg));
	put_check_word(k, k->map + SAVED_RCX, l->p->regs.u.rcx);
	put_check_words(k, l);
	put_move(k, LOAD, GPR_RAX);
	put_move(k, LOAD, GPR_RCX);
	k->equal = c->n;
	CODE_PUT(c, 0xcc);
	more -= LIMIT;
	memcpy(c->bytes + 1, &(int32_t){more}, 4);
}

/* --- its place --- */

static int unmap(struct landing *l, struct compare *k)
{
	int64_t result;

	l->way->map = 0;
	return task_remote_syscall(l->t, &result, __NR_munmap, REMOTE_ARGS(k->map, MAP_SIZE));
}

/* Where the task is counts already, and it comes there again by the jump. */
static int write_code(struct landing *l, struct compare *k)
{
	const struct landing_way *way = l->way;
	int ret;

	k->left = way->limit ? way->limit - way->passes + 1 : 1ULL << 62;
	ret = mm_write(l->t->mm, k->map + PASSES_LEFT, &k->left, sizeof(k->left));
	return ret ? ret : mm_write(l->t->mm, k->code.at, k->code.bytes, k->code.n);
}

/* Memory of ours that a jump from the window reaches, and the code for it. 0 or -errno. */
static int map_near(struct landing *l, struct compare *k)
{
	for (unsigned int try = 0; try < WINDOW_TRIES; try++) {
		raddr_t target = window_jump_target(&k->window, try);
		int64_t at;
		int ret;

		if (!target)
			continue;
		k->code.at = target - ENTRY;
		k->map = page_floor(target) - SAVED_SIZE;
		make_code(k, l);
		if (k->code.too_far)
			continue;
		ret = task_remote_syscall(
			l->t, &at, __NR_mmap,
			REMOTE_ARGS(k->map, MAP_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
		if (ret)
			return ret;
		if (at == (int64_t)k->map) {
			window_jump(&k->window, target, k->jump);
			l->way->map = k->map;
			return write_code(l, k);
		}
		if (at > 0)
			task_remote_syscall(l->t, &at, __NR_munmap, REMOTE_ARGS(at, MAP_SIZE));
	}
	return -ENOMEM;
}

static int put_in_place(struct landing *l, struct compare *k)
{
	k->in_place = true;
	return mm_write(l->t->mm, k->window.start, k->jump, k->window.length);
}

/* The original bytes, but what the program has written meanwhile. */
static int take_away(struct landing *l, struct compare *k)
{
	const struct window *w = &k->window;
	uint8_t bytes[WINDOW_MAX];

	if (!k->in_place)
		return 0;
	k->in_place = false;
	if (mm_read(l->t->mm, w->start, bytes, w->length))
		return -EFAULT;
	for (size_t i = 0; i < w->length; i++)
		if (bytes[i] == k->jump[i])
			bytes[i] = w->bytes[i];
	return mm_write(l->t->mm, w->start, bytes, w->length);
}

/* --- running --- */

enum where {
	AT_POINT,   /* equal, as far as was compared */
	AT_ENTRY,   /* in the middle of the window */
	AT_FAILURE, /* a comparison faulted */
	AT_LIMIT,
	AT_COPY, /* at the program's instruction, where a watchpoint was met */
	IN_COPY, /* in the middle of one */
	ELSEWHERE,
};

static bool in_window(const struct compare *k, raddr_t addr)
{
	return addr > k->window.start && addr < k->window.start + k->window.length;
}

/* Where the copies are, as the program has it. */
static enum where find_copy(struct landing *l, struct compare *k)
{
	const struct window *w = &k->window;
	const size_t at = l->t->regs.u.rip - k->code.at;

	if (at < k->copies[0] || at >= k->differs)
		return AT_COPY;
	for (size_t i = 0; i < w->n; i++)
		if (at == k->copies[i]) {
			task_regs_modify(l->t)->u.rip = w->start + w->insns[i].offset;
			return AT_COPY;
		}
	if (at != k->back)
		return IN_COPY;
	task_regs_modify(l->t)->u.rip = w->start + w->length;
	return AT_COPY;
}

/* Where the task has stopped by itself. It stands in the program's code then. */
static enum where find_out(struct landing *l, struct compare *k)
{
	const struct window *w = &k->window;
	const raddr_t rip = l->t->regs.u.rip;
	const size_t in_code = rip - k->code.at;
	struct user_regs_struct *u;
	uint64_t saved[2];

	if (l->t->stop.kind != STOP_SIGNAL)
		return ELSEWHERE;
	if (l->way->watched)
		return find_copy(l, k);
	if (l->t->stop.signo == SIGTRAP && in_window(k, rip - 1)) {
		task_regs_modify(l->t)->u.rip = rip - 1;
		return AT_ENTRY;
	}
	if (in_window(k, rip))
		return AT_ENTRY;
	if (in_code > k->code.n)
		return ELSEWHERE;
	u = &task_regs_modify(l->t)->u;
	u->rip = w->start;
	if (in_code == k->equal + 1)
		return AT_POINT;
	if (in_code == LIMIT + 1) {
		mm_read(l->t->mm, k->map + SAVED_RCX, &u->rcx, sizeof(u->rcx));
		return AT_LIMIT;
	}
	/* A fault of a displaced instruction is that of the original. */
	for (size_t i = 0; i < w->n; i++)
		if (in_code == k->copies[i]) {
			u->rip = w->start + w->insns[i].offset;
			return ELSEWHERE;
		}
	if (!mm_read(l->t->mm, k->map, saved, sizeof(saved))) {
		u->rax = saved[0];
		u->rcx = saved[1];
	}
	return AT_FAILURE;
}

/* Out of the middle of the window, with the program's own code there: ARRIVED_INTERRUPT when it is
 * out, LANDING_STOPPED or -errno. */
static int leave_window(struct landing *l, struct compare *k)
{
	int ret = take_away(l, k);

	while (!ret && in_window(k, l->t->regs.u.rip)) {
		struct insn insn;

		ret = task_step(l->t, 0, false, &insn);
		if (ret < 0)
			return ret;
		if (landing_meets_watch(l))
			return task_regs(l->t) ? -ESRCH : LANDING_STOPPED;
		if (ret != STEP_DONE && (ret != STEP_STOPPED || l->t->stop.kind != STOP_SIGNAL ||
					 landing_is_own_signal(l->t)))
			return LANDING_STOPPED;
		ret = task_regs(l->t);
	}
	return ret ? ret : ARRIVED_INTERRUPT;
}

static int enter_middle(struct landing *l, struct compare *k)
{
	int ret = leave_window(l, k);

	if (ret != ARRIVED_INTERRUPT)
		return ret;
	if (++k->entries == MAX_ENTRIES) {
		l->way->passes += l->t->regs.u.rip == k->window.start;
		return ARRIVED_BREAKPOINT;
	}
	ret = put_in_place(l, k);
	return ret ? ret : ARRIVED_INTERRUPT;
}

/* On to where the instruction ends that has met a watchpoint. */
static int leave_copy(struct landing *l, struct compare *k)
{
	int ret = 0;

	while (!ret && find_copy(l, k) == IN_COPY) {
		ret = task_run_to_trap(l->t, PTRACE_SINGLESTEP, 0);
		if (!ret && (l->t->stop.kind != STOP_SIGNAL || task_regs(l->t)))
			ret = -ESRCH;
	}
	return ret ? ret : LANDING_STOPPED;
}

/* To the next stop: as compare_run(), or ARRIVED_INTERRUPT: it goes on. */
static int run(struct landing *l, struct compare *k)
{
	int ret = landing_go(l);

	if (ret != ARRIVED_OTHER)
		return ret < 0 ? ret : ARRIVED_INTERRUPT;
	if (l->t->stop.kind == STOP_EXITED)
		return LANDING_STOPPED;
	if (task_regs(l->t))
		return -ESRCH;
	switch (find_out(l, k)) {
	case AT_POINT:
		l->stats.hits++;
		if ((ret = landing_is_there(l)))
			return ret < 0 ? ret : LANDED;
		task_regs_modify(l->t)->u.rip = k->code.at + k->copies[0];
		return ARRIVED_INTERRUPT;
	case AT_ENTRY:
		return enter_middle(l, k);
	case AT_FAILURE:
		return ARRIVED_BREAKPOINT;
	case AT_LIMIT:
		return LANDING_LIMIT;
	case IN_COPY:
		return leave_copy(l, k);
	case AT_COPY:
	case ELSEWHERE:
		break;
	}
	return LANDING_STOPPED;
}

static bool is_possible(struct landing *l, struct compare *k)
{
	return regs_arch(&l->t->regs) == ARCH_X86_64 && l->t->mm->syscall_insn &&
	       window_find(&k->window, l->t->mm, l->p->regs.u.rip);
}

static int note_passes(struct landing *l, struct compare *k)
{
	uint64_t left;
	int ret = mm_read(l->t->mm, k->map + PASSES_LEFT, &left, sizeof(left));

	if (!ret)
		l->way->passes += k->left - left - 1;
	return ret;
}

/* Put the code there, and run. */
static int run_compared(struct landing *l, struct compare *k)
{
	int taken, ret = put_in_place(l, k);

	l->stats.compared = true;
	if (ret)
		return ret;
	do {
		ret = run(l, k);
	} while (ret == ARRIVED_INTERRUPT);
	if (l->t->stop.kind == STOP_EXITED)
		return ret;
	taken = take_away(l, k);
	if (!taken && l->way->counts)
		taken = note_passes(l, k);
	/* At a system call's entry no call can be made without undoing it, and another stop is
	 * still to be looked at: the map stays. */
	if (!taken && ret != LANDING_STOPPED)
		taken = unmap(l, k);
	return taken ? taken : ret;
}

void compare_note(struct landing *l)
{
	for (unsigned int reg = 0; reg < N_GPRS; reg++)
		if (gpr(&l->t->regs, reg) == gpr(&l->p->regs, reg))
			l->differ &= ~(1u << reg);
}

int compare_run(struct landing *l)
{
	struct compare *k = xcalloc(1, sizeof(*k));
	int ret = is_possible(l, k) ? map_near(l, k) : -ENOTSUP;

	l->no_compare = true;
	if (ret) {
		log_debug("task %d: each hit is a stop: %s", l->t->tid, strerror(-ret));
		ret = ret == -ESRCH ? ret : ARRIVED_BREAKPOINT;
	} else {
		ret = run_compared(l, k);
	}
	free(k);
	return ret;
}

enum landing_place landing_place(const struct task *t)
{
	struct window w;

	if (regs_arch(&t->regs) != ARCH_X86_64 || !window_find(&w, t->mm, t->regs.u.rip))
		return PLACE_BAD;
	if (!w.straight)
		return PLACE_BAD;
	return w.n > 1 ? PLACE_SHARED : PLACE_GOOD;
}
