/*
 * One event of a trace, for people (dump_words()) and for scripts (dump_raw() and the lists
 * behind it). The trace is untrusted input: numbers may be anything, registers may be missing.
 */
#include "cli/dump.h"

#include "abi/signal.h"
#include "abi/syscall.h"
#include "agentctl/records.h"

#include <sched.h>
#include <sys/mman.h>

static const char *const type_names[N_EVENT_TYPES] = {
	[EV_EXEC] = "exec",	     [EV_SYSCALL] = "syscall", [EV_SYSCALL_ENTRY] = "enter",
	[EV_SYSCALL_EXIT] = "leave", [EV_CLONE] = "clone",     [EV_SIGNAL] = "signal",
	[EV_INSN] = "insn",	     [EV_EXIT] = "exit",       [EV_SCHED] = "sched",
	[EV_BUFFER] = "buffer",
};

const char *dump_type_name(enum trace_event_type type)
{
	static char other[24];

	if (type < N_EVENT_TYPES && type_names[type])
		return type_names[type];
	snprintf(other, sizeof(other), "event?%d", (int)type);
	return other;
}

bool dump_regs(const struct trace_bytes *bytes, struct regs *out)
{
	if (bytes->len != sizeof(*out))
		return false;
	memcpy(out, bytes->data, sizeof(*out));
	return true;
}

static enum abi_arch event_arch(const struct trace_event *ev)
{
	return ev->arch == ARCH_I386 ? ARCH_I386 : ARCH_X86_64;
}

static void call_words(const struct trace_event *ev, struct buf *out)
{
	bool with_ret = ev->type != EV_SYSCALL_ENTRY;
	struct abi_call call;
	struct regs regs;

	if (!dump_regs(&ev->regs, &regs)) {
		buf_addstr(out, syscall_name(event_arch(ev), ev->syscall));
		if (with_ret && is_error(ev->result))
			buf_addf(out, " = -1 %s", abi_errno_name((int)-ev->result));
		else if (with_ret)
			buf_addf(out, " = %lld", (long long)ev->result);
		return;
	}
	regs_to_call(&regs, &call);
	/* At an exit the registers no longer say which call it was. */
	call.arch = event_arch(ev);
	call.nr = ev->syscall;
	call.ret = ev->result;
	syscall_format(&call, NULL, with_ret, out);
	if (ev->echo_fd)
		buf_addf(out, " (%s)", ev->echo_fd == 2 ? "to stderr" : "to stdout");
}

/* Task records are in the order of their events. */
static const struct trace_task *find_exec(const struct task_list *list, event_t number)
{
	size_t low = 0, high = list->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (list->tasks[mid].event < number)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < list->n && list->tasks[low].event == number; low++) {
		if (list->tasks[low].kind == TASK_EXEC)
			return &list->tasks[low];
	}
	return NULL;
}

static void exec_words(const struct trace_event *ev, const struct task_list *tasks, struct buf *out)
{
	const struct trace_task *t = find_exec(tasks, ev->number);

	if (t && t->exe)
		format_printable(t->exe, out);
	else
		buf_addstr(out, "a new program");
	buf_addf(out, " (%zu mapping%s)", ev->n_maps, ev->n_maps == 1 ? "" : "s");
	if (ev->former_tid)
		buf_addf(out, ", by thread %d, which becomes %d", ev->former_tid, ev->tid);
}

static void clone_words(const struct trace_event *ev, struct buf *out)
{
	const char *what = "process";

	if (ev->clone_flags & CLONE_THREAD)
		what = "thread";
	else if (ev->clone_flags & CLONE_VM)
		what = "process on the same memory";
	buf_addf(out, "%s: new %s %d", syscall_name(event_arch(ev), ev->syscall), what,
		 ev->child_tid);
}

