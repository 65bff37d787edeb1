/*
 * rr sources: the source files of the programs and libraries of a recording, for those who move it
 * together with them. The files are those that the trace keeps, so that it does not matter what has
 * become of the originals.
 */
#include "cli/cli.h"
#include "cli/elf_debug.h"
#include "cli/json.h"
#include "cli/mapped_files.h"
#include "cli/string_set.h"
#include "cli/traces.h"

#include <unistd.h>

const struct option_row sources_option_rows[] = {OPTIONS_END};

struct sources_command {
	struct trace_reader *reader;
	struct map seen; /* saved files */
	struct string_set relevant, without, sources;
};

static void note_source(void *ctx, const char *path)
{
	string_set_add(ctx, path);
}

static void note_file(void *ctx, uint32_t file, const char *name)
{
	struct sources_command *sc = ctx;
	uint64_t value;
	int fd, ret;

	if (map_get(&sc->seen, file, &value))
		return;
	map_set(&sc->seen, file, 1);
	fd = trace_reader_open_file(sc->reader, file);
	if (fd < 0) {
		warn("sources: file %u of the trace (%s): %s", file, name, strerror(-fd));
		return;
	}
	ret = elf_sources(fd, note_source, &sc->sources);
	close(fd);
	if (!ret)
		string_set_add(&sc->relevant, name);
	else if (ret == -ENODATA)
		string_set_add(&sc->without, name);
}

static void print_set(const char *key, const struct string_set *set, bool last)
{
	struct buf out = BUF_INIT;

	json_strings(key, (const char *const *)set->v, set->n, last, &out);
	fputs(buf_str(&out), stdout);
	buf_release(&out);
}

static void print_all(struct sources_command *sc)
{
	string_set_sort(&sc->sources);
	puts("{");
	print_set("relevant_binaries", &sc->relevant, false);
	print_set("without_debug_info", &sc->without, false);
	print_set("files", &sc->sources, true);
	puts("}");
}

int cmd_sources(const struct command *cmd, char **argv)
{
	struct sources_command sc = {.seen = MAP_INIT};
	int ret;

	sc.reader = open_only_trace(cmd, NULL, argv);
	if (!sc.reader)
		return 1;
	ret = each_mapped_file(sc.reader, note_file, &sc);
	if (!ret)
		print_all(&sc);
	map_release(&sc.seen);
	string_set_release(&sc.relevant);
	string_set_release(&sc.without);
	string_set_release(&sc.sources);
	trace_reader_close(sc.reader);
	return ret ? 1 : 0;
}
