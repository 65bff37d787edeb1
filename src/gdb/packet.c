/*
 * The packet layer: framing, checksums, escapes, run lengths, acknowledgements.
 *
 * A packet is $CONTENT#CC. In CONTENT, `}` escapes the next byte (it is sent xor 0x20), and `*`
 * with a count behind it repeats the byte before it. CC is the sum of the bytes of CONTENT as they
 * are sent, modulo 256. A byte 0x03 between packets is an interrupt; inside of one it is data.
 *
 * Run lengths are understood but not made: both ends are on one machine mostly, and gdb's time to
 * unpack is what counts.
 */
#include "gdb/packet.h"

#include "base/log.h"

#define ESCAPE	     '}'
#define ESCAPE_XOR   0x20
#define REPEAT	     '*'
#define REPEAT_BIAS  29 /* a count N is sent as the character N + 29 */
#define INTERRUPT    0x03
#define CHECKSUM_LEN 3 /* #CC */

void packet_init(struct packet_conn *c)
{
	*c = (struct packet_conn){.no_ack = false};
}

void packet_release(struct packet_conn *c)
{
	buf_release(&c->in);
	buf_release(&c->out);
	buf_release(&c->last);
	packet_init(c);
}

/* Forget what has been parsed. */
static void compact(struct packet_conn *c)
{
	size_t left = c->in.len - c->pos;

	if (!c->pos)
		return;
	memmove(c->in.data, c->in.data + c->pos, left);
	c->in.len = left;
	c->pos = 0;
}

void packet_feed(struct packet_conn *c, const void *data, size_t n)
{
	compact(c);
	buf_add(&c->in, data, n);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static void send_raw(struct packet_conn *c, char ch)
{
	if (!c->no_ack)
		buf_addch(&c->out, ch);
}

static bool checksum_matches(const char *content, size_t n, const char *digits)
{
	int high = hex_digit(digits[0]), low = hex_digit(digits[1]);
	uint8_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (uint8_t)content[i];
	return high >= 0 && low >= 0 && sum == (high << 4 | low);
}

/* Undo escapes and run lengths: false if the result would be too long, or makes no sense. */
static bool unpack(const char *p, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		if (out->len >= PACKET_MAX)
			return false;
		if (p[i] == ESCAPE) {
			if (++i == n)
				return false;
			buf_addch(out, p[i] ^ ESCAPE_XOR);
		} else if (p[i] == REPEAT) {
			size_t count;

			if (++i == n || !out->len || (uint8_t)p[i] <= REPEAT_BIAS)
				return false;
			count = (uint8_t)p[i] - REPEAT_BIAS;
			if (count > PACKET_MAX - out->len)
				return false;
			memset(buf_extend(out, count), out->data[out->len - 1], count);
		} else {
			buf_addch(out, p[i]);
		}
	}
	return true;
}

/* The packet whose content begins at `start` of the input and is `n` long. */
static enum packet_kind take_packet(struct packet_conn *c, size_t start, size_t n,
				    struct buf *content)
{
	const char *p = c->in.data + start;

	c->pos = start + n + CHECKSUM_LEN;
	if (c->skipping || n > PACKET_MAX) {
		c->skipping = false;
		send_raw(c, '+');
		return PACKET_UNUSABLE;
	}
	buf_clear(content);
	if (!c->no_ack && !checksum_matches(p, n, p + n + 1)) {
		send_raw(c, '-');
		return PACKET_NONE;
	}
	send_raw(c, '+');
	return unpack(p, n, content) ? PACKET_DATA : PACKET_UNUSABLE;
}

/* A packet has begun at `start`: PACKET_NONE if it is not whole, or was not for the caller;
 * `*more`: look on. */
