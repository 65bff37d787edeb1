/*
 * Processes and threads: which the client sees, their names in packets, and the packets about them.
 */
#include "base/log.h"
#include "gdb/session.h"

bool is_attached(const struct server *s, pid_t pid)
{
	for (size_t i = 0; i < s->n_attached; i++)
		if (s->attached[i] == pid)
			return true;
	return false;
}

void attach(struct server *s, pid_t pid)
{
	if (pid && !is_attached(s, pid) && s->n_attached < ATTACHED_MAX)
		s->attached[s->n_attached++] = pid;
}

void detach(struct server *s, pid_t pid)
{
	for (size_t i = 0; i < s->n_attached; i++)
		if (s->attached[i] == pid)
			s->attached[i--] = s->attached[--s->n_attached];
}

void list_threads(struct server *s)
{
	size_t n = timeline_tasks(s->tl, s->threads, THREADS_MAX);

	if (n > THREADS_MAX)
		n = THREADS_MAX;
	s->n_threads = 0;
	for (size_t i = 0; i < n; i++)
		if (is_attached(s, s->threads[i].tgid))
			s->threads[s->n_threads++] = s->threads[i];
}

pid_t process_of(struct server *s, pid_t tid)
{
	struct timeline_task task;

	return tid && !timeline_task(s->tl, tid, &task) ? task.tgid : 0;
}

pid_t thread_of(struct server *s, pid_t pid)
{
	if (!is_attached(s, pid))
		return 0;
	if (process_of(s, pid) == pid)
		return pid;
	list_threads(s);
	for (size_t i = 0; i < s->n_threads; i++)
		if (s->threads[i].tgid == pid)
			return s->threads[i].tid;
	return 0;
}

pid_t chosen_thread(struct server *s)
{
	const pid_t wanted[] = {s->general, s->stop.tid, timeline_current(s->tl)};

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (is_attached(s, process_of(s, wanted[i])))
			return wanted[i];
	for (size_t i = 0; i < s->n_attached; i++) {
		pid_t tid = thread_of(s, s->attached[i]);

		if (tid)
			return tid;
	}
	return 0;
}

void add_thread_id(struct server *s, pid_t pid, pid_t tid)
{
	if (s->multiprocess)
		buf_addf(&s->reply, "p%x.%x", pid, tid);
	else
		buf_addf(&s->reply, "%x", tid);
}

static int64_t scan_id(struct scan *in)
{
	return scan_if_text(in, "-1") ? -1 : (int64_t)(scan_hex(in) & INT32_MAX);
}

void scan_thread_id(struct scan *in, int64_t *pid, int64_t *tid)
{
	*pid = 0;
	if (!scan_if(in, 'p')) {
		*tid = scan_id(in);
		return;
	}
	*pid = scan_id(in);
	*tid = scan_if(in, '.') ? scan_id(in) : -1;
}

/* The thread of a thread id, any of the process if it names none: 0 if it is not there. */
static pid_t resolve(struct server *s, int64_t pid, int64_t tid)
{
	pid_t found = 0;

	if (tid > 0)
		found = (pid_t)tid;
	else if (pid > 0)
		found = thread_of(s, (pid_t)pid);
	else
		found = chosen_thread(s);
	return process_of(s, found) ? found : 0;
}

void handle_set_thread(struct server *s, struct scan args)
{
	bool general = scan_if(&args, 'g');
	int64_t pid, tid;
	pid_t found;

	if (!general)
		scan_char(&args, 'c');
	scan_thread_id(&args, &pid, &tid);
	if (!scan_at_end(&args)) {
		reply_error(s, EINVAL);
		return;
	}
	found = resolve(s, pid, tid);
	if (!found && tid > 0) {
		reply_error(s, ESRCH);
		return;
	}
	if (general)
		s->general = found;
	else
		s->stepping = tid > 0 ? found : 0;
	reply_ok(s);
}

void handle_thread_alive(struct server *s, struct scan args)
{
	int64_t pid, tid;

	scan_thread_id(&args, &pid, &tid);
	if (!scan_at_end(&args) || tid <= 0 || !is_attached(s, process_of(s, (pid_t)tid)))
		reply_error(s, ESRCH);
	else
		reply_ok(s);
}

void handle_current_thread(struct server *s, struct scan args)
{
	pid_t tid = chosen_thread(s);

	buf_addstr(&s->reply, "QC");
	add_thread_id(s, process_of(s, tid), tid);
}

void handle_first_threads(struct server *s, struct scan args)
{
	list_threads(s);
	buf_addch(&s->reply, s->n_threads ? 'm' : 'l');
	for (size_t i = 0; i < s->n_threads; i++) {
		if (i)
			buf_addch(&s->reply, ',');
		add_thread_id(s, s->threads[i].tgid, s->threads[i].tid);
	}
}

void handle_more_threads(struct server *s, struct scan args)
{
	buf_addch(&s->reply, 'l');
}

void handle_thread_extra(struct server *s, struct scan args)
{
	struct timeline_task task;
	int64_t pid, tid;

	scan_char(&args, ',');
	scan_thread_id(&args, &pid, &tid);
	if (!scan_at_end(&args) || timeline_task(s->tl, (pid_t)tid, &task))
		reply_error(s, ESRCH);
	else
		hex_add(&s->reply, task.name, strlen(task.name));
}

/* The processes are the server's own: a client that leaves them kills them. */
void handle_attached(struct server *s, struct scan args)
{
	buf_addch(&s->reply, '0');
}

void handle_detach(struct server *s, struct scan args)
{
	pid_t pid = 0;

	end_changes(s);
	if (scan_if(&args, ';'))
		pid = (pid_t)scan_hex(&args);
	if (args.failed) {
		reply_error(s, EINVAL);
		return;
	}
	inserted_release(s, pid);
	if (pid)
		detach(s, pid);
	else
		s->n_attached = 0;
	reply_ok(s);
}

void handle_kill_process(struct server *s, struct scan args)
{
	end_changes(s);
	scan_char(&args, ';');
	detach(s, (pid_t)scan_hex(&args));
	if (args.failed)
		reply_error(s, EINVAL);
	else
		reply_ok(s);
}

void handle_kill(struct server *s, struct scan args)
{
	s->finished = s->ends_all = true;
	s->no_reply = true;
}
