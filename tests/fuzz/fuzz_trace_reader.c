/*
 * The trace reader on hostile traces. An input is a container of the files of one directory:
 *
 *   a byte: bit 7 set: checksums are compared; bit 6 set: the directory has the marker `incomplete`
 *   then pieces: a byte (which file, modulo their number), a 24-bit little-endian length, the
 * bytes; a later piece of the same file is appended to it. Behind the numbers of the files come
 * those of the streams once more: the bytes are then the content of a block, which gets its header
 * here, so that records can change their length.
 *
 * Files that an input does not have are those of a small sound trace, made at the start, so that an
 * input which has only a stream reaches that stream. Most seeds are of stored blocks, not of
 * compressed ones, and have checksums ignored.
 *
 * Everything that the reader gives is touched, so that sanitizers see what it points to.
 */
#include "base/buf.h"
#include "base/io.h"
#include "base/log.h"
#include "trace/format.h"
#include "trace/trace.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static const char *const file_names[] = {"events",  "data",	"mmaps",  "tasks",
					 "version", "args_env", "files/1"};
#define N_FILES	   ARRAY_SIZE(file_names) /* the first N_STREAMS are the streams */
#define EVENTS_MAX 20000 /* a bound on time: 64 KiB of input can hold about so many */

static char dir[64];
static int dir_fd = -1;
static struct buf sound[N_FILES]; /* of the small trace */
static uint64_t sink;

static void touch(const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i += 64)
		sink += p[i];
	if (len)
		sink += p[len - 1];
}

static void touch_text(const char *s)
{
	sink += strlen(s);
}

static void touch_list(const char *const *v)
{
	for (; *v; v++)
		touch_text(*v);
}

static void touch_event(const struct trace_event *ev)
{
	touch(ev->regs.data, ev->regs.len);
	touch(ev->regs_after.data, ev->regs_after.len);
	touch(ev->fpregs.data, ev->fpregs.len);
	touch(ev->siginfo.data, ev->siginfo.len);
	for (size_t i = 0; i < ev->n_writes; i++)
		touch(ev->writes[i].bytes.data, ev->writes[i].bytes.len);
	for (size_t i = 0; i < ev->n_file_writes; i++)
		touch(ev->file_writes[i].bytes.data, ev->file_writes[i].bytes.len);
	for (size_t i = 0; i < ev->n_maps; i++) {
		BUG_ON(ev->maps[i].start >= ev->maps[i].end);
		touch_text(ev->maps[i].name);
	}
	BUG_ON(ev->type < 1 || ev->type >= N_EVENT_TYPES || ev->tid <= 0);
}

static void touch_info(const struct trace_info *info)
{
	touch_text(info->build);
	touch_text(info->ticks);
	touch_text(info->kernel);
	touch_text(info->uuid);
	touch_text(info->exe);
	touch_text(info->cwd);
	touch_list(info->argv);
	touch_list(info->envp);
	touch(info->cpuid, info->n_cpuid * sizeof(*info->cpuid));
}

static void read_trace(void)
{
	struct trace_reader *r;
	struct trace_event ev;
	struct trace_task task;
	event_t last, n = 0;
	int ret, fd;

	if (trace_reader_open(&r, dir))
		return;
	touch_info(trace_reader_info(r));
	last = trace_reader_last_event(r);
	while (n < EVENTS_MAX && (ret = trace_reader_next(r, &ev)) == 1) {
		BUG_ON(ev.number != ++n);
		touch_event(&ev);
	}
	BUG_ON(n > last);
	for (uint64_t i = 1, at = 1; i < 8 && at <= last; i++, at = last * i / 8 + 1) {
		ret = trace_reader_seek(r, at);
		if (ret == 0 && trace_reader_next(r, &ev) == 1) {
			BUG_ON(ev.number != at);
			touch_event(&ev);
		}
	}
	for (n = 0; n < EVENTS_MAX && trace_reader_next_task(r, &task) == 1; n++) {
		touch_text(task.exe);
		touch_list(task.argv);
	}
	trace_reader_rewind_tasks(r);
	trace_reader_next_task(r, &task);
	fd = trace_reader_open_file(r, 1);
	if (fd >= 0)
		close(fd);
	trace_reader_close(r);
}

