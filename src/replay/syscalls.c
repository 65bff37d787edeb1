/*
 * System calls: most are skipped and their results written. Those that shape the address space are
 * done again, by the tracer in the tracee (mappings.c).
 */
#include "base/log.h"
#include "replay/session.h"

static int check_call(struct session *s, struct ptask *p, struct abi_call *call)
{
	regs_to_call(&p->entry_regs, call);
	if (call->nr != s->ev.syscall)
		return diverged(s, p, "it makes %s", syscall_name(call->arch, call->nr));
	call->ret = s->ev.result;
	return 0;
}

/* The task stands at the entry, in the recorded state: give it the outcome. */
static int finish_call(struct session *s, struct ptask *p)
{
	const struct syscall_row *row;
	struct abi_call call;
	int ret = check_call(s, p, &call);

	if (ret)
		return ret;
	row = syscall_row(call.arch, call.nr);
	if (s->ev.echo_fd && call.ret > 0 && (ret = echo_output(s, p, &call)))
		return ret;
	if (row && shapes_memory(row->class) && (ret = replay_memory_call(s, p, row, &call)))
		return ret;
	if (s->ev.n_maps && (ret = replay_mappings(s, p)))
		return ret;
	ret = replay_stack_limit(s, p, &call);
	if (!ret)
		ret = replay_personality(s, p, &call);
	if (!ret)
		ret = apply_file_writes(s);
	if (!ret)
		ret = apply_writes(s, p);
	if (!ret)
		ret = apply_regs(s, p, &p->entry_regs, s->ev.result);
	p->at_entry = false;
	return ret;
}

int replay_syscall_entry(struct session *s, struct ptask *p)
{
	struct abi_call call;
	int ret;

	if (p->at_entry)
		return bad_trace(s, "a second system call before the first returned");
	ret = run_to_entry(s, p);
	if (ret)
		return ret;
	p->at_entry = true;
	ret = check_call(s, p, &call);
	return ret ? ret : apply_writes(s, p);
}

int replay_syscall_exit(struct session *s, struct ptask *p)
{
	if (!p->at_entry)
		return bad_trace(s, "the exit of a system call that was not entered");
	return finish_call(s, p);
}

int replay_syscall(struct session *s, struct ptask *p)
{
	int ret;

	if (p->at_entry)
		return bad_trace(s, "a second system call before the first returned");
	ret = run_to_entry(s, p);
	return ret ? ret : finish_call(s, p);
}
