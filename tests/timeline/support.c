/*
 * Recording programs for tests of the timeline, and comparing what it shows.
 */
#include "support.h"

#include "base/io.h"
#include "base/log.h"
#include "base/xxh64.h"

#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <libelf.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

void begin_test(int argc, int n, const char *usage)
{
	const char *spec = getenv("RR_LOG");

	if (spec)
		log_set_spec(spec);
	if (argc < n)
		die("%s", usage);
	setvbuf(stdout, NULL, _IOLBF, 0);
}

char *record_with(const char *rr, const char *option, char *const argv[])
{
	char dir[] = "/tmp/rr-timeline-XXXXXX", *trace;
	char *rr_path = realpath(rr, NULL), *program = realpath(argv[0], NULL);
	const char *args[32] = {rr_path, "record", "-o"};
	posix_spawn_file_actions_t actions;
	int n = 3, status;
	pid_t pid;

	if (!mkdtemp(dir))
		die("mkdtemp: %s", strerror(errno));
	trace = xasprintf("%s/trace", dir);
	args[n++] = trace;
	if (option)
		args[n++] = option;
	args[n++] = program;
	for (int i = 1; argv[i] && n < 31; i++)
		args[n++] = argv[i];
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addchdir_np(&actions, dir);
	if (!rr_path || !program ||
	    posix_spawn(&pid, rr_path, &actions, NULL, (char *const *)args, environ))
		die("cannot run %s", rr);
	waitpid(pid, &status, 0);
	posix_spawn_file_actions_destroy(&actions);
	free(rr_path);
	free(program);
	return trace;
}

char *record(const char *rr, char *const argv[])
{
	return record_with(rr, NULL, argv);
}

void remove_recording(char *dir)
{
	*strrchr(dir, '/') = 0;
	remove_tree(dir);
	free(dir);
}

struct timeline *open_recording(const char *dir)
{
	struct timeline_options opt = {.replay = {.dir = dir, .quiet = true}};
	struct timeline *tl;

	if (timeline_open(&tl, &opt))
		die("cannot open %s", dir);
	return tl;
}

static uint64_t hash_memory(struct timeline *tl, pid_t tid, uint64_t sum)
{
	struct buf maps = BUF_INIT, data = BUF_INIT;
	char *save, *line;

	timeline_maps(tl, tid, &maps);
	for (line = strtok_r(maps.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		raddr_t start, end;
		char prot[5];

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &start, &end, prot) != 3)
			continue;
		if (prot[1] != 'w')
			continue;
		buf_clear(&data);
		buf_reserve(&data, end - start);
		buf_extend(&data, timeline_read(tl, tid, start, data.data, end - start));
		/* By pages: where mappings are cut is not the program's. */
		for (size_t i = 0; i < data.len; i += PAGE_SIZE_BYTES)
			sum += xxh64(data.data + i, PAGE_SIZE_BYTES, start + i);
	}
	buf_release(&maps);
	buf_release(&data);
	return sum;
}

void show_difference(struct timeline *a, struct timeline *b)
{
	struct buf maps = BUF_INIT;
	pid_t tid = timeline_current(a);
	char *save, *line;
	int shown = 0;

	timeline_maps(a, tid, &maps);
	for (line = strtok_r(maps.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		raddr_t at, end;
		char prot[5];

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &at, &end, prot) != 3)
			continue;
		for (; prot[1] == 'w' && at < end && shown < 8; at += 8) {
			uint64_t x = 0, y = 0;

			timeline_read(a, tid, at, &x, sizeof(x));
			timeline_read(b, tid, at, &y, sizeof(y));
			if (x == y)
				continue;
			printf("  %#" PRIx64 ": %#" PRIx64 " and %#" PRIx64 "\n", at, x, y);
			shown++;
		}
	}
	buf_release(&maps);
}

struct state state_of(struct timeline *tl)
{
	struct timeline_task tasks[64];
	struct state s = {.tid = timeline_current(tl)};
	pid_t last_tgid = 0;

