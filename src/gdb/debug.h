/*
 * A replay under a debugger: where it starts, serving it, starting gdb.
 */
#ifndef GDB_DEBUG_H
#define GDB_DEBUG_H

#include "base/buf.h"
#include "replay/replay.h"

/* The definitions of our commands, in gdb's language. */
extern const char gdb_commands[];

/* Strings, in the order in which they were given. */
struct debug_list {
	const char *v[64];
	size_t n;
};

struct debug_options {
	struct replay_options replay; /* goto_event (-g): where to start */
	bool goto_exit;		      /* -e: at the end of the process */
	const char *on_process;	      /* -p: a pid, or the name of a program */
	int on_fork;		      /* -f: a pid */

	bool serve;	  /* -s: start no gdb */
	int port;	  /* 0: any */
	const char *host; /* NULL: 127.0.0.1 */
	bool keep;	  /* -k: one client after another */
	bool serve_files; /* gdb gets all files through the connection, and only the trace's */

	const char *debugger;	   /* NULL: gdb */
	struct debug_list options; /* -o: for gdb */
	struct debug_list files;   /* -x: of commands */
	const char *interpreter;   /* -i */
	bool full_name;
	const char *tty;   /* where the tracees' output goes */
	char *const *rest; /* more options for gdb, or NULL */
};

/*
 * Serve the replay until the debugger is gone. Returns the exit status for the process to have:
 * gdb's, 0 if only served, those of replay.h, or 1 after saying what is wrong.
 */
int debug_replay(const struct debug_options *opt);

/* --- launch.c --- */

/* gdb as it is to be started. */
struct launch {
	const struct debug_options *opt;
	const char *host;
	int port;
	const char *exe;
	int commands_fd; /* gdb_commands, as a file of ours */
};

/* The whole path of the debugger, appended: 0, or -ENOENT. */
int launch_find(const struct debug_options *opt, struct buf *path);
/* As a line for a shell, for those who start gdb themselves. */
void launch_describe(const struct launch *l, struct buf *out);
/* Wait for the end of a child that is no tracee: its exit status, or -errno. */
int launch_wait(pid_t pid);
/* Start it, and wait for its end: as launch_wait(). */
int launch_run(const struct launch *l, const char *path);

#endif
