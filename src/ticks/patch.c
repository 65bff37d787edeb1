/*
 * Counting a loop's trips at full speed: in the replayed task alone, and only while it runs to
 * where it is stopped next, some instructions of the loop are replaced by a jump to a page of ours.
 * There a count is kept, as in a stub of an image that must keep flags, and the instructions are
 * run. It traps when the count is used up. Then the code is as it was.
 *
 * A task that leaves the loop early runs on, and comes to another stop: what was foreseen was
 * wrong.
 */
#include "base/log.h"
#include "task/debug.h"
#include "ticks/landing_impl.h"

#include <Zydis/Zydis.h>
#include <asm/unistd_64.h>
#include <errno.h>
#include <sys/mman.h>

#define JUMP_SIZE  5
#define NEAR_STEP  (1ULL << 20)
#define NEAR_STEPS 512
#define COUNT_AT   0xff0 /* in the page */
#define SAVED_AT   0xff8
#define CODE_MAX   256

struct patch {
	raddr_t page;
	size_t first, count; /* instructions of the path, which is a ring */
	raddr_t start;
	size_t length;
	uint8_t kept[LOOP_MAX_PATH * 15];
	uint8_t code[CODE_MAX];
	size_t n;
	size_t copies; /* offset of the displaced instructions */
	size_t trap;   /* offset of the int3 */
};

/* It does the same at another address. */
static bool can_move(const ZydisDecoder *d, const struct loop_insn *li)
{
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction in;

	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(d, li->bytes, li->length, &in, op)))
		return false;
	switch (in.meta.category) {
	case ZYDIS_CATEGORY_CALL:
	case ZYDIS_CATEGORY_COND_BR:
	case ZYDIS_CATEGORY_UNCOND_BR:
	case ZYDIS_CATEGORY_RET:
	case ZYDIS_CATEGORY_SYSCALL:
	case ZYDIS_CATEGORY_INTERRUPT:
		return false;
	default:
		return !(in.attributes & ZYDIS_ATTRIB_IS_RELATIVE);
	}
}

static const struct loop_insn *at(const struct loop *lp, size_t i)
{
	return &lp->path[i % lp->n];
}

