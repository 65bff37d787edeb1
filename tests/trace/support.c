/*
 * Random events and the other things that the trace tests share.
 */
#include "support.h"

#include "base/io.h"
#include "base/log.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

void fail_at(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: failed: %s\n", file, line, what);
	exit(1);
}

uint64_t rng_next(struct rng *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15ull; /* splitmix64 */

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
	return rng_next(r) % n;
}

static char temp_dir[256];
static pid_t temp_owner;

static void remove_temp(void)
{
	if (getpid() == temp_owner)
		remove_tree(temp_dir);
}

const char *temp_path(const char *name)
{
	static char ring[16][512];
	static unsigned next;
	char *path = ring[next++ % ARRAY_SIZE(ring)];

	if (!temp_dir[0]) {
		const char *base = getenv("TMPDIR");

		snprintf(temp_dir, sizeof(temp_dir), "%s/rr-trace-test-XXXXXX",
			 base && *base ? base : "/tmp");
		CHECK(mkdtemp(temp_dir));
		temp_owner = getpid();
		atexit(remove_temp);
	}
	snprintf(path, sizeof(ring[0]), "%s/%s", temp_dir, name);
	return path;
}

static const struct trace_cpuid test_cpuid[] = {
	{0, 0, 0x16, 0x756e6547, 0x6c65746e, 0x49656e69},
	{7, 1, 0xffffffff, 0, 5, 0},
};
static const char *const test_argv[] = {"prog", "", "-x", "caf\xe9 \xff\x01", NULL};
static const char *const test_envp[] = {"HOME=/root", "EMPTY=", NULL};

const struct trace_info test_info = {
	.format = TRACE_FORMAT,
	.build = "test build",
	.arch = 1,
	.ticks = "soft",
	.kernel = "6.1.0",
	.uuid = "00112233445566778899aabbccddeeff",
	.bound_cpu = -1,
	.cpuid_faulting = true,
	.cpuid = test_cpuid,
	.n_cpuid = ARRAY_SIZE(test_cpuid),
	.xsave_size = 2696,
	.xcr0 = 0x2e7,
	.stack_limit = 8 << 20,
	.start_time_ns = 1700000000123456789,
	.start_monotonic_ns = 5,
	.exe = "/usr/bin/prog",
	.cwd = "/tmp/\xfe",
	.argv = test_argv,
	.envp = test_envp,
};

struct trace_writer *open_writer(const char *dir)
{
	struct trace_writer_options opt = {.dir = dir};
	struct trace_writer *w;

	CHECK(trace_writer_open(&w, &opt, &test_info) == 0);
	return w;
}

struct trace_reader *open_reader(const char *dir)
{
	struct trace_reader *r;

	CHECK(trace_reader_open(&r, dir) == 0);
	return r;
}

static int saved_stderr, capture_fd;
static char captured[65536];

void capture_begin(void)
{
	fflush(stderr);
	saved_stderr = dup(STDERR_FILENO);
	capture_fd = memfd_create("stderr", MFD_CLOEXEC);
	CHECK(saved_stderr >= 0 && capture_fd >= 0);
	dup2(capture_fd, STDERR_FILENO);
}

const char *capture_end(void)
{
	ssize_t n;

	fflush(stderr);
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	n = pread_full(capture_fd, captured, sizeof(captured) - 1, 0);
	close(capture_fd);
	CHECK(n >= 0);
	captured[n] = 0;
	return captured;
}

size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* Half noise, half repetition, as data is. */
static const uint8_t *random_data(void)
{
	static uint8_t *data;
	struct rng r = {99};

	if (!data) {
		data = xmalloc(2 * RANDOM_DATA_MAX);
		for (size_t i = 0; i < 2 * RANDOM_DATA_MAX; i += 8) {
			uint64_t v = i & 256 ? rng_next(&r) : i / 64;

			memcpy(data + i, &v, 8);
		}
	}
	return data;
}

static struct trace_bytes some_bytes(struct rng *r, size_t most)
{
	size_t len;

	if (most > RANDOM_DATA_MAX)
		most = RANDOM_DATA_MAX;
	/* Mostly short, now and then as long as may be. */
	len = rng_below(r, 200) == 0 ? rng_below(r, most + 1)
				     : rng_below(r, min_u64(most, 100) + 1);
	return (struct trace_bytes){random_data() + rng_below(r, RANDOM_DATA_MAX), len};
}

static void add_regs(struct rng *r, uint64_t *words, struct trace_bytes *bytes)
{
	if (rng_below(r, 4) == 0)
		return;
	for (int i = 0; i < REGS_WORDS; i++)
		words[i] = rng_below(r, 3) ? 0x7f0000000000u + i : rng_next(r);
	*bytes = (struct trace_bytes){words, REGS_WORDS * 8};
}

