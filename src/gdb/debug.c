/*
 * A replay under a debugger, from the options to the end: which process, where it starts, and who
 * serves whom.
 *
 * With a gdb of ours there are three processes: the one that the user started waits for gdb, its
 * child, and for the server, its other child, which replays. The server says when it is ready, and
 * ends when gdb has left, or was never there (`lifeline`).
 */
#include "gdb/debug.h"

#include "base/io.h"
#include "base/log.h"
#include "gdb/server.h"
#include "trace/trace.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_BYTES 4096

/* --- where to start --- */

/* A process of the recording, as its task records tell. */
struct start {
	pid_t pid;
	event_t event; /* behind which it begins */
	event_t exit;  /* of its last thread; 0: the recording ended first */
	bool killed;   /* by a signal */
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_named(const struct trace_task *task, const char *name)
{
	return !strcmp(task->exe, name) || !strcmp(base_name(task->exe), name) ||
	       (task->argv[0] &&
		(!strcmp(task->argv[0], name) || !strcmp(base_name(task->argv[0]), name)));
}

/* Whether the process that the options ask for begins with this record. */
static bool begins(const struct debug_options *opt, const struct trace_task *task)
{
	uint64_t pid = 0;
	char *end;

	if (opt->on_fork)
		return task->kind == TASK_CLONE && task->tid == opt->on_fork &&
		       task->tgid == opt->on_fork;
	if (task->kind != TASK_EXEC)
		return false;
	if (!opt->on_process)
		return true;
	pid = strtoull(opt->on_process, &end, 10);
	return *end ? is_named(task, opt->on_process) : task->tgid == (pid_t)pid;
}

static int find_start(const struct debug_options *opt, struct trace_reader *r, struct start *start)
{
	struct trace_task task;
	int ret;

	*start = (struct start){.pid = 0};
	trace_reader_rewind_tasks(r);
	while ((ret = trace_reader_next_task(r, &task)) == 1) {
		if (!start->pid && begins(opt, &task)) {
			*start = (struct start){.pid = task.tgid, .event = task.event};
		} else if (task.kind == TASK_EXIT && task.tgid == start->pid) {
			start->exit = task.event;
			start->killed = WIFSIGNALED(task.exit_status);
		}
	}
	if (ret < 0)
		return ret;
	if (!start->pid && opt->on_fork)
		return error_ret(-ESRCH, "no process %d was forked in this recording (see `rr ps`)",
				 opt->on_fork);
	if (!start->pid)
		return error_ret(-ESRCH, "no process executed %s in this recording (see `rr ps`)",
				 opt->on_process ? opt->on_process : "anything");
	return 0;
}

static int read_start(const struct debug_options *opt, struct start *start)
{
	struct trace_reader *r;
	int ret = trace_reader_open(&r, opt->replay.dir);

	if (ret)
		return ret;
	ret = find_start(opt, r, start);
	trace_reader_close(r);
	return ret;
}

static int seek(struct timeline *tl, event_t event, struct timeline_stop *stop)
{
	int ret = event > 1 ? timeline_seek_event(tl, event, stop) : 0;

	if (event <= 1)
		*stop = (struct timeline_stop){.reason = TIMELINE_STOP_STEP,
					       .tid = timeline_current(tl)};
	return !ret && stop->reason == TIMELINE_STOP_FAILED ? -EIO : ret;
}

#define MANY_STOPS 1000

static bool is_of(struct timeline *tl, const struct timeline_stop *stop, pid_t pid)
{
	struct timeline_task task;

	return !timeline_task(tl, stop->tid, &task) && task.tgid == pid;
}

/* Behind what runs between the event and the next one. */
static int seek_end(struct timeline *tl, event_t event, struct timeline_stop *stop)
{
	const struct timeline_point end = {
		.event = event, .ticks = UINT64_MAX, .step = TIMELINE_STEP_END};
	int ret = timeline_seek(tl, &end, stop);

	return !ret && stop->reason == TIMELINE_STOP_FAILED ? -EIO : ret;
}

/*
 * If a signal ends the process, back to where it is about to be delivered: that is where to look
 * around. System calls of the process are before it, and end the search.
 */
static int go_before_fatal_signal(struct timeline *tl, pid_t pid, struct timeline_stop *stop)
{
	const struct timeline_run back = {.mode = TIMELINE_CONTINUE, .backward = true};
	struct timeline_stop found = {.reason = TIMELINE_STOP_STEP};
	struct timeline_point end;
	int ret = timeline_point(tl, &end);

	timeline_catch_signals(tl, UINT64_MAX);
	timeline_catch_syscalls(tl, (const int[]){0}, 0);
	for (int i = 0; !ret && i < MANY_STOPS; i++) {
		ret = timeline_run(tl, &back, &found);
		if (is_of(tl, &found, pid) || found.reason == TIMELINE_STOP_START)
			break;
	}
	timeline_catch_syscalls(tl, NULL, 0);
	if (ret || found.reason != TIMELINE_STOP_SIGNAL)
		return ret ? ret : timeline_seek(tl, &end, stop);
	*stop = found;
	return 0;
}

/* Go there; the process may be another one than `start` has. */
static int go_to_start(struct timeline *tl, const struct debug_options *opt, struct start *start,
		       struct timeline_stop *stop)
{
	event_t event = start->event, last = timeline_last_event(tl);
	struct timeline_task task;
	int ret;