/* Instructions in a row that make room for a jump. */
static bool find_window(const struct loop *lp, struct patch *p)
{
	ZydisDecoder d;

	ZydisDecoderInit(&d, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (size_t i = 0; i < lp->n; i++) {
		size_t length = 0;

		for (size_t k = i; k < i + lp->n && can_move(&d, at(lp, k)); k++) {
			if (at(lp, k)->addr != lp->path[i].addr + length)
				break;
			length += at(lp, k)->length;
			if (length < JUMP_SIZE)
				continue;
			p->first = i;
			p->count = k + 1 - i;
			p->start = lp->path[i].addr;
			p->length = length;
			return true;
		}
	}
	return false;
}

/* A page of ours in reach of the loop. 0 or -errno. */
static int map_near(struct landing *l, struct patch *p)
{
	raddr_t base = page_floor(p->start);
	int64_t at;
	int ret;

	for (uint64_t i = 1; i <= NEAR_STEPS; i++) {
		raddr_t want = i % 2 ? base - i * NEAR_STEP : base + i * NEAR_STEP;

		ret = task_remote_syscall(
			l->t, &at, __NR_mmap,
			REMOTE_ARGS(want, PAGE_SIZE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
		if (ret)
			return ret;
		if (at == (int64_t)want) {
			p->page = want;
			return 0;
		}
		if (at > 0)
			task_remote_syscall(l->t, &at, __NR_munmap,
					    REMOTE_ARGS(at, PAGE_SIZE_BYTES));
	}
	return -ENOMEM;
}

static void put(struct patch *p, const void *bytes, size_t n)
{
	BUG_ON(p->n + n > sizeof(p->code));
	memcpy(p->code + p->n, bytes, n);
	p->n += n;
}

#define PUT(p, ...) put(p, (const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}))

static void put_rel32(struct patch *p, int64_t from_page)
{
	int32_t d = from_page - (int64_t)(p->n + 4);

	put(p, &d, sizeof(d));
}

static void make_code(const struct loop *lp, struct patch *p)
{
	size_t branch;

	PUT(p, 0x48, 0x89, 0x0d); /* mov [saved], rcx */
	put_rel32(p, SAVED_AT);
	PUT(p, 0x48, 0x8b, 0x0d); /* mov rcx, [count] */
	put_rel32(p, COUNT_AT);
	PUT(p, 0x48, 0x8d, 0x49, 0xff); /* lea rcx, [rcx - 1] */
	PUT(p, 0x48, 0x89, 0x0d);
	put_rel32(p, COUNT_AT);
	PUT(p, 0xe3, 0); /* jrcxz */
	branch = p->n;
	PUT(p, 0x48, 0x8b, 0x0d);
	put_rel32(p, SAVED_AT);
	p->copies = p->n;
	for (size_t i = p->first; i < p->first + p->count; i++)
		put(p, at(lp, i)->bytes, at(lp, i)->length);
	PUT(p, 0xe9);
	put_rel32(p, (int64_t)(p->start + p->length - p->page));
	p->code[branch - 1] = p->n - branch;
	PUT(p, 0x48, 0x8b, 0x0d);
	put_rel32(p, SAVED_AT);
	p->trap = p->n;
	PUT(p, 0xcc);
}

static int put_in_place(struct landing *l, struct patch *p, uint64_t trips)
{
	uint8_t jump[sizeof(p->kept)];
	int32_t d = p->page - (p->start + JUMP_SIZE);
	const struct mm *mm = l->t->mm;

	memset(jump, 0xcc, p->length);
	jump[0] = 0xe9;
	memcpy(jump + 1, &d, sizeof(d));
	if (mm_read(mm, p->start, p->kept, p->length) || mm_write(mm, p->page, p->code, p->n) ||
	    mm_write(mm, p->page + COUNT_AT, &trips, sizeof(trips)))
		return -EFAULT;
	return mm_write(mm, p->start, jump, p->length);
}

/* The task is stopped: let it stand in the program's code. */
static int step_out(struct landing *l, const struct patch *p)
{
	raddr_t where, to = p->start;
	int ret = task_regs(l->t);

	if (ret)
		return ret;
	where = l->t->regs.u.rip - p->page;
	if (where >= PAGE_SIZE_BYTES)
		return 0;
	/* A fault of a displaced instruction is that of the original. */
	for (size_t i = p->first, copy = p->copies; i < p->first + p->count; i++) {
		if (where == copy)
			to = at(l->loop, i)->addr;
		copy += at(l->loop, i)->length;
	}
	task_regs_modify(l->t)->u.rip = to;
	return 0;
}

static int run(struct landing *l, struct patch *p)
{
	int ret = landing_go(l);

	if (ret < 0 || l->t->stop.kind == STOP_EXITED)
		return ret;
	if (!task_regs(l->t) && l->t->regs.u.rip == p->page + p->trap + 1)
		ret = ARRIVED_INTERRUPT;
	if (mm_write(l->t->mm, p->start, p->kept, p->length))
		return -EFAULT;
	return step_out(l, p) ? -ESRCH : ret;
}

/* Out of the middle of what is going to be replaced. 0, or -errno: something else happened. */
static int step_behind(struct landing *l, const struct patch *p)
{
	int ret = task_regs(l->t);

	while (!ret && l->t->regs.u.rip > p->start && l->t->regs.u.rip < p->start + p->length) {
		struct insn insn;

		ret = task_step(l->t, 0, false, &insn);
		if (ret != STEP_DONE)
			return ret < 0 ? ret : -EINTR;
		ret = task_regs(l->t);
	}
	return ret;
}

int patch_run_trips(struct landing *l, uint64_t trips)
{
	struct patch p = {0};
	int64_t result;
	int ret;

	if (!l->t->mm->syscall_insn || !find_window(l->loop, &p))
		return -ENOTSUP;
	ret = step_behind(l, &p);
	if (!ret)
		ret = map_near(l, &p);
	if (ret)
		return ret;
	make_code(l->loop, &p);
	ret = put_in_place(l, &p, trips);
	if (!ret)
		ret = run(l, &p);
	l->stats.interrupts++;
	/* At a system call's entry no call can be made without undoing it: the page stays. */
	if (ret == ARRIVED_INTERRUPT)
		task_remote_syscall(l->t, &result, __NR_munmap,
				    REMOTE_ARGS(p.page, PAGE_SIZE_BYTES));
	return ret;
}