static void add_maps(struct rng *r, struct random_event *e)
{
	static const char *const names[] = {"", "/lib/libc.so.6", "[stack]", "/\xff\xfe weird"};

	e->ev.maps = e->maps;
	e->ev.n_maps = rng_below(r, ARRAY_SIZE(e->maps) + 1);
	for (size_t i = 0; i < e->ev.n_maps; i++) {
		uint64_t start = rng_below(r, 1ull << 47) & ~0xfffull;

		e->maps[i] = (struct trace_mapping){
			.start = start,
			.end = start + 4096 * (1 + rng_below(r, 1000)),
			.prot = rng_below(r, 8),
			.flags = rng_below(r, 1 << 20),
			.source = 1 + rng_below(r, 3),
			.file = 1 + rng_below(r, 100),
			.offset = 4096 * rng_below(r, 1000),
			.file_size = rng_next(r),
			.dev = rng_next(r),
			.ino = rng_next(r),
			.tid = rng_below(r, 3),
			.name = names[rng_below(r, ARRAY_SIZE(names))],
		};
	}
}

void make_event(struct random_event *e, uint64_t seed, event_t number, size_t bulk)
{
	struct rng rng = {seed * 1000003 + number}, *r = &rng;

	e->ev = (struct trace_event){
		.number = number,
		.type = 1 + rng_below(r, N_EVENT_TYPES - 1),
		.tid = rng_below(r, 50) ? 1000 + rng_below(r, 3) : 1 + rng_below(r, INT32_MAX),
		.time_ns = 1000000000 + number * 1000 + rng_below(r, 900),
		.ticks = rng_below(r, 10) ? number * 100 : rng_next(r),
		.arch = rng_below(r, 2),
		.syscall = (int32_t)rng_next(r),
		.result = rng_below(r, 2) ? (int64_t)rng_next(r) : -(int64_t)rng_below(r, 133),
		.echo_fd = rng_below(r, 3),
		.synchronous = rng_below(r, 2),
		.signo = 1 + rng_below(r, 64),
		.action = 1 + rng_below(r, 3),
		.child_tid = rng_below(r, 1u << 31),
		.clone_flags = rng_next(r),
		.former_tid = rng_below(r, 1u << 31),
		.exit_status = (int32_t)rng_next(r),
		.memory_checksum = rng_next(r),
	};
	e->ev.delay_ns = rng_below(r, 4) ? 0 : rng_next(r);
	add_regs(r, e->regs[0], &e->ev.regs);
	add_regs(r, e->regs[1], &e->ev.regs_after);
	if (rng_below(r, 20) == 0)
		e->ev.fpregs = (struct trace_bytes){random_data() + rng_below(r, 9999),
						    rng_below(r, 2) ? sizeof(e->fpregs) : 1};
	if (rng_below(r, 10) == 0)
		e->ev.siginfo =
			(struct trace_bytes){random_data() + rng_below(r, 9999), SIGINFO_BYTES};
	if (rng_below(r, 10) == 0)
		e->ev.stack = (struct trace_bytes){random_data() + rng_below(r, 9999),
						   1 + rng_below(r, STACK_BYTES_MAX)};
	if (rng_below(r, 10) == 0)
		e->ev.words = (struct trace_bytes){random_data() + rng_below(r, 9999),
						   16 * rng_below(r, WORDS_BYTES_MAX / 16 + 1)};
	e->ev.writes = e->writes;
	e->ev.n_writes = rng_below(r, ARRAY_SIZE(e->writes) + 1);
	for (size_t i = 0; i < e->ev.n_writes; i++)
		e->writes[i] = (struct trace_write){rng_below(r, 2) ? 0 : e->ev.tid,
						    rng_next(r) >> 1, some_bytes(r, bulk)};
	e->ev.file_writes = e->file_writes;
	e->ev.n_file_writes = rng_below(r, 10) ? 0 : rng_below(r, ARRAY_SIZE(e->file_writes) + 1);
	for (size_t i = 0; i < e->ev.n_file_writes; i++)
		e->file_writes[i] = (struct trace_file_write){
			1 + rng_below(r, UINT32_MAX), rng_below(r, 1ull << 40),
			(1ull << 41) + rng_below(r, 1ull << 40), some_bytes(r, bulk)};
	if (rng_below(r, 30) == 0)
		add_maps(r, e);
}