	if (opt->goto_exit)
		event = start->exit ? start->exit - 1 : last;
	else if (opt->replay.goto_event)
		event = opt->replay.goto_event;
	if (event > last)
		return error_ret(-ERANGE, "there is no event %llu: the recording ends with %llu",
				 (unsigned long long)event, (unsigned long long)last);
	ret = opt->goto_exit ? seek_end(tl, event, stop) : seek(tl, event, stop);
	if (!ret && opt->goto_exit && start->killed)
		ret = go_before_fatal_signal(tl, start->pid, stop);
	if (!ret && timeline_task(tl, start->pid, &task) && opt->replay.goto_event &&
	    !timeline_task(tl, timeline_current(tl), &task))
		start->pid = task.tgid;
	return ret;
}

/* --- the program's file --- */

static bool same_content(int a, int b)
{
	char bytes[2][65536];
	struct stat st[2];

	if (fstat(a, &st[0]) || fstat(b, &st[1]) || st[0].st_size != st[1].st_size)
		return false;
	if (st[0].st_dev == st[1].st_dev && st[0].st_ino == st[1].st_ino)
		return true;
	for (uint64_t at = 0; at < (uint64_t)st[0].st_size; at += sizeof(bytes[0])) {
		ssize_t n = pread_full(a, bytes[0], sizeof(bytes[0]), at);

		if (n <= 0 || pread_full(b, bytes[1], sizeof(bytes[1]), at) != n ||
		    memcmp(bytes[0], bytes[1], n) != 0)
			return false;
	}
	return true;
}

/* The file to give to gdb: where it was, or the trace's copy if that is gone or another one now. */
static void find_exe(struct timeline *tl, pid_t pid, bool recorded, struct buf *path)
{
	char link[64], copy[PATH_BYTES];
	struct timeline_task task;
	ssize_t n;
	int kept, now;

	if (timeline_task(tl, pid, &task))
		return;
	buf_addstr(path, task.exe);
	if (recorded)
		return; /* gdb asks for it */
	kept = timeline_open_file(tl, task.exe);
	if (kept < 0)
		return;
	now = open(task.exe, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", kept);
	if ((now < 0 || !same_content(kept, now)) && (n = readlink(link, copy, sizeof(copy))) > 0) {
		warn("%s is not what was recorded: gdb gets the trace's copy", task.exe);
		buf_clear(path);
		buf_add(path, copy, n);
	}
	if (now >= 0)
		close(now);
	close(kept);
}

/* --- serving --- */

struct serving {
	const struct debug_options *opt;
	int listen_fd, port;
	int ready_fd;	 /* to say the program's name to; -1: say how to connect */
	int lifeline_fd; /* ends when nobody will come any more; -1: none */
};

static const char *host_of(const struct debug_options *opt)
{
	return opt->host ? opt->host : "127.0.0.1";
}

/* The next client: a socket, or -errno. */
static int next_client(const struct serving *sv)
{
	struct pollfd fds[] = {{.fd = sv->listen_fd, .events = POLLIN},
			       {.fd = sv->lifeline_fd, .events = POLLIN}};
	int fd;

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (fds[0].revents) {
			fd = accept4(sv->listen_fd, NULL, NULL, SOCK_CLOEXEC);
			return fd < 0 ? -errno : fd;
		}
		if (fds[1].revents)
			return -ECANCELED;
	}
}

static void say_ready(const struct serving *sv, const char *exe)
{
	const struct launch l = {
		.opt = sv->opt,
		.host = host_of(sv->opt),
		.port = sv->port,
		.exe = exe,
		.commands_fd = -1,
	};
	struct buf line = BUF_INIT;

	if (sv->ready_fd >= 0) {
		write_full(sv->ready_fd, exe, strlen(exe));
		close(sv->ready_fd);
		return;
	}
	launch_describe(&l, &line);
	error("serving on %s:%d; connect with: %s", l.host, l.port, buf_str(&line));
	buf_release(&line);
}

static void serve_clients(const struct serving *sv, struct server *s)
{
	bool ends_all = false;

	do {
		int fd = next_client(sv);

		if (fd < 0)
			break;
		ends_all = server_serve(s, fd);
		close(fd);
	} while (sv->opt->keep && !ends_all);
}

/* Replay and serve: an exit status. */
static int serve(const struct serving *sv)
{
	struct server *s = NULL;
	const struct timeline_options options = {
		.replay = sv->opt->replay,
		.interrupted = server_interrupted,
		.ctx = &s,
	};
	const struct trace_info *info;
	struct register_set registers;
	struct buf exe = BUF_INIT;
	struct timeline *tl;
	struct timeline_stop stop;
	struct start start;
	int status;

	status = read_start(sv->opt, &start);
	if (status)
		return status == -ESRCH ? 1 : REPLAY_STATUS_BAD_TRACE;
	status = timeline_open(&tl, &options);
	if (status)
		return status;
	info = timeline_info(tl);
	register_set_init(&registers, info->xcr0, info->cpuid, info->n_cpuid);
	if (go_to_start(tl, sv->opt, &start, &stop)) {
		status = 1;
	} else {
		find_exe(tl, start.pid, sv->opt->serve_files, &exe);
		say_ready(sv, buf_str(&exe));
		s = server_new(
			tl, &registers,
			&(struct server_start){start.pid, start.event, stop, sv->opt->serve_files});
		serve_clients(sv, s);
		server_free(s);
		s = NULL;
	}
	timeline_close(tl);
	register_set_release(&registers);
	buf_release(&exe);
	return status;
}

/* --- with a gdb of ours --- */

/* The process that serves; -errno. */
static pid_t fork_server(struct serving *sv, int ready[2], int lifeline[2])
{
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) || pipe2(lifeline, O_CLOEXEC))
		return -errno;
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid) {
		close(ready[1]);
		close(lifeline[0]);
		close(sv->listen_fd);
		return pid;
	}
	close(ready[0]);
	close(lifeline[1]);
	sv->ready_fd = ready[1];
	sv->lifeline_fd = lifeline[0];
	if (sv->opt->tty) {
		int fd = open(sv->opt->tty, O_WRONLY | O_NOCTTY);

		if (fd < 0)
			warn("%s cannot be opened: %s", sv->opt->tty, strerror(errno));
		for (int i = 1; fd >= 0 && i <= 2; i++)
			dup2(fd, i);
	}
	_exit(serve(sv));
}

