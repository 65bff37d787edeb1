/*
 * Breakpoints and watchpoints of the client (packets Z and z), with their conditions; and what else
 * it wants to stop at.
 *
 * gdb takes all breakpoints out at every stop and puts them in again before it lets the program go
 * on, so that both have to be cheap. A breakpoint is one of the process of the chosen thread.
 */
#include "abi/syscall.h"
#include "base/log.h"
#include "gdb/agent_expr.h"
#include "gdb/session.h"

#include <limits.h>

#define INSERTED_MAX  4096
#define CONDITION_MAX 16

struct condition {
	size_t at, n; /* in `code` of the breakpoint */
};

struct inserted {
	struct server *s;
	int type; /* of the packet: 0 software, 1 hardware, 2 write, 3 read, 4 access */
	pid_t pid;
	raddr_t addr;
	uint64_t kind; /* length of what is watched */
	int id;	       /* the target's */
	struct buf code;
	struct condition conditions[CONDITION_MAX];
	size_t n_conditions;
};

int break_type(const struct server *s, int id)
{
	for (size_t i = 0; i < s->n_inserted; i++)
		if (s->inserted[i]->id == id)
			return s->inserted[i]->type;
	return -1;
}

static void release(struct server *s, struct inserted *b)
{
	if (b->id > 0)
		timeline_break_remove(s->tl, b->id);
	buf_release(&b->code);
	free(b);
}

void inserted_release(struct server *s, pid_t pid)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n_inserted; i++) {
		if (pid && s->inserted[i]->pid != pid)
			s->inserted[kept++] = s->inserted[i];
		else
			release(s, s->inserted[i]);
	}
	s->n_inserted = kept;
	if (!kept) {
		free(s->inserted);
		s->inserted = NULL;
	}
}

/* --- conditions --- */

struct condition_thread {
	struct server *s;
	pid_t tid;
};

static int condition_register(void *ctx, unsigned number, uint64_t *value)
{
	const struct condition_thread *t = ctx;
	const struct register_set *set = t->s->registers;
	struct register_values values = {.xsave = BUF_INIT};
	uint8_t bytes[REGISTER_SIZE_MAX];
	int ret;

	if (number >= set->n)
		return -EINVAL;
	ret = read_registers(t->s, t->tid, set->v[number].component >= 0, &values);
	if (!ret && !register_read(set, number, &values, bytes))
		ret = -EINVAL;
	if (!ret)
		memcpy(value, bytes, sizeof(*value));
	buf_release(&values.xsave);
	return ret;
}

static int condition_memory(void *ctx, raddr_t addr, void *buf, size_t n)
{
	const struct condition_thread *t = ctx;

	return timeline_read(t->s->tl, t->tid, addr, buf, n) == n ? 0 : -EFAULT;
}

/* Whether any of the conditions is true; one that cannot be evaluated is the user's to look at. */
static bool is_met(void *ctx, struct timeline *tl, pid_t tid)
{
	struct inserted *b = ctx;
	struct condition_thread thread = {b->s, tid};
	const struct agent_context context = {condition_register, condition_memory, &thread};

	for (size_t i = 0; i < b->n_conditions; i++) {
		const uint8_t *code = (const uint8_t *)b->code.data + b->conditions[i].at;
		int64_t value;

		if (agent_expr_evaluate(code, b->conditions[i].n, &context, &value) || value)
			return true;
	}
	return !b->n_conditions;
}

/* ;Xn,CODEXn,CODE... with n bytes in hexadecimal. There are no commands (;cmds:): that we run such
 * was not announced.
 */
static void scan_conditions(struct scan *args, struct inserted *b)
{
	scan_if(args, ';');
	while (scan_if(args, 'X')) {
		uint64_t n = scan_hex(args);
		size_t at = b->code.len;

		scan_char(args, ',');
		if (args->failed || b->n_conditions == CONDITION_MAX || !n ||
		    n > scan_left(args) / 2 || hex_decode(&b->code, args->p, 2 * n) < 0) {
			args->failed = true;
			return;
		}
		b->conditions[b->n_conditions++] = (struct condition){at, n};
		args->p += 2 * n;
	}
}