static int create(const char *name)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		die("%s/%s: %s", dir, name, strerror(errno));
	return fd;
}

static void put(const char *name, const void *data, size_t len)
{
	int fd = create(name);

	if (write_full(fd, data, len))
		die("%s/%s cannot be written", dir, name);
	close(fd);
}

static const struct trace_event *seed_events(size_t *n)
{
	static const uint64_t regs[REGS_WORDS] = {1, 2, 3};
	static const char siginfo[SIGINFO_BYTES] = {11};
	static const struct trace_write writes[] = {{0, 0x1000, {"hello", 5}},
						    {7, 0x2000, {"", 0}}};
	static const struct trace_mapping maps[] = {
		{.start = 0x400000,
		 .end = 0x401000,
		 .prot = 5,
		 .source = MAP_FROM_FILE,
		 .file = 1,
		 .name = "/bin/true"},
		{.start = 0x7ffff000,
		 .end = 0x80000000,
		 .source = MAP_FROM_ZERO,
		 .name = "[stack]"},
	};
	static const struct trace_file_write file_writes[] = {{1, 0, 4096, {"abcd", 4}}};
	static const struct trace_event events[] = {
		{.type = EV_EXEC,
		 .tid = 5,
		 .syscall = 59,
		 .maps = maps,
		 .n_maps = 2,
		 .writes = writes,
		 .n_writes = 2,
		 .fpregs = {siginfo, 64}},
		{.type = EV_SYSCALL,
		 .tid = 5,
		 .regs = {regs, sizeof(regs)},
		 .result = -11,
		 .writes = writes,
		 .n_writes = 1,
		 .file_writes = file_writes,
		 .n_file_writes = 1},
		{.type = EV_SIGNAL,
		 .tid = 5,
		 .signo = 11,
		 .action = SIGNAL_HANDLER,
		 .siginfo = {siginfo, SIGINFO_BYTES},
		 .regs_after = {regs, sizeof(regs)}},
		{.type = EV_EXIT, .tid = 5, .exit_status = 256},
	};

	*n = ARRAY_SIZE(events);
	return events;
}

/* An event with more in it than the reader has room for at first. */
static const struct trace_event *wide_event(void)
{
	static struct trace_write writes[1500];
	static struct trace_mapping maps[9];
	static struct trace_event ev = {.type = EV_EXEC,
					.tid = 5,
					.writes = writes,
					.maps = maps,
					.n_maps = ARRAY_SIZE(maps)};

	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		maps[i] = (struct trace_mapping){
			.start = i << 20, .end = (i + 1) << 20, .source = MAP_FROM_ZERO};
	ev.n_writes = ARRAY_SIZE(writes);
	return &ev;
}

/* A sound trace of a few events at `path`; `flush` makes a block of each. */
static void make_seed(const char *path, size_t repeat, bool flush, bool wide)
{
	static const char *const argv[] = {"true", "-x", NULL};
	static const struct trace_cpuid cpuid[] = {{1, 0, 2, 3, 4, 5}};
	const struct trace_info info = {
		.build = "0",
		.ticks = "none",
		.kernel = "6",
		.uuid = "0",
		.bound_cpu = -1,
		.cpuid = cpuid,
		.n_cpuid = 1,
		.exe = "/bin/true",
		.cwd = "/",
		.argv = argv,
		.envp = argv,
	};
	const struct trace_task task = {.kind = TASK_EXEC,
					.event = 1,
					.tid = 5,
					.tgid = 5,
					.exe = "/bin/true",
					.argv = argv};
	struct trace_writer_options opt = {.dir = path};
	struct trace_writer *w;
	const struct trace_event *events;
	uint32_t file;
	size_t n;

	events = seed_events(&n);
	if (trace_writer_open(&w, &opt, &info) || trace_writer_save_bytes(w, "x", 1, &file))
		exit(1);
	for (size_t i = 0; i < n * repeat; i++) {
		if (trace_writer_event(w, &events[i % n], NULL) || trace_writer_task(w, &task))
			exit(1);
		if (flush)
			trace_writer_flush(w);
	}
	if ((wide && trace_writer_event(w, wide_event(), NULL)) || trace_writer_close(w))
		exit(1);
}

