/*
 * See mapped_files.h.
 */
#include "cli/mapped_files.h"

int each_mapped_file(struct trace_reader *r, mapped_file_fn fn, void *ctx)
{
	struct trace_event ev;
	int ret;

	while ((ret = trace_reader_next(r, &ev)) > 0) {
		for (size_t i = 0; i < ev.n_maps; i++) {
			const struct trace_mapping *m = &ev.maps[i];

			/* "[stack]" and such are no files. */
			if (m->file && m->name[0] == '/')
				fn(ctx, m->file, m->name);
		}
	}
	return ret;
}