	if (timeline_point(tl, &s.point))
		die("no point");
	s.n_tasks = timeline_tasks(tl, tasks, ARRAY_SIZE(tasks));
	for (size_t i = 0; i < s.n_tasks && i < ARRAY_SIZE(tasks); i++) {
		struct buf fp = BUF_INIT;
		struct regs r;

		if (timeline_regs(tl, tasks[i].tid, &r))
			die("no registers");
		if (tasks[i].tid == s.tid)
			s.pc = r.u.rip, s.own = r;
		timeline_fpregs(tl, tasks[i].tid, &fp);
		s.regs = s.regs * 31 + xxh64(&r, sizeof(r), tasks[i].tid);
		/* The legacy area and the AVX part. */
		s.regs = s.regs * 31 + xxh64(fp.data + 32, 256 + 128, 0);
		s.fp = xxh64(fp.data + 32, 384, 0);
		memcpy(s.fpb, fp.data + 32, 384);
		buf_release(&fp);
		if (tasks[i].tgid != last_tgid)
			s.memory = hash_memory(tl, tasks[i].tid, s.memory);
		last_tgid = tasks[i].tgid;
	}
	return s;
}

bool same_state(const struct state *a, const struct state *b)
{
	bool same = !timeline_point_compare(&a->point, &b->point) && a->n_tasks == b->n_tasks &&
		    a->regs == b->regs && a->memory == b->memory;

	if (!same)
		printf("  %" PRIu64 ":%" PRIu64 "+%" PRIi64 " task %d pc %#" PRIx64
		       " regs %016" PRIx64 " memory %016" PRIx64 "\n  %" PRIu64 ":%" PRIu64
		       "+%" PRIi64 " task %d pc %#" PRIx64 " regs %016" PRIx64 " memory %016" PRIx64
		       "\n",
		       a->point.event, a->point.ticks, a->point.step, a->tid, a->pc, a->regs,
		       a->memory, b->point.event, b->point.ticks, b->point.step, b->tid, b->pc,
		       b->regs, b->memory);
	if (!same) {
		struct buf diff = BUF_INIT;

		regs_equal(&a->own, &b->own, false, &diff);
		printf("%s  eflags %llx %llx fp %llx %llx\n", buf_str(&diff), a->own.u.eflags,
		       b->own.u.eflags, (long long)a->fp, (long long)b->fp);
		for (int i = 0; i < 384; i++)
			if (a->fpb[i] != b->fpb[i])
				printf(" %d:%02x/%02x", i, a->fpb[i], b->fpb[i]);
		buf_release(&diff);
	}
	return same;
}

raddr_t symbol(const char *program, const char *name)
{
	int fd = open(program, O_RDONLY | O_CLOEXEC);
	raddr_t found = 0;
	Elf_Scn *scn = NULL;
	Elf *elf;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	while (elf && (scn = elf_nextscn(elf, scn))) {
		Elf_Data *data = elf_getdata(scn, NULL);
		GElf_Shdr shdr;
		GElf_Sym sym;

		if (!gelf_getshdr(scn, &shdr) || shdr.sh_type != SHT_SYMTAB)
			continue;
		for (int i = 0; gelf_getsym(data, i, &sym); i++) {
			const char *s = elf_strptr(elf, shdr.sh_link, sym.st_name);

			if (s && !strcmp(s, name))
				found = sym.st_value;
		}
	}
	elf_end(elf);
	close(fd);
	return found;
}

struct timeline_stop go(struct timeline *tl, enum timeline_run_mode mode, bool backward)
{
	struct timeline_run run = {.mode = mode, .backward = backward, .tid = timeline_current(tl)};
	struct timeline_stop stop = {.reason = TIMELINE_STOP_FAILED};

	if (timeline_run(tl, &run, &stop) || stop.reason == TIMELINE_STOP_FAILED)
		die("the timeline failed");
	return stop;
}

struct timeline_stop step(struct timeline *tl, pid_t tid, bool backward)
{
	struct timeline_run run = {.mode = TIMELINE_STEP, .backward = backward, .tid = tid};
	struct timeline_stop stop = {.reason = TIMELINE_STOP_FAILED};

	if (timeline_run(tl, &run, &stop) || stop.reason == TIMELINE_STOP_FAILED)
		die("the timeline failed");
	return stop;
}