static void signal_words(const struct trace_event *ev, struct buf *out)
{
	struct regs after;
	siginfo_t si;

	buf_addstr(out, signal_name(ev->signo));
	if (ev->siginfo.len == sizeof(si)) {
		memcpy(&si, ev->siginfo.data, sizeof(si));
		buf_addf(out, " (%s", signal_code_name(&si));
		if (ev->synchronous && (ev->signo == SIGSEGV || ev->signo == SIGBUS))
			buf_addf(out, " at 0x%llx", (unsigned long long)(uintptr_t)si.si_addr);
		else if (!ev->synchronous && si.si_code <= 0 && si.si_code != SI_TIMER)
			buf_addf(out, " from %d", si.si_pid);
		buf_addch(out, ')');
	}
	switch (ev->action) {
	case SIGNAL_HANDLER:
		buf_addstr(out, " handled");
		if (dump_regs(&ev->regs_after, &after))
			buf_addf(out, " by a handler at 0x%llx", (unsigned long long)after.u.rip);
		break;
	case SIGNAL_FATAL:
		buf_addstr(out, " is fatal");
		break;
	case SIGNAL_IGNORED:
		buf_addstr(out, " ignored");
		break;
	default:
		buf_addf(out, " action?%d", (int)ev->action);
	}
}

/* A landing has an address, which was not chosen by us. */
static void sched_words(const struct trace_event *ev, struct buf *out)
{
	struct regs regs;

	buf_addf(out, "preempted at tick %llu", (unsigned long long)ev->ticks);
	if (ev->stack.len && dump_regs(&ev->regs, &regs))
		buf_addf(out, ", no safepoint, at 0x%llx", (unsigned long long)regs.u.rip);
}

/*
 * The event does not say which instruction it was; its length and the registers that it changed do:
 * rdtscp has three bytes, cpuid writes rbx and rcx, which rdtsc leaves alone.
 */
static void insn_words(const struct trace_event *ev, struct buf *out)
{
	struct regs before, after;

	if (!dump_regs(&ev->regs, &before) || !dump_regs(&ev->regs_after, &after)) {
		buf_addstr(out, "an instruction that traps");
		return;
	}
	if (after.u.rip - before.u.rip != 3 &&
	    (after.u.rbx != before.u.rbx || after.u.rcx != before.u.rcx)) {
		buf_addf(out, "cpuid 0x%x, 0x%x -> 0x%x 0x%x 0x%x 0x%x", (unsigned)before.u.rax,
			 (unsigned)before.u.rcx, (unsigned)after.u.rax, (unsigned)after.u.rbx,
			 (unsigned)after.u.rcx, (unsigned)after.u.rdx);
		return;
	}
	buf_addf(out, "%s -> %llu", after.u.rip - before.u.rip == 3 ? "rdtscp" : "rdtsc",
		 (unsigned long long)(after.u.rdx << 32 | (uint32_t)after.u.rax));
}

/* The event's calls, aligned as records are read. */
static const void *buffered_calls(const struct trace_event *ev, struct buf *out)
{
	buf_clear(out);
	if (ev->type == EV_BUFFER && ev->n_writes == 1)
		buf_add(out, ev->writes[0].bytes.data, ev->writes[0].bytes.len);
	return out->data;
}

static void buffer_words(const struct trace_event *ev, struct buf *out)
{
	struct buf calls = BUF_INIT;
	const void *data = buffered_calls(ev, &calls);
	struct agent_record last = {0};
	size_t at = 0, n = 0;

	while (agent_next_record(data, calls.len, &at, &last))
		n++;
	buf_addf(out, "%zu calls, %zu bytes", n, calls.len);
	if (at != calls.len)
		buf_addstr(out, ", damaged");
	buf_release(&calls);
}

void dump_words(const struct trace_event *ev, const struct task_list *tasks, struct buf *out)
{
	switch (ev->type) {
	case EV_EXEC:
		exec_words(ev, tasks, out);
		break;
	case EV_SYSCALL:
	case EV_SYSCALL_ENTRY:
	case EV_SYSCALL_EXIT:
		call_words(ev, out);
		break;
	case EV_CLONE:
		clone_words(ev, out);
		break;
	case EV_SIGNAL:
		signal_words(ev, out);
		break;
	case EV_INSN:
		insn_words(ev, out);
		break;
	case EV_EXIT:
		format_exit(ev->exit_status, out);
		break;
	case EV_SCHED:
		sched_words(ev, out);
		break;
	case EV_BUFFER:
		buffer_words(ev, out);
		break;
	default:
		buf_addstr(out, "unknown to this version");
	}
}

