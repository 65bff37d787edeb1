/*
 * What is written is read back: every field of every record, in sequence and at random, over many
 * blocks.
 */
#include "support.h"

#include "base/log.h"

#include <dirent.h>
#include <sched.h>
#include <unistd.h>

#define SEED 7

static struct random_event want;

static void check_info(void)
{
	const char *dir = temp_path("info");
	struct trace_reader *r;
	const struct trace_info *i;

	CHECK(trace_writer_close(open_writer(dir)) == 0);
	r = open_reader(dir);
	i = trace_reader_info(r);
	CHECK(!trace_reader_incomplete(r) && trace_reader_last_event(r) == 0);
	CHECK(i->format == TRACE_FORMAT && i->arch == 1 && i->bound_cpu == -1 && i->cpuid_faulting);
	CHECK(!strcmp(i->build, test_info.build) && !strcmp(i->ticks, "soft"));
	CHECK(!strcmp(i->kernel, "6.1.0") && !strcmp(i->uuid, test_info.uuid));
	CHECK(i->n_cpuid == 2 && !memcmp(i->cpuid, test_info.cpuid, sizeof(*i->cpuid) * 2));
	CHECK(i->xsave_size == 2696 && i->xcr0 == 0x2e7 && i->stack_limit == 8 << 20);
	CHECK(i->start_time_ns == test_info.start_time_ns && i->start_monotonic_ns == 5);
	CHECK(!strcmp(i->exe, test_info.exe) && !strcmp(i->cwd, test_info.cwd));
	for (int n = 0; n < 5; n++)
		CHECK(i->argv[n] == test_info.argv[n] || !strcmp(i->argv[n], test_info.argv[n]));
	CHECK(!strcmp(i->envp[1], "EMPTY=") && !i->envp[2]);
	CHECK(trace_reader_next(r, &(struct trace_event){0}) == 0);
	CHECK(trace_reader_seek(r, 1) == -ERANGE && trace_reader_seek(r, 0) == -ERANGE);
	trace_reader_close(r);
}

static void write_events(const char *dir, event_t n, size_t bulk)
{
	struct trace_writer *w = open_writer(dir);
	event_t number;

	for (event_t i = 1; i <= n; i++) {
		make_event(&want, SEED, i, bulk);
		want.ev.number = 0;
		CHECK(trace_writer_event(w, &want.ev, &number) == 0 && number == i);
		CHECK(trace_writer_last_event(w) == i);
	}
	CHECK(trace_writer_close(w) == 0);
}

static void read_events(struct trace_reader *r, event_t from, event_t n, size_t bulk)
{
	struct trace_event ev;

	for (event_t i = from; i < from + n; i++) {
		CHECK(trace_reader_next(r, &ev) == 1);
		make_event(&want, SEED, i, bulk);
		check_same_event(&want.ev, &ev);
	}
}

static void check_events(event_t n, size_t bulk, const char *name)
{
	const char *dir = temp_path(name);
	struct trace_event ev;
	struct trace_reader *r;
	struct rng rng = {3};

	write_events(dir, n, bulk);
	r = open_reader(dir);
	CHECK(trace_reader_last_event(r) == n && !trace_reader_incomplete(r));
	read_events(r, 1, n, bulk);
	CHECK(trace_reader_next(r, &ev) == 0);
	CHECK(trace_reader_next(r, &ev) == 0);
	for (int i = 0; i < 150; i++) {
		event_t at = 1 + rng_below(&rng, n);

		CHECK(trace_reader_seek(r, at) == 0);
		read_events(r, at, min_u64(1 + rng_below(&rng, 5), n - at + 1), bulk);
	}
	CHECK(trace_reader_seek(r, n + 1) == -ERANGE);
	CHECK(trace_reader_seek(r, n) == 0);
	read_events(r, n, 1, bulk);
	CHECK(trace_reader_next(r, &ev) == 0);
	trace_reader_close(r);
}

