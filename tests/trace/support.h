/*
 * What the trace tests share: random events that use every field, their comparison, temporary
 * directories. A test stops at its first failure.
 */
#ifndef TESTS_TRACE_SUPPORT_H
#define TESTS_TRACE_SUPPORT_H

#include "base/buf.h"
#include "trace/format.h"
#include "trace/trace.h"

#define SKIP_STATUS 77

#define CHECK(cond)                                         \
	do {                                                \
		if (!(cond))                                \
			fail_at(__FILE__, __LINE__, #cond); \
	} while (0)
_Noreturn void fail_at(const char *file, int line, const char *what);

/* A generator whose sequence depends only on the seed. */
struct rng {
	uint64_t state;
};
uint64_t rng_next(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t n);

/* A directory of the test's own; removed at exit. Returns "DIR/name" in a static ring of buffers.
 */
const char *temp_path(const char *name);

extern const struct trace_info test_info;

struct trace_writer *open_writer(const char *dir);
struct trace_reader *open_reader(const char *dir);

/* Capture stderr around a call: begin, ..., end returns the text. */
void capture_begin(void);
const char *capture_end(void);
size_t count_lines(const char *text);

#define RANDOM_DATA_MAX (3u << 20)

/*
 * An event of which every field may be set: always the same for the same number and seed, so that a
 * reader at any place knows what it must find. `bulk`: the longest write.
 */
struct random_event {
	struct trace_event ev;
	struct trace_write writes[6];
	struct trace_mapping maps[40];
	struct trace_file_write file_writes[3];
	uint64_t regs[2][REGS_WORDS];
	uint8_t fpregs[2696];
	uint8_t siginfo[SIGINFO_BYTES];
};
void make_event(struct random_event *e, uint64_t seed, event_t number, size_t bulk);

/* A system call as most events are: registers and a small write. */
void make_call(struct random_event *e, event_t number);

void check_same_event(const struct trace_event *a, const struct trace_event *b);
bool same_event(const struct trace_event *a, const struct trace_event *b);

#endif