static void dump_piece(const struct agent_record *r, const struct agent_piece *p, struct buf *out)
{
	const struct agent_part *part = agent_part_of(r, p);

	buf_addf(out, ", wrote:0x%llx+0x%llx", (unsigned long long)p->addr,
		 (unsigned long long)(part ? part->size : p->size));
	if (part)
		buf_addf(out, " of file %u at 0x%llx", r->file, (unsigned long long)part->offset);
}

void dump_calls(const struct trace_event *ev, struct buf *out)
{
	struct buf calls = BUF_INIT;
	const void *data = buffered_calls(ev, &calls);
	const struct agent_record *r;
	struct agent_record last = {0};
	size_t at = 0, before = 0;

	while ((r = agent_next_record(data, calls.len, &at, &last))) {
		buf_addf(out, "  { syscall:'%s', ret:0x%llx, size:0x%zx", agent_call_name(r->nr),
			 (unsigned long long)r->result, at - before);
		before = at;
		if (r->flags & (RECORD_ECHO | RECORD_ECHO2))
			buf_addf(out, ", echo:%d", r->flags & RECORD_ECHO ? 1 : 2);
		if (r->flags & RECORD_REMAKE)
			buf_addstr(out, ", made again");
		if (r->flags & RECORD_MORE)
			buf_addstr(out, ", goes on");
		if (r->flags & RECORD_LEFT)
			buf_addstr(out, ", left to the CPU");
		if (r->flags & RECORD_TIME)
			buf_addf(out, ", fraction:%u", r->file);
		for (const struct agent_piece *p = agent_first_piece(r); p;
		     p = agent_next_piece(r, p))
			dump_piece(r, p, out);
		buf_addstr(out, " }\n");
	}
	buf_release(&calls);
}

void dump_count_calls(const struct trace_event *ev, dump_call_fn fn, void *ctx)
{
	struct buf calls = BUF_INIT;
	const void *data = buffered_calls(ev, &calls);
	const struct agent_record *r;
	struct agent_record last = {0};
	size_t at = 0, before = 0;

	while ((r = agent_next_record(data, calls.len, &at, &last))) {
		fn(ctx, r->nr, r->result, at - before, r->flags & RECORD_MORE);
		before = at;
	}
	buf_release(&calls);
}

static void add_hex(struct buf *out, const struct trace_bytes *b)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = b->data;

	for (size_t i = 0; i < b->len; i++) {
		buf_addch(out, digits[p[i] >> 4]);
		buf_addch(out, digits[p[i] & 15]);
	}
}

static void raw_regs(const char *prefix, const struct trace_bytes *bytes, struct buf *out)
{
	const struct reg_desc *table;
	struct regs regs;
	size_t n;

	if (!dump_regs(bytes, &regs)) {
		buf_addf(out, " %s_len=%zu", prefix, bytes->len);
		return;
	}
	table = reg_table(&n);
	for (size_t i = 0; i < n; i++) {
		uint64_t v = 0;

		memcpy(&v, (const char *)&regs + table[i].offset,
		       min_u64(table[i].size, sizeof(v)));
		buf_addf(out, " %s.%s=0x%llx", prefix, table[i].name, (unsigned long long)v);
	}
}

void dump_raw(const struct trace_event *ev, struct buf *out)
{
	buf_addf(out, "event=%llu type=%s tid=%d time_ns=%llu ticks=%llu arch=%d syscall=%d",
		 (unsigned long long)ev->number, dump_type_name(ev->type), ev->tid,
		 (unsigned long long)ev->time_ns, (unsigned long long)ev->ticks, ev->arch,
		 ev->syscall);
	buf_addf(out, " result=%lld echo_fd=%d synchronous=%d signo=%d action=%d",
		 (long long)ev->result, ev->echo_fd, ev->synchronous, ev->signo, (int)ev->action);
	buf_addf(out, " child_tid=%d clone_flags=0x%llx former_tid=%d exit_status=0x%x",
		 ev->child_tid, (unsigned long long)ev->clone_flags, ev->former_tid,
		 (unsigned)ev->exit_status);
	buf_addf(out, " memory_checksum=0x%llx n_writes=%zu n_maps=%zu n_file_writes=%zu",
		 (unsigned long long)ev->memory_checksum, ev->n_writes, ev->n_maps,
		 ev->n_file_writes);
	buf_addf(out, " fpregs_len=%zu siginfo=", ev->fpregs.len);
	add_hex(out, &ev->siginfo);
	raw_regs("regs", &ev->regs, out);
	raw_regs("regs_after", &ev->regs_after, out);
}

