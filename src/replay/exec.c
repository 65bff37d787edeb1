/*
 * execve: the task executes the stub, and the recorded address space is built around it.
 */
#include "base/log.h"
#include "replay/session.h"

#include <asm/prctl.h>
#include <asm/unistd_64.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <unistd.h>

/* All but the stub; and the agent, if it is there already. */
static int unmap_all(struct batch *b, bool agent)
{
	const struct {
		raddr_t start, end;
	} ranges[] = {{0, STUB_PAGE},
		      {agent ? OURS_END : STUB_END, AGENT_BUFFER},
		      {agent ? AGENT_BUFFER_END : AGENT_BUFFER, TASK_SIZE_X86_64}};
	int ret = 0;

	for (size_t i = 0; !ret && i < ARRAY_SIZE(ranges); i++)
		ret = batch_add(b, __NR_munmap,
				REMOTE_ARGS(ranges[i].start, ranges[i].end - ranges[i].start), 0);
	return ret;
}

static int map_agent(struct session *s, struct ptask *p)
{
	int ret = s->soft ? agent_map(&s->agent, &p->t, STUB_DATA, NULL) : 0;

	if (!ret && s->agent.filtered)
		p->t.mm->syscall_insn = agent_syscall_insn(&s->agent);
	return ret ? failed(s, ret, "the agent") : 0;
}

static int open_mm(struct session *s, struct ptask *p)
{
	struct mm *mm;
	int ret = mm_open(&mm, p->t.tid);

	if (ret)
		return failed(s, ret, "the memory of task %d", p->rec_tid);
	mm->syscall_insn = STUB_SYSCALL;
	mm_put(p->t.mm);
	p->t.mm = mm;
	return 0;
}

/* The task has just executed the stub: give it the recorded image. */
static int build_image(struct session *s, struct ptask *p)
{
	const bool batched = s->agent.filtered; /* by the agent, which is there first then */
	struct batch b;
	int ret = open_mm(s, p);

	if (!ret && batched)
		ret = map_agent(s, p);
	if (ret)
		return ret;
	batch_begin(&b, s, p);
	if (s->info->cpuid_faulting)
		ret = batch_add(&b, __NR_arch_prctl, REMOTE_ARGS(ARCH_SET_CPUID, 0), 0);
	if (!ret)
		ret = unmap_all(&b, batched);
	if (!ret)
		ret = count_ptask(s, p, s->ev.ticks);
	if (!ret && !batched)
		ret = map_agent(s, p);
	for (size_t i = 0; !ret && i < s->ev.n_maps; i++)
		ret = batch_mapping(&b, &s->ev.maps[i]);
	if (!ret)
		ret = batch_run(&b);
	if (!ret)
		ret = apply_writes(s, p);
	if (!ret && !s->ev.regs_after.len)
		ret = bad_trace(s, "an exec without registers");
	return ret ? ret : apply_regs(s, p, &p->t.regs, 0);
}

static int wait_task(struct session *s, struct ptask *p)
{
	int ret;

	ret = task_wait_through(&p->t);
	return ret ? failed(s, ret, "waiting for task %d", p->rec_tid) : 0;
}

/* From PTRACE_EVENT_EXEC to the exit of execve. */
static int leave_exec(struct session *s, struct ptask *p)
{
	int ret = task_resume(&p->t, PTRACE_SYSCALL, 0);

	if (ret)
		return failed(s, ret, "the stub of task %d", p->rec_tid);
	ret = wait_task(s, p);
	if (ret)
		return ret;
	if (p->t.stop.kind != STOP_SYSCALL || task_regs(&p->t))
		return failed(s, -ECHILD, "the stub of task %d", p->rec_tid);
	return 0;
}

/*
 * Other threads of the process, if only the body of its leader, die meanwhile; the task then has
 * the leader's tid. Only this process runs, so any stop is one of its threads'.
 */