void make_call(struct random_event *e, event_t number)
{
	static const uint8_t nrs[] = {0, 1, 3, 5, 7, 9, 202, 228};
	struct rng r = {number};
	uint64_t nr = nrs[rng_below(&r, ARRAY_SIZE(nrs))];
	uint64_t site = 0x7ffff7e9a000 + 64 * nr, *w = e->regs[0];

	for (int i = 0; i < REGS_WORDS; i++)
		w[i] = i < 6 ? 0x7ffff7d00000 + 64 * i : 0;
	w[5] = 0x555555559000 + 64 * rng_below(&r, 64);	 /* rbx */
	w[10] = w[15] = nr;				 /* rax, orig_rax */
	w[11] = w[16] = site;				 /* rcx, rip */
	w[6] = w[18] = 0x246;				 /* r11, eflags */
	w[12] = rng_below(&r, 4096);			 /* rdx */
	w[13] = 0x7fffffffd000 + 16 * rng_below(&r, 64); /* rsi */
	w[14] = rng_below(&r, 10);			 /* rdi */
	w[19] = 0x7fffffffcf00 + 16 * rng_below(&r, 16); /* rsp */
	w[17] = 0x33;
	w[20] = 0x2b;
	w[21] = 0x7ffff7d85740; /* fs_base */
	w[10] = rng_below(&r, 64);
	e->ev = (struct trace_event){
		.number = number,
		.type = EV_SYSCALL,
		.tid = 4242 + (number >> 5) % 3,
		.time_ns = 5000000000000 + number * 9000 + rng_below(&r, 5000),
		.ticks = number * 1500 + rng_below(&r, 500),
		.regs = {w, REGS_WORDS * 8},
		.syscall = nr,
		.result = w[10],
		.writes = e->writes,
		.n_writes = nr & 1 ? 0 : 1,
	};
	e->writes[0] =
		(struct trace_write){0, w[13], {random_data() + 64 * rng_below(&r, 4096), 64}};
}

static bool same_bytes(const struct trace_bytes *a, const struct trace_bytes *b)
{
	return a->len == b->len && (!a->len || !memcmp(a->data, b->data, a->len));
}

static bool same_lists(const struct trace_event *a, const struct trace_event *b)
{
	for (size_t i = 0; i < a->n_writes; i++)
		if (a->writes[i].tid != b->writes[i].tid ||
		    a->writes[i].addr != b->writes[i].addr ||
		    !same_bytes(&a->writes[i].bytes, &b->writes[i].bytes))
			return false;
	for (size_t i = 0; i < a->n_file_writes; i++) {
		const struct trace_file_write *x = &a->file_writes[i], *y = &b->file_writes[i];

		if (x->file != y->file || x->offset != y->offset || x->size != y->size ||
		    !same_bytes(&x->bytes, &y->bytes))
			return false;
	}
	for (size_t i = 0; i < a->n_maps; i++) {
		const struct trace_mapping *x = &a->maps[i], *y = &b->maps[i];

		if (x->start != y->start || x->end != y->end || x->prot != y->prot ||
		    x->flags != y->flags || x->source != y->source || x->file != y->file ||
		    x->offset != y->offset || x->file_size != y->file_size || x->dev != y->dev ||
		    x->ino != y->ino || x->tid != y->tid || strcmp(x->name, y->name) != 0)
			return false;
	}
	return true;
}

bool same_event(const struct trace_event *a, const struct trace_event *b)
{
	return a->number == b->number && a->type == b->type && a->tid == b->tid &&
	       a->time_ns == b->time_ns && a->ticks == b->ticks && a->arch == b->arch &&
	       a->syscall == b->syscall && a->result == b->result && a->echo_fd == b->echo_fd &&
	       a->synchronous == b->synchronous && a->signo == b->signo && a->action == b->action &&
	       a->child_tid == b->child_tid && a->clone_flags == b->clone_flags &&
	       a->former_tid == b->former_tid && a->exit_status == b->exit_status &&
	       a->memory_checksum == b->memory_checksum && a->n_writes == b->n_writes &&
	       a->n_maps == b->n_maps && a->n_file_writes == b->n_file_writes &&
	       same_bytes(&a->regs, &b->regs) && same_bytes(&a->regs_after, &b->regs_after) &&
	       same_bytes(&a->fpregs, &b->fpregs) && same_bytes(&a->siginfo, &b->siginfo) &&
	       same_bytes(&a->stack, &b->stack) && same_bytes(&a->words, &b->words) &&
	       a->delay_ns == b->delay_ns && same_lists(a, b);
}

void check_same_event(const struct trace_event *a, const struct trace_event *b)
{
	if (same_event(a, b))
		return;
	fprintf(stderr, "event %llu differs\n", (unsigned long long)a->number);
	CHECK(!"same event");
}
