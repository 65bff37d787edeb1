/*
 * A server and its client, shared by the files of this folder only.
 *
 * All-stop: the client's packets are answered one by one, and while the target runs only an
 * interrupt is looked for. Handlers append their answer to s->reply.
 *
 * Of the recorded processes the client sees those that it is attached to: at first one; a fork adds
 * the child, and the client detaches from what it does not want to follow. What happens in others
 * happens, and stops nothing.
 */
#ifndef GDB_SESSION_H
#define GDB_SESSION_H

#include "gdb/packet.h"
#include "gdb/server.h"

#define ATTACHED_MAX 64
#define THREADS_MAX  4096

struct client_file; /* vfile.c */
struct inserted;    /* breaks.c */

/* A stop that the user can go back to. */
struct visit {
	struct timeline_point point;
	pid_t tid;
};

struct server {
	struct timeline *tl;
	const struct register_set *registers;

	/* --- the client --- */
	int fd;
	struct packet_conn conn;
	struct buf reply;
	bool vanished;
	bool finished; /* it wants no more */
	bool ends_all; /* and wants the server to end */
	bool no_reply; /* to this packet */
	bool multiprocess, swbreak, hwbreak, fork_events, exec_events; /* it understands */

	/* --- what it sees --- */
	pid_t first_pid;     /* that each client begins with */
	event_t start_event; /* where that begins */
	bool only_recorded_files;
	pid_t attached[ATTACHED_MAX];
	size_t n_attached;
	pid_t general;		       /* tid that registers and memory are asked about (Hg) */
	pid_t stepping;		       /* tid that is stepped if no other is named (Hc) */
	struct timeline_stop stop;     /* the last one */
	struct timeline_task *threads; /* THREADS_MAX */
	size_t n_threads;

	/* --- what it wants --- */
	struct inserted **inserted;
	size_t n_inserted;
	struct client_file *files;
	bool arrived; /* a restart went somewhere: the next move is to stay there */
	bool lost;    /* or did not find the place */

	/* --- a diversion (state.c) --- */
	pid_t diverted_tid;
	raddr_t diverted_at;   /* where that stood when it began */
	bool siginfo_was_read; /* as gdb does before it lets the program call a function */
	bool diverted_by_call;

	/* --- what the user wants (monitor.c) --- */
	struct visit *visits;
	size_t n_visits, visit; /* `visit`: the one that was gone to last */
	struct map *checkpoints;

	raddr_t module_field; /* glibc's word on link maps (tls.c); 0: not known */

	struct buf xfer; /* an object that is read piece by piece */
	char xfer_name[64];
};

/* --- server.c --- */
/* Send the user a line; only while the target runs. */
void tell_user(struct server *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* --- dispatch.c --- */
void reply_error(struct server *s, int err); /* err: -errno or errno */
void reply_ok(struct server *s);
/* Forget all that a client has set up. */
void session_reset(struct server *s);

/* --- threads.c --- */
bool is_attached(const struct server *s, pid_t pid);
void attach(struct server *s, pid_t pid);
void detach(struct server *s, pid_t pid);
/* The threads of the processes that are attached, to s->threads. */
void list_threads(struct server *s);
/* "pPID.TID", in hexadecimal. */
void add_thread_id(struct server *s, pid_t pid, pid_t tid);
/* One of those forms; -1: all, 0: any. */
void scan_thread_id(struct scan *in, int64_t *pid, int64_t *tid);
/* The thread that a request without one is about: the general one, if it still is there; 0: none.
 */
pid_t chosen_thread(struct server *s);
/* A thread of an attached process; 0: it has none. */
pid_t thread_of(struct server *s, pid_t pid);
/* The process of the thread, or 0. */
pid_t process_of(struct server *s, pid_t tid);

/* --- state.c --- */
/* Those of a thread; without `vectors`, out->xsave stays as it is. 0 or -errno. */
int read_registers(struct server *s, pid_t tid, bool vectors, struct register_values *out);
/* Throw away the copy in which things were changed, if there is one: whether there was. */
bool end_changes(struct server *s);
/* Whether the copy is in use for a function that gdb lets the program call. */
bool call_in_progress(struct server *s);

/* --- breaks.c --- */
void inserted_release(struct server *s, pid_t pid); /* 0: all */
/* Which kind of Z packet inserted the target's breakpoint `id`; -1: none. */
int break_type(const struct server *s, int id);

/* --- resume.c --- */
void add_stop_reply(struct server *s);
/* gdb's numbers of signals (its include/gdb/signals.def) and the kernel's; 0: it has none. */
int gdb_signal(int signo);
int host_signal(int number);

/* --- vfile.c --- */
void files_release(struct server *s);

/* --- monitor.c --- */
void monitor_release(struct server *s);
/* Go where an argument of `run` says: 0, -EINVAL if it says nothing sensible. */
int go_to(struct server *s, const char *where);

#define PACKET(name, how, handler) void handler(struct server *s, struct scan args);
#include "gdb/packets.def"
#undef PACKET

#endif
