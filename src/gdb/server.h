/*
 * The server that gdb talks to: a socket, and a client at a time. It is tested against a timeline
 * that has no tracees.
 */
#ifndef GDB_SERVER_H
#define GDB_SERVER_H

#include "gdb/registers.h"
#include "timeline/timeline.h"

struct server;

/* Listen on `host` (an address; NULL: 127.0.0.1) and `*port` (0: one is chosen and returned): a
 * socket, or -errno. */
int server_listen(const char *host, int *port);

struct server_start {
	pid_t pid;		   /* of the process that each client is attached to at first */
	event_t event;		   /* behind which that begins */
	struct timeline_stop stop; /* where the timeline stands */
	bool only_recorded_files;  /* for the client: none of this machine's */
};

/* A server of `tl`, which stays the caller's, as the registers do. */
struct server *server_new(struct timeline *tl, const struct register_set *registers,
			  const struct server_start *start);
void server_free(struct server *s);

/* Serve a connected client until it is gone: true if it asked for the end of all (`k`, or it killed
 * the process and left). */
bool server_serve(struct server *s, int fd);

/* For the timeline's options: whether the client wants it to stop, or has vanished. `server`: a
 * struct server **, which may still be NULL. */
bool server_interrupted(void *server);

/*
 * One packet, without a connection: what is answered goes to `reply`. For tests. False if there is
 * no answer at all (as to `k`).
 */
bool server_dispatch(struct server *s, const char *packet, size_t n, struct buf *reply);

#endif
