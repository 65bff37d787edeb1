/*
 * The packet layer and the evaluator of conditions on hostile bytes. The first byte of an input
 * says how the rest comes: bit 7: acknowledgements are off; the others: how many bytes at a time.
 * What is understood is a condition as well, and a list of numbers.
 */
#include "base/buf.h"
#include "base/io.h"
#include "base/log.h"
#include "gdb/agent_expr.h"
#include "gdb/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_register(void *ctx, unsigned number, uint64_t *value)
{
	*value = number;
	return number < 64 ? 0 : -EINVAL;
}

static int read_memory(void *ctx, raddr_t addr, void *buf, size_t n)
{
	BUG_ON(n > 8);
	memset(buf, (uint8_t)addr, n);
	return addr % 3 ? 0 : -EFAULT;
}

static void use(const struct buf *content)
{
	const struct agent_context context = {read_register, read_memory, NULL};
	struct scan s = scan_of(buf_str(content), content->len);
	struct buf bytes = BUF_INIT;
	int64_t value;
	size_t n;

	agent_expr_evaluate((const uint8_t *)buf_str(content), content->len, &context, &value);
	while (scan_left(&s)) {
		const char *p = scan_until(&s, ';', &n);
		struct scan part = scan_of(p, n);

		BUG_ON(hex_decode(&bytes, p, n) > (ssize_t)(n / 2));
		scan_hex(&part);
		scan_if_text(&part, "vCont");
		scan_char(&part, ',');
		BUG_ON(part.p > part.end);
	}
	buf_release(&bytes);
}

/* What we send must be understood as it was meant. */
static void send_back(const struct buf *content)
{
	struct packet_conn a, b;
	struct buf again = BUF_INIT;

	packet_init(&a);
	packet_init(&b);
	packet_send(&a, buf_str(content), content->len);
	packet_feed(&b, a.out.data, a.out.len);
	if (a.out.len < PACKET_MAX) {
		BUG_ON(packet_next(&b, &again) != PACKET_DATA);
		BUG_ON(again.len != content->len ||
		       memcmp(buf_str(&again), buf_str(content), again.len) != 0);
	}
	packet_release(&a);
	packet_release(&b);
	buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet_conn c;
	struct buf content = BUF_INIT;
	enum packet_kind kind;
	size_t step;

	if (!size)
		return 0;
	packet_init(&c);
	packet_send(&c, "OK", 2);
	c.no_ack = data[0] & 0x80;
	step = (data[0] & 0x7f) + 1;
	for (size_t at = 1; at < size; at += step) {
		packet_feed(&c, data + at, min_u64(step, size - at));
		packet_take_interrupt(&c);
		while ((kind = packet_next(&c, &content)) != PACKET_NONE) {
			if (kind != PACKET_DATA)
				continue;
			BUG_ON(content.len > PACKET_MAX);
			use(&content);
			send_back(&content);
			send_back(&c.out);
		}
		buf_clear(&c.out);
	}
	buf_release(&content);
	packet_release(&c);
	return 0;
}

#ifndef FUZZ_LIBFUZZER

#include "corpus.h"

/* fuzz_gdb_packet DIR...: run the files in them. */
int main(int argc, char **argv)
{
	return run_inputs(argv + 1, argc - 1);
}

#endif
