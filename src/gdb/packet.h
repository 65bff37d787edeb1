/*
 * The packet layer of gdb's remote serial protocol ("Overview" in the appendix of gdb's manual):
 * bytes in, packets out, and the other way round. Pure: whoever owns the connection gives it what
 * was read and writes what is in `out`.
 *
 * What comes in is untrusted: nothing is kept beyond PACKET_MAX, whatever is sent.
 */
#ifndef GDB_PACKET_H
#define GDB_PACKET_H

#include "base/buf.h"

/* Longest packet, as it is sent and as it is meant. The peer is told so (qSupported). */
#define PACKET_MAX 0x40000

enum packet_kind {
	PACKET_NONE, /* nothing whole has come yet */
	PACKET_DATA,
	PACKET_INTERRUPT, /* ^C */
	PACKET_UNUSABLE,  /* a packet too long or malformed; acknowledged, since it would only come
			     again */
};

struct packet_conn {
	struct buf in; /* not yet parsed from `pos` on */
	size_t pos;
	bool skipping;	 /* inside of a packet that is too long */
	struct buf out;	 /* to be written by the owner, who clears it */
	struct buf last; /* the packet sent last, for when the peer asks for it again */
	bool no_ack;	 /* the peers have agreed not to acknowledge packets */
};

void packet_init(struct packet_conn *c);
void packet_release(struct packet_conn *c);

/* Bytes that came. */
void packet_feed(struct packet_conn *c, const void *data, size_t n);

/*
 * The next thing in what came. A packet's content replaces what is in `content`: escapes and run
 * lengths are gone. Packets are acknowledged here, those with a wrong checksum are asked for again
 * and not returned; if the peer asks for ours, it is repeated.
 */
enum packet_kind packet_next(struct packet_conn *c, struct buf *content);

/* Whether the next thing is an interrupt, which is taken then. Packets stay where they are. */
bool packet_take_interrupt(struct packet_conn *c);

/* Send a packet. Bytes that mean something to the protocol are escaped. */
void packet_send(struct packet_conn *c, const void *data, size_t n);

/* --- what packets are made of --- */

/* Append bytes as hexadecimal digits; the digits at `s` as bytes: their number, or -EINVAL (not all
 * digits, or an odd number of them). */
void hex_add(struct buf *out, const void *data, size_t n);
ssize_t hex_decode(struct buf *out, const char *s, size_t n);

/*
 * Parsing a packet from left to right. A scan that failed yields zeros, and stays failed: it is
 * enough to ask at the end.
 */
struct scan {
	const char *p, *end;
	bool failed;
};

static inline struct scan scan_of(const char *p, size_t n)
{
	return (struct scan){p, p + n, false};
}

/* A number of at least one hexadecimal digit, of at most 64 bits. */
uint64_t scan_hex(struct scan *s);
/* The character `c`, which must be there. */
void scan_char(struct scan *s, char c);
/* Take the character `c`, or the text, if it is there. */
bool scan_if(struct scan *s, char c);
bool scan_if_text(struct scan *s, const char *text);
/* What is before the next `stop`, or before the end, which is passed; its length in *n. */
const char *scan_until(struct scan *s, char stop, size_t *n);
/* All that is left. */
static inline size_t scan_left(const struct scan *s)
{
	return s->failed ? 0 : (size_t)(s->end - s->p);
}
static inline bool scan_at_end(const struct scan *s)
{
	return !s->failed && s->p == s->end;
}

#endif
