/*
 * rr image: what the instrumenter finds in a file and does to it (src/image), from the cache as a
 * recording would take it, or built anew.
 */
#include "cli/cli.h"
#include "cli/image_show.h"
#include "cli/traces.h"

#include "base/clock.h"
#include "image/cache.h"
#include "image/identity.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

struct image_command {
	bool disassemble, no_cache, verify;
	bool has_range;
	int64_t start, end;
};

static int parse_vaddr(const char *s, int64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(s, &end, 16);
	return *s && !*end && !errno ? 0 : -EINVAL;
}

/* ADDR or ADDR-END, hexadecimal. Stubs may have negative addresses: the dash is not the first. */
static int set_at(void *dest, const char *arg, struct buf *why)
{
	struct image_command *ic = dest;
	char *copy = xstrdup(arg), *dash = *copy ? strchr(copy + 1, '-') : NULL;
	int err;

	if (dash)
		*dash = 0;
	err = parse_vaddr(copy, &ic->start);
	ic->end = ic->start + 1;
	if (!err && dash)
		err = parse_vaddr(dash + 1, &ic->end);
	if (!err && ic->end <= ic->start)
		err = -EINVAL;
	free(copy);
	ic->has_range = ic->disassemble = true;
	if (err)
		buf_addstr(why, "is not an address or a range of them, in hexadecimal");
	return err;
}

#define AT(field) OPT_AT(struct image_command, field)

const struct option_row image_option_rows[] = {
	OPTION(FLAG, 'd', "disassemble", NULL, "show each window and its stub", AT(disassemble)),
	OPTION(CALL, 0, "at", "ADDR[-END]", "show those at an address of the file (hexadecimal)",
	       .set = set_at),
	OPTION(FLAG, 0, "no-cache", NULL, "build it, and leave the cache alone", AT(no_cache)),
	OPTION(FLAG, 0, "verify", NULL,
	       "check the image against the file, and against one that is built anew", AT(verify)),
	OPTIONS_END,
};

#undef AT

/* An image, and how it was come by. */
struct found {
	struct image *image;
	struct buf where;
	uint64_t ns;
	bool built;
};

static int find_image(const struct image_command *ic, int fd, struct found *f)
{
	const struct image_options plain = {.placed = false};
	struct image_cache_status status;
	struct image_cache *cache;
	uint64_t start = clock_now_ns();
	int err;

	if (ic->no_cache) {
		err = image_cache_build(fd, &plain, &f->image);
		f->ns = clock_now_ns() - start;
		f->built = true;
		buf_addstr(&f->where, "in memory");
		return err;
	}
	image_cache_open(&cache);
	err = image_cache_get(cache, fd, &plain, &f->image, NULL);
	f->ns = clock_now_ns() - start;
	image_cache_status(cache, &status);
	f->built = status.built;
	if (status.error) {
		buf_addstr(&f->where, "in memory (no cache: see rr doctor)");
	} else {
		buf_addf(&f->where, "%s/images/", buf_str(&status.dir));
		image_cache_name(fd, &plain, &f->where);
	}
	buf_release(&status.dir);
	image_cache_close(cache);
	return err;
}

/* --- the report --- */

static void row(const char *name, struct buf *value)
{
	printf("%-16s %s\n", name, buf_str(value));
	buf_clear(value);
}

static void add_range(int64_t start, uint64_t size, struct buf *out)
{
	format_size(size, out);
	buf_addstr(out, " at ");
	format_vaddr(start, out);
	buf_addstr(out, " to ");
	format_vaddr(start + (int64_t)size, out);
}

static void report_layout(const struct image *im, struct buf *out)
{
	for (size_t i = 0; i < im->n_texts; i++) {
		add_range((int64_t)im->texts[i].vaddr, im->texts[i].size, out);
		row("text", out);
	}
	if (im->stub_size) {
		add_range(im->stub_vaddr, im->stub_size, out);
		row("stubs", out);
	}
	format_size(im->n_entries * sizeof(*im->entries) + im->n_patches * sizeof(*im->patches) +
			    im->n_kept + im->n_syscalls * sizeof(*im->syscalls),
		    out);
	buf_addf(out, ": %zu entries, %zu patches", im->n_entries, im->n_patches);
	row("tables", out);
}

