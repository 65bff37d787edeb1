/*
 * Directories that are not traces, traces of other formats, damaged files: one line each, which
 * names the file and what to do.
 */
#include "support.h"

#include "base/io.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char *path_in(const char *dir, const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static void put_file(const char *dir, const char *name, const void *data, size_t len)
{
	char *path = path_in(dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(fd >= 0 && write_full(fd, data, len) == 0);
	close(fd);
	free(path);
}

static void remove_file(const char *dir, const char *name)
{
	char *path = path_in(dir, name);

	CHECK(unlink(path) == 0);
	free(path);
}

static void expect(const char *dir, int ret, const char *part)
{
	struct trace_reader *r = NULL;
	const char *said;
	int got;

	capture_begin();
	got = trace_reader_open(&r, dir);
	said = capture_end();
	if (got == ret && count_lines(said) == 1 && strstr(said, part) && !r)
		return;
	fprintf(stderr, "%s: returned %d, wanted %d and \"%s\"; said: %s", dir, got, ret, part,
		said);
	exit(1);
}

static const char *new_trace(const char *name)
{
	const char *dir = temp_path(name);
	struct trace_writer *w = open_writer(dir);
	struct trace_event ev = {.type = EV_SCHED, .tid = 1};

	CHECK(trace_writer_event(w, &ev, NULL) == 0);
	CHECK(trace_writer_close(w) == 0);
	return dir;
}

static void check_not_traces(void)
{
	const char *dir = temp_path("empty-dir");
	const char text[] = "Version 3 of my program\nmore text\n";

	expect(temp_path("none"), -ENOENT, "cannot open the trace");
	mkdir(dir, 0700);
	expect(dir, -ENOENT, "is not a trace: it has no file `version`");
	put_file(dir, "version", "", 0);
	expect(dir, -EBADMSG, "`version` is empty");
	put_file(dir, "version", text, sizeof(text) - 1);
	expect(dir, -EBADMSG, "is not a trace: its file `version` is not rr's");
	put_file(dir, "version",
		 "\x7f"
		 "ELF\0\0\0",
		 7);
	expect(dir, -EBADMSG, "is not a trace");
	put_file(dir, "file", text, sizeof(text) - 1);
	{
		char *file = path_in(dir, "file");

		expect(file, -ENOTDIR, "cannot open the trace");
		free(file);
	}
	remove_file(dir, "version");
	CHECK(mkfifo(path_in(dir, "version"), 0600) == 0);
	expect(dir, -EBADMSG, "/version: ");
}

static void check_formats(void)
{
	const char *dir = new_trace("format");
	const char older[] = "rr trace, format 0, by 0.0.1 (abc)\nwhatever\0\xff";
	const char newer[] = "rr trace, format 4711, by 9.9\x1b[31m\n";

	put_file(dir, "version", older, sizeof(older) - 1);
	expect(dir, -EPROTO,
	       "was made by format 0 of rr (0.0.1 (abc)); this rr reads format 5: replay it with the "
	       "rr that made it\n");
	put_file(dir, "version", newer, sizeof(newer) - 1);
	expect(dir, -EPROTO, "was made by format 4711 of rr (9.9?[31m); this rr reads format 5");
}

/* Cut at any length, neither file may be taken for whole. */
static void check_truncated(const char *name, const char *part)
{
	const char *dir = new_trace(name);
	char *path = path_in(dir, name);
	struct buf whole = BUF_INIT;

	CHECK(read_file(path, &whole) == 0);
	for (size_t len = 1; len < whole.len; len += 1 + whole.len / 97) {
		put_file(dir, name, whole.data, len);
		expect(dir, -EBADMSG, part);
	}
	buf_addch(&whole, 'x');
	put_file(dir, name, whole.data, whole.len);
	expect(dir, -EBADMSG, "is damaged");
	buf_release(&whole);
	free(path);
}

static void check_streams(void)
{
	const char *dir = new_trace("streams");

	remove_file(dir, "args_env");
	expect(dir, -ENOENT, "/args_env: ");
	dir = new_trace("streams-2");
	remove_file(dir, "mmaps");
	expect(dir, -ENOENT, "mmaps: ");
	CHECK(symlink("/etc/passwd", path_in(dir, "mmaps")) == 0);
	expect(dir, -ELOOP, "mmaps: ");
	remove_file(dir, "mmaps");
	CHECK(mkfifo(path_in(dir, "mmaps"), 0600) == 0);
	expect(dir, -EBADMSG, "mmaps: not a regular file");
}

/* An event that is damaged: said once, with its place; others can still be read. */
static void check_damaged_block(void)
{
	const char *dir = temp_path("block");
	struct trace_writer *w = open_writer(dir);
	struct trace_event ev = {.type = EV_SCHED, .tid = 1};
	struct buf events = BUF_INIT;
	struct block_header h;
	struct trace_reader *r;
	const char *said;

	for (int i = 0; i < 30; i++) {
		CHECK(trace_writer_event(w, &ev, NULL) == 0);
		if (i % 10 == 9)
			trace_writer_flush(w);
	}
	CHECK(trace_writer_close(w) == 0);
	CHECK(read_file(path_in(dir, "events"), &events) == 0);
	memcpy(&h, events.data, sizeof(h));
	events.data[2 * sizeof(h) + h.packed_len] ^= 1;
	put_file(dir, "events", events.data, events.len);
	buf_release(&events);

	r = open_reader(dir);
	for (int i = 0; i < 10; i++)
		CHECK(trace_reader_next(r, &ev) == 1);
	capture_begin();
	CHECK(trace_reader_next(r, &ev) == -EBADMSG && trace_reader_next(r, &ev) == -EBADMSG);
	said = capture_end();
	CHECK(count_lines(said) == 1 &&
	      strstr(said, "is damaged: events, event 11: wrong checksum"));
	CHECK(trace_reader_seek(r, 25) == 0 && trace_reader_next(r, &ev) == 1 && ev.number == 25);
	capture_begin();
	CHECK(trace_reader_seek(r, 15) == -EBADMSG);
	CHECK(count_lines(capture_end()) == 1);
	CHECK(trace_reader_seek(r, 5) == 0 && trace_reader_next(r, &ev) == 1 && ev.number == 5);
	trace_reader_close(r);
}

static void check_writer_errors(void)
{
	struct trace_writer_options opt = {.dir = "/proc/no-such"};
	struct trace_writer *w;

	capture_begin();
	CHECK(trace_writer_open(&w, &opt, &test_info) == -ENOENT);
	CHECK(count_lines(capture_end()) == 1);
	opt.dir = new_trace("taken");
	capture_begin();
	CHECK(trace_writer_open(&w, &opt, &test_info) == -EEXIST);
	CHECK(strstr(capture_end(), "cannot make the trace"));
	opt.dir = temp_path("reserved");
	mkdir(opt.dir, 0700);
	CHECK(trace_writer_open(&w, &opt, &test_info) == 0);
	CHECK(trace_writer_close(w) == 0);
}

int main(void)
{
	check_not_traces();
	check_formats();
	check_truncated("version", "");
	check_truncated("args_env", "is damaged");
	check_streams();
	check_damaged_block();
	check_writer_errors();
	return 0;
}