/* One event whose data spans many blocks, between small ones. */
static void check_huge_write(void)
{
	const char *dir = temp_path("huge");
	size_t len = 20u << 20;
	uint64_t *data = xmalloc(len);
	struct trace_writer *w = open_writer(dir);
	struct trace_reader *r;
	struct trace_event ev;
	struct rng rng = {1};
	struct trace_write writes[3] = {
		{0, 0x1000, {"abc", 3}},
		{5, 0x2000, {data, len}},
		{0, 0x3000, {NULL, 0}},
	};
	struct trace_event big = {.type = EV_SYSCALL, .tid = 5, .writes = writes, .n_writes = 3};

	for (size_t i = 0; i < len / 8; i++)
		data[i] = rng_next(&rng) & (i & 1024 ? UINT64_MAX : 0xff);
	for (int i = 1; i <= 3; i++)
		CHECK(trace_writer_event(w, &big, &big.number) == 0);
	CHECK(trace_writer_close(w) == 0);
	r = open_reader(dir);
	for (event_t i = 1; i <= 3; i++) {
		CHECK(trace_reader_next(r, &ev) == 1);
		big.number = i;
		check_same_event(&big, &ev);
	}
	CHECK(trace_reader_seek(r, 2) == 0 && trace_reader_next(r, &ev) == 1);
	big.number = 2;
	check_same_event(&big, &ev);
	trace_reader_close(r);
	free(data);
}

/* A record longer than a block: a million of small writes. */
static void check_long_record(void)
{
	const char *dir = temp_path("long");
	size_t n = 1000000;
	struct trace_write *writes = xcalloc(n, sizeof(*writes));
	struct trace_event small = {.type = EV_SCHED, .tid = 9};
	struct trace_event big = {.type = EV_EXEC, .tid = 9, .writes = writes, .n_writes = n};
	struct trace_writer *w = open_writer(dir);
	struct trace_reader *r;
	struct trace_event ev;

	for (size_t i = 0; i < n; i++)
		writes[i] = (struct trace_write){i & 1, i * 4096, {"xyzzy", i % 5}};
	CHECK(trace_writer_event(w, &small, &small.number) == 0);
	CHECK(trace_writer_event(w, &big, &big.number) == 0);
	CHECK(trace_writer_close(w) == 0);
	r = open_reader(dir);
	CHECK(trace_reader_next(r, &ev) == 1);
	check_same_event(&small, &ev);
	CHECK(trace_reader_next(r, &ev) == 1);
	check_same_event(&big, &ev);
	trace_reader_close(r);
	free(writes);
}

static void check_tasks(void)
{
	static const char *const argv[] = {"sh", "-c", "", "\xff", NULL};
	const struct trace_task tasks[] = {
		{.kind = TASK_START, .event = 1, .tid = 10, .tgid = 10},
		{.kind = TASK_EXEC,
		 .event = 2,
		 .tid = 10,
		 .tgid = 10,
		 .exe = "/bin/sh",
		 .argv = argv},
		{.kind = TASK_CLONE,
		 .event = 3,
		 .tid = 11,
		 .tgid = 10,
		 .parent_tid = 10,
		 .clone_flags = 0x3d0f00},
		{.kind = TASK_EXIT, .event = 4, .tid = 11, .tgid = 10, .exit_status = -1},
	};
	const char *dir = temp_path("tasks");
	struct trace_writer *w = open_writer(dir);
	struct trace_reader *r;
	struct trace_task t;
	int rounds = 20000; /* several blocks */

	for (int i = 0; i < rounds; i++)
		for (size_t k = 0; k < ARRAY_SIZE(tasks); k++)
			CHECK(trace_writer_task(w, &tasks[k]) == 0);
	CHECK(trace_writer_close(w) == 0);
	r = open_reader(dir);
	for (int i = 0; i < rounds; i++) {
		const struct trace_task *want_task = &tasks[i % 4];

		if (i == rounds / 2 / 4 * 4)
			trace_reader_rewind_tasks(r);
		CHECK(trace_reader_next_task(r, &t) == 1);
		CHECK(t.kind == want_task->kind && t.event == want_task->event &&
		      t.tid == want_task->tid && t.tgid == 10 &&
		      t.parent_tid == want_task->parent_tid &&
		      t.clone_flags == want_task->clone_flags &&
		      t.exit_status == want_task->exit_status);
		CHECK(!strcmp(t.exe, want_task->exe ? want_task->exe : ""));
		for (int a = 0; want_task->argv && want_task->argv[a]; a++)
			CHECK(!strcmp(t.argv[a], want_task->argv[a]));
		CHECK(want_task->argv ? !t.argv[4] : !t.argv[0]);
	}
	trace_reader_close(r);
}