static int wait_for_exec(struct session *s, struct ptask *p)
{
	for (;;) {
		struct task other = {0};
		struct stop stop;
		pid_t tid = task_wait_any(true, &stop);

		if (tid == -EINTR)
			continue;
		if (tid < 0)
			return failed(s, tid, "executing the stub");
		if (stop.kind == STOP_EVENT && stop.event == PTRACE_EVENT_EXEC) {
			p->t.tid = p->t.tgid = tid;
			task_stopped(&p->t, &stop);
			return 0;
		}
		if (stop.kind == STOP_EXITED) {
			if (tid == p->t.tgid)
				return failed(s, -ECHILD, "executing the stub");
			continue;
		}
		if (stop.kind == STOP_SYSCALL)
			return failed(s, -ENOEXEC, "executing the stub");
		other.tid = tid;
		task_resume(&other, PTRACE_CONT, 0);
	}
}

static int execute_stub(struct session *s, struct ptask *p)
{
	int ret;

	/* An empty path, at the start of the stub's page of arguments. */
	if (mm_write(p->t.mm, STUB_DATA, "", 1))
		return diverged(s, p, "the stub's page is gone");
	ret = task_remote_prepare(&p->t, __NR_execveat,
				  REMOTE_ARGS(s->stub_fd, STUB_DATA, 0, 0, AT_EMPTY_PATH));
	if (ret)
		return failed(s, ret, "registers of task %d", p->rec_tid);
	ret = task_resume(&p->t, PTRACE_CONT, 0);
	if (ret)
		return failed(s, ret, "executing the stub");
	ret = wait_for_exec(s, p);
	return ret ? ret : leave_exec(s, p);
}

/* The exec of a thread other than the leader: it takes the leader's name, whose body is gone. */
static void take_leaders_name(struct session *s, struct ptask *p)
{
	struct ptask *leader = ptask_find(s, s->ev.tid);

	if (leader == p)
		return;
	if (leader)
		ptask_free(s, leader);
	map_del(&s->tasks, p->rec_tid);
	p->rec_tid = s->ev.tid;
	map_set_ptr(&s->tasks, p->rec_tid, p);
}

int replay_exec(struct session *s, struct ptask *p)
{
	int ret;

	if (!p->last_event) /* the first task, which stands in the stub already */
		return build_image(s, p);
	if (!p->at_entry && (ret = run_to_entry(s, p)))
		return ret;
	p->at_entry = false;
	p->name[0] = 0;
	ret = execute_stub(s, p);
	if (ret)
		return ret;
	take_leaders_name(s, p);
	return build_image(s, p);
}

/* --- the first task --- */

static int prepare_child(void *ctx)
{
	const struct session *s = ctx;
	sigset_t all;

	/* Away from the terminal's signals; what is delivered comes from the trace alone. */
	setsid();
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	task_pin(session_cpu(s)); /* the machine may have fewer: no matter */
	limit_stack(0, s->info->stack_limit);
	personality(personality(0xffffffff) | ADDR_NO_RANDOMIZE);
	if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0) < 0)
		return -errno;
	return s->agent.filtered ? agent_install_filter(&s->agent) : 0;
}

int start_first_task(struct session *s, pid_t rec_tid)
{
	char *const empty[] = {"rr-stub", NULL};
	char *const env[] = {NULL};
	struct spawn spawn = {.prepare = prepare_child,
			      .ctx = s,
			      .exec_fd = s->stub_fd,
			      .argv = empty,
			      .envp = env};
	struct ptask *p;
	struct task t;
	bool not_traced;
	int ret;

	s->agent.filtered = s->soft && !s->driver;
	s->agent.boot_code = STUB_SYSCALL + 3;
	ret = task_spawn(&t, &spawn, &not_traced);
	if (ret == -ENOTSUP && s->agent.filtered) {
		s->agent.filtered = false;
		ret = task_spawn(&t, &spawn, &not_traced);
	}
	if (ret)
		return failed(s, ret,
			      not_traced ? "tracing is forbidden (see `rr doctor`)"
					 : "the stub cannot be executed");
	p = ptask_new(s, rec_tid, t.tid, pgroup_new(rec_tid), NULL);
	p->t.tgid = t.tid;
	p->t.stop = t.stop;
	return leave_exec(s, p);
}
