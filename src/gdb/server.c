/*
 * The connection: listening, reading and writing, and looking for an interrupt while the target
 * runs. What packets mean is dispatch.c's.
 */
#include "gdb/session.h"

#include "base/log.h"
#include "base/map.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE 65536

static int bind_and_listen(const struct addrinfo *a, int *port)
{
	struct sockaddr_storage bound;
	socklen_t len = sizeof(bound);
	char service[16];
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1, ret;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, a->ai_addr, a->ai_addrlen) || listen(fd, 1) ||
	    getsockname(fd, (struct sockaddr *)&bound, &len)) {
		ret = -errno;
		close(fd);
		return ret;
	}
	getnameinfo((struct sockaddr *)&bound, len, NULL, 0, service, sizeof(service),
		    NI_NUMERICSERV);
	*port = (int)strtol(service, NULL, 10);
	return fd;
}

int server_listen(const char *host, int *port)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC,
				 .ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *list;
	char service[16];
	int ret;

	snprintf(service, sizeof(service), "%d", *port);
	if (getaddrinfo(host ? host : "127.0.0.1", service, &hints, &list))
		return -EADDRNOTAVAIL;
	ret = bind_and_listen(list, port);
	freeaddrinfo(list);
	return ret;
}

struct server *server_new(struct timeline *tl, const struct register_set *registers,
			  const struct server_start *start)
{
	struct server *s = xcalloc(1, sizeof(*s));

	s->tl = tl;
	s->registers = registers;
	s->first_pid = start->pid;
	s->start_event = start->event;
	s->only_recorded_files = start->only_recorded_files;
	s->stop = start->stop;
	s->fd = -1;
	s->threads = xcalloc(THREADS_MAX, sizeof(*s->threads));
	packet_init(&s->conn);
	session_reset(s);
	return s;
}

void server_free(struct server *s)
{
	if (!s)
		return;
	session_reset(s);
	packet_release(&s->conn);
	buf_release(&s->reply);
	buf_release(&s->xfer);
	free(s->threads);
	free(s);
}

/* --- one client --- */

static void flush(struct server *s)
{
	struct buf *out = &s->conn.out;

	for (size_t at = 0; s->fd >= 0 && !s->vanished && at < out->len;) {
		ssize_t n = send(s->fd, out->data + at, out->len - at, MSG_NOSIGNAL);

		if (n >= 0)
			at += n;
		else if (errno != EINTR)
			s->vanished = true;
	}
	buf_clear(out);
}

static void receive(struct server *s, int flags)
{
	char bytes[READ_SIZE];
	ssize_t n = recv(s->fd, bytes, sizeof(bytes), flags);

	if (n > 0)
		packet_feed(&s->conn, bytes, n);
	else if (!n || (errno != EINTR && errno != EAGAIN))
		s->vanished = true;
}

void tell_user(struct server *s, const char *fmt, ...)
{
	struct buf text = BUF_INIT, packet = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	buf_addch(&packet, 'O');
	hex_add(&packet, buf_str(&text), text.len);
	packet_send(&s->conn, packet.data, packet.len);
	flush(s);
	buf_release(&packet);
	buf_release(&text);
}

bool server_interrupted(void *server)
{
	struct server *s = *(struct server **)server;
	struct pollfd poll_fd;

	if (!s || s->fd < 0)
		return false;
	poll_fd = (struct pollfd){.fd = s->fd, .events = POLLIN};
	/* Nothing but an interrupt is expected now: what else comes waits, but not without limit.
	 */
	if (!s->vanished && s->conn.in.len - s->conn.pos <= PACKET_MAX && poll(&poll_fd, 1, 0) > 0)
		receive(s, MSG_DONTWAIT);
	return s->vanished || packet_take_interrupt(&s->conn);
}

static void answer(struct server *s, const struct buf *packet)
{
	log_debug("-> %s", buf_str(packet));
	flush(s); /* the acknowledgement: the answer may take long */
	if (!server_dispatch(s, buf_str(packet), packet->len, &s->reply))
		return;
	log_debug("<- %s", buf_str(&s->reply));
	packet_send(&s->conn, buf_str(&s->reply), s->reply.len);
}

bool server_serve(struct server *s, int fd)
{
	struct buf packet = BUF_INIT;
	enum packet_kind kind;
	int one = 1;
	bool ends_all;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	session_reset(s);
	s->fd = fd;
	while (!s->vanished && !s->finished) {
		kind = packet_next(&s->conn, &packet);
		if (kind == PACKET_DATA) {
			answer(s, &packet);
		} else if (kind == PACKET_UNUSABLE) {
			packet_send(&s->conn, "E22", 3);
		} else if (kind == PACKET_NONE) {
			flush(s);
			receive(s, 0);
		}
	}
	flush(s);
	ends_all = s->ends_all;
	session_reset(s);
	s->fd = -1;
	buf_release(&packet);
	return ends_all;
}