/* What the writer refuses, because the reader would. */
static void check_refused(void)
{
	char regs[100] = {0};
	struct trace_mapping map = {.start = 0x1000, .end = 0x1000, .source = MAP_FROM_ZERO};
	const struct trace_event bad[] = {
		{.type = 0, .tid = 1},
		{.type = N_EVENT_TYPES, .tid = 1},
		{.type = EV_SCHED, .tid = 0},
		{.type = EV_SCHED, .tid = 1, .arch = 2},
		{.type = EV_SIGNAL, .tid = 1, .signo = 1},
		{.type = EV_SIGNAL, .tid = 1, .signo = 65, .action = SIGNAL_FATAL},
		{.type = EV_SCHED, .tid = 1, .regs = {regs, sizeof(regs)}},
		{.type = EV_SCHED, .tid = 1, .siginfo = {regs, 4}},
		{.type = EV_SCHED, .tid = 1, .words = {regs, 24}},
		{.type = EV_SCHED, .tid = 1, .words = {regs, WORDS_BYTES_MAX + 16}},
		{.type = EV_SCHED, .tid = 1, .maps = &map, .n_maps = 1},
	};
	struct trace_writer *w = open_writer(temp_path("refused"));

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		capture_begin();
		CHECK(trace_writer_event(w, &bad[i], NULL) == -EINVAL);
		CHECK(count_lines(capture_end()) == 1);
	}
	CHECK(trace_writer_event(w, &(struct trace_event){.type = EV_SCHED, .tid = 1}, NULL) == 0);
	CHECK(trace_writer_last_event(w) == 1);
	CHECK(trace_writer_close(w) == 0);
}

/* A line of /proc/self/task/TID/status of the thread that is not `self`. */
static bool other_thread_status(pid_t self, const char *key, char *value, size_t size)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *de;
	bool found = false;

	CHECK(dir);
	while (!found && (de = readdir(dir))) {
		char path[300], line[512];
		FILE *f;

		if (de->d_name[0] == '.' || strtol(de->d_name, NULL, 10) == self)
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/status", de->d_name);
		f = fopen(path, "re");
		while (f && !found && fgets(line, sizeof(line), f)) {
			found = !strncmp(line, key, strlen(key));
			if (found)
				snprintf(value, size, "%s", line + strlen(key));
		}
		if (f)
			fclose(f);
	}
	closedir(dir);
	return found;
}

/* The writing thread leaves the recorder's core to the tracees, and its signals to the recorder. */
static void check_thread(void)
{
	cpu_set_t before, pinned;
	char value[512];
	struct trace_writer *w;

	CHECK(sched_getaffinity(0, sizeof(before), &before) == 0);
	CPU_ZERO(&pinned);
	for (int i = 0; i < CPU_SETSIZE && !CPU_COUNT(&pinned); i++)
		if (CPU_ISSET(i, &before))
			CPU_SET(i, &pinned);
	CHECK(sched_setaffinity(0, sizeof(pinned), &pinned) == 0);
	w = open_writer(temp_path("thread"));
	/* It may not have run yet. */
	for (int i = 0;; i++) {
		int n = 0;

		CHECK(i < 1000 &&
		      other_thread_status(getpid(), "Cpus_allowed:", value, sizeof(value)));
		for (char *p = value; *p; p++)
			if (*p != ',' && *p > ' ')
				n += __builtin_popcount(strtoul((char[]){*p, 0}, NULL, 16));
		if (n >= CPU_COUNT(&before))
			break;
		usleep(10000);
	}
	CHECK(other_thread_status(getpid(), "SigBlk:", value, sizeof(value)));
	CHECK((strtoull(value, NULL, 16) & 0x7fffffff) == 0x7ffbfeff); /* but KILL and STOP */
	CHECK(trace_writer_close(w) == 0);
	CHECK(sched_setaffinity(0, sizeof(before), &before) == 0);
}

int main(void)
{
	check_info();
	check_events(1, 100, "one");
	check_events(100000, 300, "many");
	check_events(3000, RANDOM_DATA_MAX, "bulky");
	check_huge_write();
	check_long_record();
	check_tasks();
	check_refused();
	check_thread();
	return 0;
}
