/*
 * The packet layer against transcripts: a row is what comes in, what is understood of it, and what
 * is answered at once. Each row is fed whole, byte by byte, and in pairs.
 */
#include "check.h"
#include "gdb/packet.h"

#include <errno.h>

struct row {
	const char *in;
	size_t n;
	const char *understood; /* packets in <>, ^C as !, what is not usable as ? */
	const char *answered;
	bool no_ack;
};

#define ROW(in_, ...)                                        \
	{                                                    \
		.in = in_, .n = sizeof(in_) - 1, __VA_ARGS__ \
	}

static const struct row rows[] = {
	ROW("", "", ""),
	ROW("+", "", ""),
	ROW("$#00", "<>", "+"),
	ROW("$g#67", "<g>", "+"),
	ROW("+$g#67+", "<g>", "+"),
	ROW("$g#67$m#6d", "<g><m>", "++"),
	ROW("$OK#9a", "<OK>", "+"),
	ROW("$OK#9A", "<OK>", "+"),
	ROW("$OK#9b", "", "-"),
	ROW("$OK#zz", "", "-"),
	ROW("$OK#9b$OK#9a", "<OK>", "-+"),
	ROW("$OK#00", "<OK>", "", .no_ack = true),
	ROW("$OK", "", ""),
	ROW("$OK#9", "", ""),
	ROW("\x03", "!", ""),
	ROW("\x03\x03$g#67\x03", "!!<g>!", "+"),
	ROW("+\x03", "!", ""),
	ROW("$a\x03z#de", "<a\\x03z>", "+"),
	ROW("noise$g#67noise", "<g>", "+"),
	ROW("$a}\x03z#5b", "<a#z>", "+"),
	ROW("$}\x04}\x5d}\x0a#e2", "<$}*>", "+"),
	ROW("$a}#de", "?", "+"),
	ROW("$0* #7a", "<0000>", "+"),
	ROW("$a0*\"1#0e", "<a0000001>", "+"),
	ROW("$a0*\"1#0f", "", "-"),
	ROW("$*!#4b", "?", "+"),
	ROW("$0*#5a", "?", "+"),
	ROW("$x*5#d7", "<xxxxxxxxxxxxxxxxxxxxxxxxx>", "+"),
	ROW("-", "", "$last#b4"),
	ROW("-", "", "", .no_ack = true),
	ROW("--", "", "$last#b4$last#b4"),
	ROW("$a\x00z#db", "<a\\x00z>", "+"),
};

static void run(const struct row *r, size_t step, struct buf *understood, struct buf *answered)
{
	struct packet_conn c;
	struct buf content = BUF_INIT;
	enum packet_kind kind;

	packet_init(&c);
	packet_send(&c, "last", 4);
	buf_clear(&c.out);
	c.no_ack = r->no_ack;
	for (size_t at = 0; at < r->n; at += step) {
		packet_feed(&c, r->in + at, at + step > r->n ? r->n - at : step);
		while ((kind = packet_next(&c, &content)) != PACKET_NONE) {
			if (kind == PACKET_DATA) {
				buf_addch(understood, '<');
				add_shown(understood, buf_str(&content), content.len);
				buf_addch(understood, '>');
			} else {
				buf_addch(understood, kind == PACKET_INTERRUPT ? '!' : '?');
			}
		}
	}
	buf_add(answered, buf_str(&c.out), c.out.len);
	buf_release(&content);
	packet_release(&c);
}

static void test_rows(void)
{
	for (const struct row *r = rows; r < rows + ARRAY_SIZE(rows); r++) {
		for (size_t step = 1; step < 40; step += step == 2 ? 37 : 1) {
			struct buf understood = BUF_INIT, answered = BUF_INIT;

			run(r, step, &understood, &answered);
			if (strcmp(buf_str(&understood), r->understood) ||
			    strcmp(buf_str(&answered), r->answered)) {
				fprintf(stderr,
					"row %zu, %zu at a time: understood %s, answered %s\n",
					(size_t)(r - rows), step, buf_str(&understood),
					buf_str(&answered));
				exit(1);
			}
			buf_release(&understood);
			buf_release(&answered);
		}
	}
}