/* --- inserting --- */

/* TYPE,ADDR,KIND */
static void scan_break(struct scan *args, struct inserted *b)
{
	b->type = (int)(scan_hex(args) & INT_MAX);
	scan_char(args, ',');
	b->addr = scan_hex(args);
	scan_char(args, ',');
	b->kind = scan_hex(args);
}

static bool same(const struct inserted *a, const struct inserted *b)
{
	return a->type == b->type && a->pid == b->pid && a->addr == b->addr && a->kind == b->kind;
}

static void remove_same(struct server *s, const struct inserted *wanted)
{
	for (size_t i = 0; i < s->n_inserted; i++) {
		if (!same(s->inserted[i], wanted))
			continue;
		release(s, s->inserted[i]);
		s->inserted[i--] = s->inserted[--s->n_inserted];
	}
}

static int insert(struct server *s, struct inserted *b)
{
	static const enum timeline_break_kind kinds[] = {BREAK_EXECUTE, BREAK_EXECUTE, BREAK_WRITE,
							 BREAK_READ, BREAK_ACCESS};
	const struct timeline_break wanted = {
		.kind = kinds[b->type],
		.addr = b->addr,
		.len = b->type < 2 ? 1 : b->kind,
		.tgid = b->pid,
		.condition = b->n_conditions ? is_met : NULL,
		.ctx = b,
	};

	if (s->n_inserted == INSERTED_MAX)
		return -ENOSPC;
	b->id = timeline_break_add(s->tl, &wanted);
	if (b->id < 0)
		return b->id;
	s->inserted = xrealloc(s->inserted, (s->n_inserted + 1) * sizeof(struct inserted *));
	s->inserted[s->n_inserted++] = b;
	return 0;
}

void handle_insert(struct server *s, struct scan args)
{
	struct inserted *b = xcalloc(1, sizeof(*b));
	int ret = -EINVAL;

	b->s = s;
	b->pid = process_of(s, chosen_thread(s));
	scan_break(&args, b);
	scan_conditions(&args, b);
	if (!args.failed && b->type > 4) { /* the empty answer: there is no such kind */
		release(s, b);
		return;
	}
	if (scan_at_end(&args) && (b->type < 2 || b->kind)) {
		remove_same(s, b);
		ret = insert(s, b);
	}
	if (ret)
		release(s, b);
	if (ret)
		reply_error(s, ret);
	else
		reply_ok(s);
}

/* One that is not there is no error: gdb also takes out what it thinks a forked child has. */
void handle_remove(struct server *s, struct scan args)
{
	struct inserted wanted = {.pid = process_of(s, chosen_thread(s))};

	scan_break(&args, &wanted);
	if (!scan_at_end(&args)) {
		reply_error(s, EINVAL);
		return;
	}
	remove_same(s, &wanted);
	reply_ok(s);
}

/* --- signals and system calls --- */

/* Those that are listed need not be reported. */
void handle_pass_signals(struct server *s, struct scan args)
{
	uint64_t passed = 0;

	scan_if(&args, ':');
	while (scan_left(&args)) {
		int signo = host_signal((int)(scan_hex(&args) & 0xff));

		scan_if(&args, ';');
		if (signo > 0)
			passed |= 1ULL << (signo - 1);
	}
	if (args.failed) {
		reply_error(s, EINVAL);
		return;
	}
	timeline_catch_signals(s->tl, ~passed);
	reply_ok(s);
}

/* :0, or :1 and the numbers, none meaning all. */
void handle_catch_syscalls(struct server *s, struct scan args)
{
	int nrs[1024];
	size_t n = 0;

	scan_char(&args, ':');
	if (scan_if(&args, '0')) {
		timeline_catch_syscalls(s->tl, NULL, 0);
		reply_ok(s);
		return;
	}
	scan_char(&args, '1');
	while (scan_if(&args, ';') && n < ARRAY_SIZE(nrs))
		nrs[n++] = (int)(scan_hex(&args) & INT_MAX);
	if (!scan_at_end(&args)) {
		reply_error(s, EINVAL);
		return;
	}
	timeline_catch_syscalls(s->tl, nrs, n);
	reply_ok(s);
}