void dump_memory(const struct trace_event *ev, struct buf *out)
{
	for (size_t i = 0; i < ev->n_writes; i++) {
		const struct trace_write *w = &ev->writes[i];
		struct trace_bytes head = {w->bytes.data, min_u64(w->bytes.len, 16)};

		buf_addf(out,
			 "  { tid:%d, addr:0x%llx, length:0x%zx, data:", w->tid ? w->tid : ev->tid,
			 (unsigned long long)w->addr, w->bytes.len);
		add_hex(out, &head);
		buf_addstr(out, head.len < w->bytes.len ? "... }\n" : " }\n");
	}
	for (size_t i = 0; i < ev->n_file_writes; i++) {
		const struct trace_file_write *w = &ev->file_writes[i];

		buf_addf(out, "  { file:%u, offset:0x%llx, length:0x%zx, file_size:0x%llx }\n",
			 w->file, (unsigned long long)w->offset, w->bytes.len,
			 (unsigned long long)w->size);
	}
}

void dump_mappings(const struct trace_event *ev, struct buf *out)
{
	static const char *const sources[] = {
		[MAP_FROM_NOTHING] = "nothing",
		[MAP_FROM_ZERO] = "zero",
		[MAP_FROM_FILE] = "file",
		[MAP_FROM_SHARED] = "shared",
	};

	for (size_t i = 0; i < ev->n_maps; i++) {
		const struct trace_mapping *m = &ev->maps[i];
		const char *source = m->source < ARRAY_SIZE(sources) ? sources[m->source] : NULL;

		buf_addstr(out, "  { name:\"");
		format_printable(m->name, out);
		buf_addf(out, "\", addr:0x%llx, length:0x%llx, prot:\"%c%c%c%c\", flags:0x%x",
			 (unsigned long long)m->start, (unsigned long long)(m->end - m->start),
			 m->prot & PROT_READ ? 'r' : '-', m->prot & PROT_WRITE ? 'w' : '-',
			 m->prot & PROT_EXEC ? 'x' : '-', m->flags & MAP_SHARED ? 's' : 'p',
			 (unsigned)m->flags);
		buf_addf(out, ", source:%s, file:%u, offset:0x%llx, file_size:0x%llx",
			 source ? source : "?", m->file, (unsigned long long)m->offset,
			 (unsigned long long)m->file_size);
		buf_addf(out, ", device:%llu, inode:%llu", (unsigned long long)m->dev,
			 (unsigned long long)m->ino);
		if (m->tid)
			buf_addf(out, ", tid:%d", m->tid);
		buf_addstr(out, " }\n");
	}
}

/* FNV-1a: only to see at a glance whether two states are equal. */
static uint64_t hash_bytes(const struct trace_bytes *b)
{
	const uint8_t *p = b->data;
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < b->len; i++)
		h = (h ^ p[i]) * 0x100000001b3;
	return h;
}

void dump_extra(const struct trace_event *ev, struct buf *out)
{
	if (ev->fpregs.len)
		buf_addf(out, "  { fpregs: length:0x%zx, hash:0x%016llx }\n", ev->fpregs.len,
			 (unsigned long long)hash_bytes(&ev->fpregs));
}

uint64_t dump_data_bytes(const struct trace_event *ev)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < ev->n_writes; i++)
		sum += ev->writes[i].bytes.len;
	for (size_t i = 0; i < ev->n_file_writes; i++)
		sum += ev->file_writes[i].bytes.len;
	return sum;
}