/* All bytes go through, whatever they mean to the protocol. */
static void test_round_trip(void)
{
	struct packet_conn a, b;
	struct buf content = BUF_INIT;
	char all[1024];

	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (char)(i * 7 + i / 256);
	packet_init(&a);
	packet_init(&b);
	packet_send(&a, all, sizeof(all));
	packet_feed(&b, a.out.data, a.out.len);
	CHECK(packet_next(&b, &content) == PACKET_DATA);
	CHECK(content.len == sizeof(all) && !memcmp(content.data, all, sizeof(all)));
	buf_release(&content);
	packet_release(&a);
	packet_release(&b);
}

/* A packet without an end is not kept, and what follows it is understood again. */
static void test_limit(void)
{
	struct packet_conn c;
	struct buf content = BUF_INIT;
	char part[4096];

	memset(part, 'x', sizeof(part));
	packet_init(&c);
	packet_feed(&c, "$", 1);
	for (size_t i = 0; i < 4 * PACKET_MAX / sizeof(part); i++) {
		packet_feed(&c, part, sizeof(part));
		CHECK(packet_next(&c, &content) == PACKET_NONE);
		CHECK(c.in.len <= PACKET_MAX + 2 * sizeof(part));
	}
	packet_feed(&c, "#00$g#67", 8);
	CHECK(packet_next(&c, &content) == PACKET_UNUSABLE);
	CHECK(packet_next(&c, &content) == PACKET_DATA && !strcmp(buf_str(&content), "g"));

	/* Repetitions that make more of it than that. */
	c.no_ack = true;
	packet_feed(&c, "$x", 2);
	for (size_t i = 0; i < PACKET_MAX / 97 + 1; i++)
		packet_feed(&c, "*~", 2);
	packet_feed(&c, "#00", 3);
	CHECK(packet_next(&c, &content) == PACKET_UNUSABLE);
	CHECK(content.len <= PACKET_MAX);
	buf_release(&content);
	packet_release(&c);
}

static void test_interrupt_while_running(void)
{
	struct packet_conn c;
	struct buf content = BUF_INIT;

	packet_init(&c);
	CHECK(!packet_take_interrupt(&c));
	packet_feed(&c, "+\x03$g#67\x03", 8);
	CHECK(packet_take_interrupt(&c));
	CHECK(!packet_take_interrupt(&c));
	CHECK(packet_next(&c, &content) == PACKET_DATA);
	CHECK(packet_take_interrupt(&c));
	CHECK(!packet_take_interrupt(&c));
	buf_release(&content);
	packet_release(&c);
}

static void test_scan(void)
{
	const char text[] = "1f,ABC;name:ffffffffffffffff";
	struct scan s = scan_of(text, sizeof(text) - 1);
	struct buf bytes = BUF_INIT;
	size_t n;

	CHECK(scan_hex(&s) == 0x1f);
	scan_char(&s, ',');
	CHECK(scan_hex(&s) == 0xabc && scan_if(&s, ';') && !scan_if_text(&s, "nama"));
	CHECK(scan_if_text(&s, "na") && !strncmp(scan_until(&s, ':', &n), "me", 2) && n == 2);
	CHECK(!scan_at_end(&s) && scan_left(&s) == 16);
	CHECK(scan_hex(&s) == UINT64_MAX && scan_at_end(&s));
	CHECK(scan_hex(&s) == 0 && s.failed && !scan_at_end(&s));
	s = scan_of("10000000000000000", 17);
	CHECK(scan_hex(&s) == 0 && s.failed);
	s = scan_of("x", 1);
	scan_char(&s, ',');
	CHECK(s.failed && !scan_if(&s, 'x'));

	CHECK(hex_decode(&bytes, "00fFa", 4) == 2 && bytes.data[1] == '\xff');
	CHECK(hex_decode(&bytes, "00f", 3) == -EINVAL && hex_decode(&bytes, "0g", 2) == -EINVAL);
	buf_clear(&bytes);
	hex_add(&bytes, "\x00\x9f", 2);
	CHECK(!strcmp(buf_str(&bytes), "009f"));
	buf_release(&bytes);
}

int main(void)
{
	test_rows();
	test_round_trip();
	test_limit();
	test_interrupt_while_running();
	test_scan();
	printf("%zu transcripts\n", ARRAY_SIZE(rows));
	return 0;
}