static int commands_file(void)
{
	int fd = memfd_create("rr-commands", MFD_CLOEXEC);

	if (fd >= 0)
		write_full(fd, gdb_commands, strlen(gdb_commands));
	return fd;
}

static int debug_with_gdb(struct serving *sv, const char *gdb)
{
	int ready[2], lifeline[2], status;
	struct buf exe = BUF_INIT;
	struct launch l = {.opt = sv->opt, .host = host_of(sv->opt), .port = sv->port};
	pid_t server;

	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	server = fork_server(sv, ready, lifeline);
	if (server < 0) {
		error("no process for the replay: %s", strerror(-server));
		return 1;
	}
	if (read_fd(ready[0], &exe) || !exe.len) {
		buf_release(&exe);
		return launch_wait(server); /* it has said why */
	}
	l.exe = buf_str(&exe);
	l.commands_fd = commands_file();
	status = launch_run(&l, gdb);
	close(lifeline[1]);
	launch_wait(server);
	close(l.commands_fd);
	buf_release(&exe);
	if (status < 0)
		error("%s cannot be started: %s", gdb, strerror(-status));
	return status < 0 ? 1 : status;
}

int debug_replay(const struct debug_options *opt)
{
	struct serving sv = {.opt = opt, .port = opt->port, .ready_fd = -1, .lifeline_fd = -1};
	struct buf gdb = BUF_INIT;
	int status;

	if (!opt->serve && launch_find(opt, &gdb)) {
		error("the debugger %s is not there: install it (Debian: apt install gdb), name "
		      "another one with -d, or serve one elsewhere with -s 0",
		      opt->debugger ? opt->debugger : "gdb");
		return 1;
	}
	sv.listen_fd = server_listen(opt->host, &sv.port);
	if (sv.listen_fd < 0) {
		error("cannot serve on %s:%d: %s", host_of(opt), opt->port,
		      strerror(-sv.listen_fd));
		return 1;
	}
	status = opt->serve ? serve(&sv) : debug_with_gdb(&sv, buf_str(&gdb));
	close(sv.listen_fd);
	buf_release(&gdb);
	return status;
}