/* "12, 9 lead to the agent; left: 1 without room for a window, 2 before uses of the flags" */
static void report_sites(const char *name, const struct image_site_stats *s, struct buf *out)
{
	const struct {
		uint64_t n;
		const char *why;
	} left[] = {
		{s->no_room, "without room for a window"},
		{s->flags, "before uses of the flags"},
		{s->sigreturn, "of rt_sigreturn"},
		{s->undecoded, "in code that cannot be decoded"},
	};
	const char *between = "; left: ";

	buf_addf(out, "%" PRIu64 ", %" PRIu64 " lead to the agent", s->found, s->patched);
	for (size_t i = 0; i < ARRAY_SIZE(left); i++) {
		if (!left[i].n)
			continue;
		buf_addf(out, "%s%" PRIu64 " %s", between, left[i].n, left[i].why);
		between = ", ";
	}
	row(name, out);
}

static void report_code(const struct image_stats *s, struct buf *out)
{
	uint64_t covered = s->back_edges - min_u64(s->uncovered, s->back_edges);
	uint64_t points = s->branches + s->calls + s->jumps + s->windows;

	buf_addf(out,
		 "%" PRIu64 ", %" PRIu64 " instructions; %" PRIu64
		 " left alone, which cannot be decoded",
		 s->functions, s->instructions, s->functions_left);
	row("functions", out);
	buf_addf(out,
		 "%" PRIu64 " back edges, %" PRIu64 " backward calls, %" PRIu64 " indirect jumps",
		 s->back_edges, s->backward_calls, s->indirect_jumps);
	row("found", out);
	buf_addf(out, "%.3f%% of back edges; %" PRIu64 " are in a cycle where no window fits",
		 s->back_edges ? 100.0 * (double)covered / (double)s->back_edges : 100.0,
		 s->uncovered);
	row("covered", out);
	buf_addf(out,
		 "%" PRIu64 ": %" PRIu64 " at a branch, %" PRIu64 " at a call, %" PRIu64
		 " at an indirect jump, %" PRIu64 " in a window elsewhere",
		 points, s->branches, s->calls, s->jumps, s->windows);
	row("safepoints", out);
	buf_addf(out, "%" PRIu64 " keep the flags (%.1f%%), %" PRIu64 " loops are cloned",
		 s->flag_free, points ? 100.0 * (double)s->flag_free / (double)points : 0.0,
		 s->cloned);
	row("of them", out);
	report_sites("system calls", &s->syscalls, out);
	report_sites("cpuid and such", &s->insns, out);
	if (s->tsc_left) {
		buf_addf(out, "may be executed in %" PRIu64 " places: processes that map this trap",
			 s->tsc_left);
		row("rdtsc", out);
	}
}

static void report(const char *path, const struct found *f)
{
	const struct image *im = f->image;
	struct buf out = BUF_INIT;

	buf_addstr(&out, path);
	row("file", &out);
	buf_addstr(&out, buf_str(&f->where));
	row("image", &out);
	report_layout(im, &out);
	report_code(&im->stats, &out);
	buf_addf(&out, "%.1f ms", (double)f->ns / 1e6);
	if (f->built)
		buf_addf(&out, " to build, %.1f MB of text a second",
			 1e3 * (double)im->stats.text_bytes / (double)(f->ns ? f->ns : 1));
	else
		buf_addstr(&out, " to find in the cache");
	row("time", &out);
	buf_release(&out);
}

/* --- verifying --- */

static bool same_rows(const void *a, size_t n_a, const void *b, size_t n_b, size_t row_size)
{
	return n_a == n_b && (!n_a || !memcmp(a, b, n_a * row_size));
}

