/*
 * The agent's buffer as the tracer reads it out of a trace: whole records, short ones that are like
 * the one before, and what is neither.
 */
#include "../check.h"
#include "agentctl/records.h"

#include "base/types.h"

#define ROOM 512

static _Alignas(8) uint8_t buffer[ROOM];
static size_t used;

static void add(const void *bytes, size_t n)
{
	memcpy(buffer + used, bytes, n);
	used += n;
}

static void begin(uint16_t nr, uint16_t flags, int64_t result, uint32_t fraction)
{
	const struct agent_record r = {.size = sizeof(r),
				       .nr = nr,
				       .flags = flags,
				       .check = 4711,
				       .file = fraction,
				       .result = result};

	used = 0;
	add(&r, sizeof(r));
}

static void add_like(uint16_t nr, int32_t more)
{
	const struct agent_like like = {(uint32_t)nr << 1 | 1, more};

	add(&like, sizeof(like));
}

/* The last of the records, and how many there are; NULL if they do not end where they should. */
static const struct agent_record *read_all(size_t *n)
{
	static struct agent_record last;
	const struct agent_record *r, *found = NULL;
	size_t at = 0;

	memset(&last, 0, sizeof(last));
	for (*n = 0; (r = agent_next_record(buffer, used, &at, &last)); ++*n)
		found = r;
	return at == used ? found : NULL;
}

static void expect(int64_t result, uint32_t fraction, size_t n)
{
	size_t got;
	const struct agent_record *r = read_all(&got);

	CHECK_EQ(got, n);
	CHECK(r);
	if (!r)
		return;
	CHECK_EQ((uint64_t)r->result, (uint64_t)result);
	CHECK_EQ(r->file, fraction);
	CHECK_EQ(r->check, 4711);
	CHECK(!agent_first_piece(r));
}

static void test_results(void)
{
	begin(__NR_lseek, 0, 100, 0);
	expect(100, 0, 1);
	add_like(__NR_lseek, 5);
	add_like(__NR_lseek, -7);
	expect(98, 0, 3);
	begin(__NR_lseek, 0, INT64_MAX, 0);
	add_like(__NR_lseek, 1); /* nonsense, but no more than that */
	expect(INT64_MIN, 0, 2);
}

static void test_times(void)
{
	begin(__NR_clock_gettime, RECORD_TIME, 9, 999999999);
	add_like(__NR_clock_gettime, 1);
	expect(10, 0, 2);
	add_like(__NR_clock_gettime, -1);
	expect(9, 999999999, 3);
	add_like(__NR_clock_gettime, INT32_MAX);
	expect(12, 147483646, 4);
	add_like(__NR_clock_gettime, INT32_MIN);
	expect(9, 999999998, 5);
	begin(__NR_gettimeofday, RECORD_TIME, 9, 999999);
	add_like(__NR_gettimeofday, 2);
	expect(10, 1, 2);
	begin(__NR_time, RECORD_TIME, -1, 0);
	add_like(__NR_time, 1000000000);
	expect(0, 0, 2);
}

static void test_with_pieces(void)
{
	const struct agent_piece piece = {0x1000, 3};
	const struct agent_record r = {.size = sizeof(r) + sizeof(piece) + 8, .nr = __NR_read};
	const struct agent_record *got;
	size_t n;

	used = 0;
	add(&r, sizeof(r));
	add(&piece, sizeof(piece));
	add("abc\0\0\0\0", 8);
	got = read_all(&n);
	CHECK(got && agent_first_piece(got) && agent_first_piece(got)->size == 3);
	CHECK(!agent_next_piece(got, agent_first_piece(got)));
	add_like(__NR_read, 0); /* none can be like that */
	CHECK(!read_all(&n) && n == 1);
}

static void expect_bad(size_t whole)
{
	size_t n;

	CHECK(!read_all(&n));
	CHECK_EQ(n, whole);
}

static void test_malformed(void)
{
	used = 0;
	add_like(__NR_lseek, 1);
	expect_bad(0);
	begin(__NR_lseek, 0, 1, 0);
	add_like(__NR_read, 1);
	expect_bad(1);
	begin(__NR_lseek, RECORD_CAREFUL, -9, 0);
	add_like(__NR_lseek, 1);
	expect_bad(1);
	for (size_t cut = 1; cut < sizeof(struct agent_record) + sizeof(struct agent_like); cut++) {
		begin(__NR_lseek, 0, 1, 0);
		add_like(__NR_lseek, 1);
		used -= cut;
		if (used != sizeof(struct agent_record))
			expect_bad(used > sizeof(struct agent_record));
	}
	for (uint32_t size = 0; size < 64; size++) {
		begin(__NR_lseek, 0, 1, 0);
		((struct agent_record *)buffer)->size = size;
		if (size != sizeof(struct agent_record))
			expect_bad(0);
	}
}

int main(void)
{
	test_results();
	test_times();
	test_with_pieces();
	test_malformed();
	return check_status("records");
}
