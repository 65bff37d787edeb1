/*
 * Saved files: their content, what is shared with other traces and what must not be, what the store
 * forgets; and the names of traces.
 */
#include "support.h"

#include "base/io.h"
#include "base/log.h"
#include "trace/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char *root; /* of the traces, with a store */

static char *path_of(const char *dir, const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static void put_file(const char *path, const char *content)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);

	CHECK(fd >= 0 && write_full(fd, content, strlen(content)) == 0);
	close(fd);
}

static struct stat stat_of(const char *path)
{
	struct stat st;

	CHECK(lstat(path, &st) == 0);
	return st;
}

static uint32_t save(struct trace_writer *w, const char *path, bool fresh)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint32_t file = 0;
	struct stat st;

	CHECK(fd >= 0 && fstat(fd, &st) == 0);
	lseek(fd, 3, SEEK_SET);
	CHECK(trace_writer_save_file(w, fd, &st, fresh, &file) == 0 && file > 0);
	CHECK(lseek(fd, 0, SEEK_CUR) == 3);
	close(fd);
	return file;
}

static struct stat saved_stat(struct trace_writer *w, uint32_t file)
{
	char *path = xasprintf("%s/files/%u", trace_writer_dir(w), file);
	struct stat st = stat_of(path);

	free(path);
	return st;
}