static bool same_image(const struct image *a, const struct image *b)
{
	if (a->n_texts != b->n_texts || a->stub_size != b->stub_size ||
	    (a->stub_size && a->stub_vaddr != b->stub_vaddr))
		return false;
	for (size_t i = 0; i < a->n_texts; i++) {
		const struct image_text *x = &a->texts[i], *y = &b->texts[i];

		if (x->vaddr != y->vaddr || x->file_offset != y->file_offset ||
		    !same_rows(x->bytes, x->size, y->bytes, y->size, 1))
			return false;
	}
	return same_rows(a->stubs, a->stub_size, b->stubs, b->stub_size, 1) &&
	       same_rows(a->entries, a->n_entries, b->entries, b->n_entries, sizeof(*a->entries)) &&
	       same_rows(a->patches, a->n_patches, b->patches, b->n_patches, sizeof(*a->patches)) &&
	       same_rows(a->kept, a->n_kept, b->kept, b->n_kept, 1) &&
	       same_rows(a->syscalls, a->n_syscalls, b->syscalls, b->n_syscalls,
			 sizeof(*a->syscalls));
}

static int verify(const char *path, int fd, const struct image *im)
{
	const struct image_options plain = {.placed = false};
	struct buf why = BUF_INIT;
	struct identity id;
	struct image *fresh;
	uint8_t *file;
	size_t mistakes;
	int err = image_cache_build(fd, &plain, &fresh);

	if (err)
		return err;
	if (!same_image(im, fresh))
		err = error_ret(-EINVAL, "image: %s: an image that is built now differs", path);
	image_free(fresh);
	if (!err)
		err = identity_copy(fd, &id, &file);
	if (err)
		return err;
	mistakes = image_check(im, file, id.size, &why);
	munmap(file, id.size);
	if (mistakes) {
		fputs(buf_str(&why), stdout);
		err = error_ret(-EINVAL, "image: %s: %zu mistakes", path, mistakes);
	} else {
		printf("%-16s %zu patches and their stubs\n", "verified", im->n_patches);
	}
	buf_release(&why);
	return err;
}

/* --- the command --- */

static const char *describe_error(int err)
{
	switch (err) {
	case -ENOEXEC:
		return "not an x86-64 ELF program or library";
	case -ERANGE:
		return "there is no place for stubs within reach of its text";
	default:
		return strerror(-err);
	}
}

static int show(const struct image_command *ic, const char *path, const struct image *im)
{
	int64_t start = ic->has_range ? ic->start : INT64_MIN;
	int64_t end = ic->has_range ? ic->end : INT64_MAX;

	if (!image_show(im, start, end) && ic->has_range)
		return error("image: %s: nothing is patched there", path);
	return 0;
}

static int one_file(const struct image_command *ic, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err;
	struct found f = {.where = BUF_INIT};

	if (fd < 0)
		return error("image: %s: %s", path, strerror(errno));
	err = find_image(ic, fd, &f);
	if (err) {
		error("image: %s: %s", path, describe_error(err));
		goto out;
	}
	if (!ic->has_range)
		report(path, &f);
	if (ic->verify)
		err = verify(path, fd, f.image);
	if (!err && ic->disassemble)
		err = show(ic, path, f.image);
	image_free(f.image);
out:
	buf_release(&f.where);
	close(fd);
	return err;
}

int cmd_image(const struct command *cmd, char **argv)
{
	struct image_command ic = {.disassemble = false};
	struct option_rest rest;
	int status = 0;

	command_options(cmd, &ic, OPTIONS_PERMUTE, argv, &rest);
	if (!rest.n_args)
		return usage_error(cmd, "which file?");
	signal(SIGXFSZ, SIG_IGN); /* a limit is an error of write() then */
	for (int i = 0; i < rest.n_args; i++) {
		if (i && !ic.has_range)
			putchar('\n');
		if (one_file(&ic, rest.args[i]))
			status = 1;
	}
	return status;
}
