/*
 * Starting the first tracee. The child waits on a pipe until it is traced, then executes the
 * program; what goes wrong in it comes back through a second, close-on-exec pipe.
 */
#include "base/io.h"
#include "base/log.h"
#include "task/task.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRACE_OPTIONS                                                                             \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | \
	 PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT | PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL)

static _Noreturn void child_main(const struct spawn *s, int go, int report)
{
	char c;
	int err = 0;

	if (read(go, &c, 1) != 1)
		_exit(1);
	close(go);
	if (s->prepare)
		err = s->prepare(s->ctx);
	if (!err) {
		if (s->exec_fd >= 0)
			syscall(SYS_execveat, s->exec_fd, "", s->argv, s->envp, AT_EMPTY_PATH);
		else
			execve(s->path, s->argv, s->envp);
		err = -errno;
	}
	write_full(report, &err, sizeof(err));
	_exit(1);
}

/* Let the seized child run until it has executed the program: 0, or -errno from its report. */
static int run_to_exec(struct task *t, int report)
{
	int err = 0;

	for (;;) {
		int ret = task_wait_through(t);

		if (ret)
			return ret;
		if (t->stop.kind == STOP_EVENT && t->stop.event == PTRACE_EVENT_EXEC)
			return 0;
		if (t->stop.kind == STOP_EXITED) {
			ret = read_full(report, &err, sizeof(err));
			return ret == sizeof(err) && err < 0 ? err : -ECHILD;
		}
		ret = task_resume(t, PTRACE_CONT, t->stop.kind == STOP_SIGNAL ? t->stop.signo : 0);
		if (ret && ret != -ESRCH)
			return ret;
	}
}

int task_spawn(struct task *t, const struct spawn *s, bool *not_traced)
{
	int go[2], report[2];
	int ret = 0;
	pid_t pid;

	*t = (struct task){0};
	*not_traced = false;
	if (pipe2(go, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(report, O_CLOEXEC) < 0) {
		ret = -errno;
		goto out_go;
	}
	pid = fork();
	if (pid < 0) {
		ret = -errno;
		goto out_report;
	}
	if (!pid) {
		close(go[1]);
		child_main(s, go[0], report[1]);
	}
	close(report[1]);
	report[1] = -1;
	t->tid = t->tgid = pid;
	if (ptrace(PTRACE_SEIZE, pid, 0, TRACE_OPTIONS) < 0) {
		ret = -errno;
		*not_traced = true;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		goto out_report;
	}
	ret = write_full(go[1], "", 1);
	if (!ret)
		ret = run_to_exec(t, report[0]);
out_report:
	close(report[0]);
	if (report[1] >= 0)
		close(report[1]);
out_go:
	close(go[0]);
	close(go[1]);
	return ret;
}