static enum packet_kind parse_packet(struct packet_conn *c, size_t start, struct buf *content,
				     bool *more)
{
	size_t left = c->in.len - start;
	const char *hash = left ? memchr(c->in.data + start, '#', left) : NULL;

	*more = false;
	if (!hash && left > PACKET_MAX) {
		/* What has come of it is not worth keeping; it begins again behind that. */
		c->skipping = true;
		c->pos = c->in.len;
	}
	if (!hash || c->in.len - (hash - c->in.data) < CHECKSUM_LEN)
		return PACKET_NONE;
	*more = true;
	return take_packet(c, start, hash - (c->in.data + start), content);
}

enum packet_kind packet_next(struct packet_conn *c, struct buf *content)
{
	for (;;) {
		enum packet_kind kind;
		bool more;
		char ch;

		if (c->pos == c->in.len)
			return PACKET_NONE;
		ch = c->in.data[c->pos];
		if (c->skipping || ch == '$') {
			kind = parse_packet(c, c->pos + !c->skipping, content, &more);
			if (kind != PACKET_NONE || !more)
				return kind;
			continue;
		}
		c->pos++;
		if (ch == INTERRUPT)
			return PACKET_INTERRUPT;
		if (ch == '-' && !c->no_ack)
			buf_add(&c->out, buf_str(&c->last), c->last.len);
		/* `+`, and noise between packets, mean nothing. */
	}
}

bool packet_take_interrupt(struct packet_conn *c)
{
	while (!c->skipping && c->pos < c->in.len && c->in.data[c->pos] == '+')
		c->pos++;
	if (c->skipping || c->pos == c->in.len || c->in.data[c->pos] != INTERRUPT)
		return false;
	c->pos++;
	return true;
}

void packet_send(struct packet_conn *c, const void *data, size_t n)
{
	const char *p = data;
	uint8_t sum = 0;

	buf_clear(&c->last);
	buf_addch(&c->last, '$');
	for (size_t i = 0; i < n; i++) {
		if (strchr("$#}*", p[i]) && p[i]) {
			buf_addch(&c->last, ESCAPE);
			buf_addch(&c->last, p[i] ^ ESCAPE_XOR);
		} else {
			buf_addch(&c->last, p[i]);
		}
	}
	for (size_t i = 1; i < c->last.len; i++)
		sum += (uint8_t)c->last.data[i];
	buf_addf(&c->last, "#%02x", sum);
	buf_add(&c->out, c->last.data, c->last.len);
}

/* --- what packets are made of --- */

void hex_add(struct buf *out, const void *data, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = data;

	for (size_t i = 0; i < n; i++) {
		buf_addch(out, digits[p[i] >> 4]);
		buf_addch(out, digits[p[i] & 15]);
	}
}

ssize_t hex_decode(struct buf *out, const char *s, size_t n)
{
	if (n % 2)
		return -EINVAL;
	for (size_t i = 0; i < n; i += 2) {
		int high = hex_digit(s[i]), low = hex_digit(s[i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		buf_addch(out, (char)(high << 4 | low));
	}
	return n / 2;
}

static void fail(struct scan *s)
{
	s->failed = true;
	s->p = s->end;
}

uint64_t scan_hex(struct scan *s)
{
	uint64_t v = 0;
	int digits = 0;

	for (; s->p < s->end && hex_digit(*s->p) >= 0; s->p++, digits++) {
		if (v >> 60)
			break;
		v = v << 4 | hex_digit(*s->p);
	}
	if (!digits || (s->p < s->end && hex_digit(*s->p) >= 0)) {
		fail(s);
		return 0;
	}
	return v;
}

void scan_char(struct scan *s, char c)
{
	if (!scan_if(s, c))
		fail(s);
}

bool scan_if(struct scan *s, char c)
{
	if (s->p == s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

bool scan_if_text(struct scan *s, const char *text)
{
	size_t n = strlen(text);

	if ((size_t)(s->end - s->p) < n || memcmp(s->p, text, n))
		return false;
	s->p += n;
	return true;
}

const char *scan_until(struct scan *s, char stop, size_t *n)
{
	const char *start = s->p;
	const char *found = start < s->end ? memchr(start, stop, s->end - start) : NULL;

	*n = (found ? found : s->end) - start;
	s->p = found ? found + 1 : s->end;
	return start;
}