static void check_content(const char *dir, uint32_t file, const void *content, size_t len)
{
	struct trace_reader *r = open_reader(dir);
	int fd = trace_reader_open_file(r, file);
	struct buf got = BUF_INIT;

	CHECK(fd >= 0 && read_fd(fd, &got) == 0);
	CHECK(got.len == len && !memcmp(buf_str(&got), content, len));
	CHECK((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY);
	close(fd);
	buf_release(&got);
	trace_reader_close(r);
}

/* A file that changed just now may change again with the same timestamps. */
static void check_racy(const char *old)
{
	const char *dir = path_of(root, "racy-0");
	struct trace_writer *w = open_writer(dir);
	const char *path = temp_path("young");
	uint32_t first, second;

	put_file(path, "one");
	first = save(w, path, false);
	put_file(path, "two");
	second = save(w, path, false);
	CHECK(first == 1 && second == 2);
	CHECK(saved_stat(w, first).st_nlink == 1 && saved_stat(w, second).st_nlink == 1);
	CHECK(save(w, old, false) == 3 && save(w, old, false) == 3 && save(w, old, true) == 4);
	CHECK(saved_stat(w, 3).st_nlink == 2 && saved_stat(w, 4).st_nlink == 1);
	CHECK((saved_stat(w, 3).st_mode & 0777) == 0400);
	CHECK(stat_of(old).st_nlink == 1);
	CHECK(trace_writer_close(w) == 0);
	check_content(dir, 1, "one", 3);
	check_content(dir, 2, "two", 3);
	check_content(dir, 3, "old content", 11);
	check_content(dir, 4, "old content", 11);
}

static size_t store_entries(void)
{
	char *cmd = xasprintf("ls -A '%s/.files' | wc -l", root);
	FILE *p = popen(cmd, "r");
	unsigned n = 0;

	CHECK(p && fscanf(p, "%u", &n) == 1);
	pclose(p);
	free(cmd);
	return n;
}

static void check_sharing(const char *old)
{
	char *a = path_of(root, "a-0"), *b = path_of(root, "b-0");
	const char *elsewhere = temp_path("elsewhere");
	struct trace_writer *w = open_writer(a), *v = open_writer(b), *x = open_writer(elsewhere);
	char *foreign = path_of(root, ".files/README"), *temp = path_of(root, ".files/tmp-0123");
	uint32_t fa = save(w, old, false), fb = save(v, old, false), fx = save(x, old, false);

	/* racy-0 has it as well. */
	CHECK(saved_stat(w, fa).st_ino == saved_stat(v, fb).st_ino);
	CHECK(saved_stat(w, fa).st_nlink == 4 && saved_stat(x, fx).st_nlink == 1);
	CHECK(store_entries() == 1);
	CHECK(trace_writer_close(w) == 0 && trace_writer_close(v) == 0 &&
	      trace_writer_close(x) == 0);
	check_content(elsewhere, fx, "old content", 11);

	put_file(foreign, "not ours");
	put_file(temp, "being made");
	CHECK(remove_tree(a) == 0 && trace_store_prune(root) == 0 && store_entries() == 3);
	CHECK(remove_tree(b) == 0 && remove_tree(path_of(root, "racy-0")) == 0);
	CHECK(trace_store_prune(root) == 0 && store_entries() == 2);
	CHECK(unlink(foreign) == 0 && unlink(temp) == 0);
	CHECK(trace_store_prune("/nonexistent") == 0);
}

/* Many recorders and a remover at once; every trace must be right in the end. */
static void check_concurrent(char **old, size_t n_old)
{
	int status;

	for (int i = 0; i < 8; i++) {
		if (fork())
			continue;
		for (int round = 0; round < 20; round++) {
			char *dir = xasprintf("%s/c%d-%d", root, i, round);
			struct trace_writer *w = open_writer(dir);

			for (size_t k = 0; k < n_old; k++)
				CHECK(save(w, old[k], false) == k + 1);
			CHECK(trace_writer_close(w) == 0);
			for (size_t k = 0; k < n_old; k++)
				check_content(dir, k + 1, "old content", 11);
			CHECK(remove_tree(dir) == 0 && trace_store_prune(root) == 0);
			free(dir);
		}
		_exit(0);
	}
	while (wait(&status) > 0)
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK(trace_store_prune(root) == 0 && store_entries() == 0);
}

static void check_kinds_of_files(void)
{
	const char *dir = temp_path("kinds"), *sparse = temp_path("sparse");
	struct trace_writer *w = open_writer(dir);
	struct buf want = BUF_INIT;
	uint32_t file;
	struct stat st;
	int fd;

	fd = open(sparse, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && pwrite_full(fd, "middle", 6, 5 << 20) == 0);
	CHECK(ftruncate(fd, 50 << 20) == 0 && fstat(fd, &st) == 0);
	CHECK(trace_writer_save_file(w, fd, &st, false, &file) == 0 && file == 1);
	CHECK(saved_stat(w, 1).st_size == 50 << 20 && saved_stat(w, 1).st_blocks < 4096);
	CHECK(ftruncate(fd, 0) == 0 && fstat(fd, &st) == 0);
	CHECK(trace_writer_save_file(w, fd, &st, false, &file) == 0 && file == 2);
	close(fd);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	CHECK(fstat(fd, &st) == 0);
	CHECK(trace_writer_save_file(w, fd, &st, false, &file) == -EINVAL);
	close(fd);
	CHECK(trace_writer_save_bytes(w, "vdso", 4, &file) == 0 && file == 3);
	CHECK(trace_writer_save_bytes(w, NULL, 0, &file) == 0 && file == 4);
	CHECK(trace_writer_close(w) == 0);
	memset(buf_extend(&want, 50 << 20), 0, 50 << 20);
	memcpy(want.data + (5 << 20), "middle", 6);
	check_content(dir, 1, want.data, want.len);
	check_content(dir, 2, "", 0);
	check_content(dir, 3, "vdso", 4);
	check_content(dir, 4, "", 0);
	buf_release(&want);
}

/* What a hostile trace may have in files/. */
static void check_confined(void)
{
	const char *dir = temp_path("hostile");
	struct trace_reader *r;

	CHECK(trace_writer_close(open_writer(dir)) == 0);
	CHECK(symlink("/etc/passwd", path_of(dir, "files/1")) == 0);
	CHECK(mkfifo(path_of(dir, "files/2"), 0600) == 0);
	CHECK(mkdir(path_of(dir, "files/3"), 0700) == 0);
	r = open_reader(dir);
	CHECK(trace_reader_open_file(r, 1) == -ELOOP);
	CHECK(trace_reader_open_file(r, 2) == -EBADMSG);
	CHECK(trace_reader_open_file(r, 3) == -EBADMSG);
	CHECK(trace_reader_open_file(r, 4) == -ENOENT && trace_reader_open_file(r, 0) == -ENOENT);
	trace_reader_close(r);
}

static int count_trace(void *ctx, const char *name, const char *dir)
{
	CHECK(trace_is_trace_dir(dir) && strstr(dir, name));
	++*(int *)ctx;
	return 0;
}

static int stop_at_once(void *ctx, const char *name, const char *dir)
{
	return 42;
}

static void resolves_to(const char *arg, const char *want)
{
	struct buf got = BUF_INIT;
	int ret;

	capture_begin();
	ret = trace_resolve_dir(arg, &got);
	CHECK(count_lines(capture_end()) == (want ? 0 : 1));
	CHECK(want ? ret == 0 && !strcmp(buf_str(&got), want) : ret == -ENOENT);
	buf_release(&got);
}

static void check_names(void)
{
	struct buf first = BUF_INIT, second = BUF_INIT, odd = BUF_INIT;
	int n = 0;

	resolves_to(NULL, NULL);
	CHECK(trace_new_dir("/usr/bin/prog", &first) == 0 && trace_new_dir("prog", &second) == 0);
	CHECK(!strcmp(strrchr(first.data, '/'), "/prog-0"));
	CHECK(!strcmp(strrchr(second.data, '/'), "/prog-1"));
	CHECK(trace_new_dir("./.hidden", &odd) == 0 && strstr(odd.data, "/trace-0"));
	CHECK(trace_writer_close(open_writer(first.data)) == 0);
	CHECK(trace_set_latest(first.data) == 0);
	resolves_to(NULL, first.data);
	resolves_to("prog-0", first.data);
	resolves_to(first.data, first.data);
	resolves_to("prog-7", NULL);
	resolves_to("/none/prog-0", NULL);
	resolves_to("", NULL);
	CHECK(trace_set_latest(temp_path("kinds")) == 0); /* not in the root */
	resolves_to(NULL, first.data);
	CHECK(trace_writer_close(open_writer(second.data)) == 0);
	CHECK(trace_set_latest(second.data) == 0);
	resolves_to(NULL, second.data);
	CHECK(trace_for_each(count_trace, &n) == 0 && n == 2);
	CHECK(trace_for_each(stop_at_once, NULL) == 42);
	CHECK(remove_tree(second.data) == 0);
	resolves_to(NULL, NULL);
}

static void check_root(void)
{
	struct buf b = BUF_INIT;

	CHECK(trace_root(&b) == 0 && !strcmp(b.data, root));
	unsetenv("_RR_TRACE_DIR");
	setenv("XDG_DATA_HOME", "/x", 1);
	buf_clear(&b);
	CHECK(trace_root(&b) == 0 && !strcmp(b.data, "/x/rr"));
	setenv("XDG_DATA_HOME", "", 1);
	setenv("HOME", "/h", 1);
	buf_clear(&b);
	CHECK(trace_root(&b) == 0 && !strcmp(b.data, "/h/.local/share/rr"));
	unsetenv("HOME");
	capture_begin();
	CHECK(trace_root(&b) == -ENOENT);
	CHECK(count_lines(capture_end()) == 1);
}

int main(void)
{
	char *old[3];

	umask(022);
	root = xstrdup(temp_path("root"));
	setenv("_RR_TRACE_DIR", root, 1);
	unsetenv("RR_COPY_ALL_FILES");
	check_names();
	for (size_t i = 0; i < ARRAY_SIZE(old); i++) {
		old[i] = xasprintf("%s-%zu", temp_path("old"), i);
		put_file(old[i], "old content");
	}
	check_kinds_of_files();
	sleep(4); /* ctime cannot be set back */
	check_racy(old[0]);
	check_sharing(old[0]);
	check_concurrent(old, ARRAY_SIZE(old));
	check_confined();
	check_root();
	return 0;
}