static void remove_dir(void)
{
	remove_tree(dir);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	unsetenv("_RR_TRACE_DIR");
	snprintf(dir, sizeof(dir), "%s/rr-fuzz-XXXXXX", base);
	if (!mkdtemp(dir))
		die("%s: %s", dir, strerror(errno));
	atexit(remove_dir);
	trace_store_blocks = true;
	make_seed(dir, 1, true, false);
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < N_FILES; i++) {
		char *path = xasprintf("%s/%s", dir, file_names[i]);

		if (read_file(path, &sound[i]))
			die("%s cannot be read", path);
		free(path);
	}
	unlinkat(dir_fd, "files/1", 0); /* it is read-only */
	return 0;
}

/* Records that the bytes seem to hold. */
static uint32_t count_records(const uint8_t *p, size_t size)
{
	uint32_t n = 0;

	for (const uint8_t *end = p + size; p < end; n++) {
		uint64_t len = 0;

		for (int shift = 0; p < end && shift < 35; shift += 7) {
			len |= (uint64_t)(*p & 0x7f) << shift;
			if (!(*p++ & 0x80))
				break;
		}
		p += min_u64(len, end - p);
	}
	return n;
}

struct stream_end {
	uint64_t offset, records;
};

static void add_block(struct buf *out, enum stream_id stream, struct stream_end *at,
		      const uint8_t *data, size_t len)
{
	struct block_header h = {
		.magic = BLOCK_MAGIC,
		.stream = stream,
		.codec = CODEC_STORED,
		.raw_len = len,
		.packed_len = len,
		.offset = at->offset,
	};

	if (stream != STREAM_DATA) {
		h.n_records = count_records(data, len);
		h.first = 1 + at->records;
	}
	h.checksum = block_checksum(&h, data);
	at->offset += len;
	at->records += h.n_records;
	buf_add(out, &h, sizeof(h));
	buf_add(out, data, len);
}

/* Split the input into the files; false for those that it does not have. */
static void split(const uint8_t *data, size_t size, struct buf *content, bool *given)
{
	struct stream_end ends[N_STREAMS] = {0};

	while (size >= 4) {
		size_t which = data[0] % (N_FILES + N_STREAMS);
		size_t len = data[1] | data[2] << 8 | (size_t)data[3] << 16;

		data += 4;
		size -= 4;
		len = min_u64(len, size);
		if (which < N_FILES) {
			buf_add(&content[which], data, len);
		} else {
			which -= N_FILES;
			add_block(&content[which], which, &ends[which], data, len);
		}
		given[which] = true;
		data += len;
		size -= len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct buf content[N_FILES];
	static bool is_sound[N_FILES], is_incomplete; /* what lies in the directory now */
	bool given[N_FILES] = {false};
	uint8_t flags;

	if (size < 1)
		return 0;
	flags = *data;
	for (size_t i = 0; i < N_FILES; i++)
		buf_clear(&content[i]);
	split(data + 1, size - 1, content, given);
	for (size_t i = 0; i < N_FILES; i++) {
		const struct buf *b = given[i] ? &content[i] : &sound[i];

		if (given[i] || !is_sound[i])
			put(file_names[i], buf_str(b), b->len);
		is_sound[i] = !given[i];
	}
	trace_skip_checksums = !(flags & 0x80);
	if ((flags & 0x40) && !is_incomplete)
		put("incomplete", "", 0);
	else if (!(flags & 0x40) && is_incomplete)
		unlinkat(dir_fd, "incomplete", 0);
	is_incomplete = flags & 0x40;
	read_trace();
	return 0;
}

#ifndef FUZZ_LIBFUZZER

#include "corpus.h"

static void add_piece(struct buf *b, size_t which, const void *data, size_t len)
{
	buf_addch(b, which);
	buf_addch(b, len);
	buf_addch(b, len >> 8);
	buf_addch(b, len >> 16);
	buf_add(b, data, len);
}

/* The contents of the (stored) blocks of a stream. */
static void add_contents(struct buf *b, size_t stream, const struct buf *file)
{
	struct block_header h;
	const char *p;
	size_t head;

	for (size_t pos = 0; pos + sizeof(h) <= file->len; pos += sizeof(h) + h.packed_len) {
		memcpy(&h, file->data + pos, sizeof(h));
		if (h.magic != BLOCK_MAGIC)
			break;
		/* Data in two blocks, so that some of it lies in both. */
		head = stream == STREAM_DATA ? h.packed_len / 2 : 0;
		p = file->data + pos + sizeof(h);
		if (head)
			add_piece(b, N_FILES + stream, p, head);
		add_piece(b, N_FILES + stream, p + head, h.packed_len - head);
	}
}

/* Pack some files of a trace into an input: whole, or the contents of blocks. */
static void write_seed(const char *out, const char *trace, uint8_t flags, unsigned whole,
		       unsigned contents)
{
	struct buf b = BUF_INIT;
	int fd;

	buf_addch(&b, flags);
	for (size_t i = 0; i < N_FILES; i++) {
		char *path = xasprintf("%s/%s", trace, file_names[i]);
		struct buf file = BUF_INIT;

		if (read_file(path, &file))
			die("%s cannot be read", path);
		if (whole >> i & 1)
			add_piece(&b, i, file.data, file.len);
		if (contents >> i & 1)
			add_contents(&b, i, &file);
		buf_release(&file);
		free(path);
	}
	fd = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write_full(fd, b.data, b.len))
		die("%s cannot be written", out);
	close(fd);
	buf_release(&b);
}

