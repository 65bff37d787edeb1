/*
 * Build the images of files and print what was found and done.
 * usage: image-stats FILE...
 */
#include "base/io.h"
#include "base/log.h"
#include "image/image.h"

#include <time.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void show_sites(const char *name, const struct image_site_stats *s)
{
	printf("  %s %llu, patched %llu; no room %llu, flags %llu, sigreturn %llu, undecoded %llu\n",
	       name, (unsigned long long)s->found, (unsigned long long)s->patched,
	       (unsigned long long)s->no_room, (unsigned long long)s->flags,
	       (unsigned long long)s->sigreturn, (unsigned long long)s->undecoded);
}

static void show(const char *path)
{
	struct image_options opt = {0};
	struct buf b = BUF_INIT;
	struct image *im;
	double t;
	int err = read_file(path, &b);

	if (err) {
		printf("%s: %s\n", path, strerror(-err));
		return;
	}
	t = now();
	err = image_build(b.data, b.len, &opt, &im);
	t = now() - t;
	if (err) {
		printf("%s: %s\n", path, strerror(-err));
		buf_release(&b);
		return;
	}
	const struct image_stats *s = &im->stats;
	printf("%s: text %.2f MB in %.3f s: %.1f MB/s; stubs %.2f MB, %zu entries\n", path,
	       (double)s->text_bytes / 1e6, t, (double)s->text_bytes / 1e6 / t,
	       (double)im->stub_size / 1e6, im->n_entries);
	printf("  functions %llu (%llu left), instructions %llu\n",
	       (unsigned long long)s->functions, (unsigned long long)s->functions_left,
	       (unsigned long long)s->instructions);
	show_sites("syscalls", &s->syscalls);
	show_sites("instructions", &s->insns);
	printf("  back-edges %llu, uncovered %llu (%.3f%%); backward calls %llu, indirect jumps %llu\n",
	       (unsigned long long)s->back_edges, (unsigned long long)s->uncovered,
	       s->back_edges ? 100.0 * (double)s->uncovered / (double)s->back_edges : 0.0,
	       (unsigned long long)s->backward_calls, (unsigned long long)s->indirect_jumps);
	printf("  safepoints: branches %llu, calls %llu, jumps %llu, windows %llu; flag-free %llu, cloned %llu\n",
	       (unsigned long long)s->branches, (unsigned long long)s->calls,
	       (unsigned long long)s->jumps, (unsigned long long)s->windows,
	       (unsigned long long)s->flag_free, (unsigned long long)s->cloned);
	image_free(im);
	buf_release(&b);
}

int main(int argc, char **argv)
{
	log_set_spec(getenv("RR_LOG") ? getenv("RR_LOG") : "");
	for (int i = 1; i < argc; i++)
		show(argv[i]);
	return 0;
}