static void make_seeds(const char *out)
{
	static const struct {
		const char *name;
		size_t repeat;
		bool flush;
		uint8_t flags;
		unsigned whole, contents; /* bits: file_names, streams */
	} seeds[] = {
		{"small-all", 1, false, 0, 0x7f, 0},	 {"small-checked", 1, false, 0x80, 0x7f, 0},
		{"small-events", 1, false, 0, 0x01, 0},	 {"blocks-events", 1, true, 0, 0x01, 0},
		{"blocks-data", 1, true, 0, 0x02, 0},	 {"blocks-mmaps", 1, true, 0, 0x04, 0},
		{"blocks-tasks", 1, true, 0, 0x08, 0},	 {"version", 1, false, 0, 0x10, 0},
		{"args-env", 1, false, 0, 0x20, 0},	 {"incomplete-all", 3, true, 0x40, 0x0f, 0},
		{"long-all", 20, false, 0, 0x0f, 0},	 {"packed-all", 100, false, 0, 0x0f, 0},
		{"packed-blocks", 20, true, 0, 0x0f, 0}, {"content-events", 1, false, 0, 0, 0x01},
		{"content-mmaps", 1, false, 0, 0, 0x04}, {"content-tasks", 1, false, 0, 0, 0x08},
		{"content-all", 1, true, 0, 0, 0x0f},	 {"wide", 1, false, 0, 0, 0x0f},
		{"empty", 0, false, 0, 0x0f, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(seeds); i++) {
		char *trace = xasprintf("%s/seed-%zu", dir, i);
		char *path = xasprintf("%s/%s", out, seeds[i].name);

		trace_store_blocks = strncmp(seeds[i].name, "packed", 6) != 0;
		make_seed(trace, seeds[i].repeat, seeds[i].flush, !strcmp(seeds[i].name, "wide"));
		write_seed(path, trace, seeds[i].flags, seeds[i].whole, seeds[i].contents);
		free(trace);
		free(path);
	}
}

/*
 * fuzz_trace_reader INPUT...          run them (a directory: the files in it)
 * fuzz_trace_reader                   run what stdin has (AFL)
 * fuzz_trace_reader --make-seeds DIR  write the seeds of the corpus
 */
int main(int argc, char **argv)
{
	LLVMFuzzerInitialize(&argc, &argv);
	/* The reader's messages are not what is looked at; sanitizers write to the descriptor. */
	if (!getenv("FUZZ_VERBOSE"))
		stderr = fopen("/dev/null", "w");
	if (argc == 3 && !strcmp(argv[1], "--make-seeds")) {
		make_seeds(argv[2]);
		return 0;
	}
	if (argc == 1)
		return run_input("/dev/stdin") ? 1 : 0;
	return run_inputs(argv + 1, argc - 1);
}

#endif
