/*
 * execve: a new address space. Before its first instruction runs, the vDSO is patched and
 * CPUID made to fault; then all that is mapped is written down, as files where they are files, as
 * bytes where the kernel made it (stack, vDSO, the ends of data segments).
 */
#include "record/session.h"

#include "base/io.h"
#include "base/log.h"
#include "mem/layout.h"
#include "mem/maps.h"

#include <asm/prctl.h>
#include <asm/unistd_64.h>
#include <sys/mman.h>
#include <unistd.h>

enum next on_exec_event(struct recorder *rec, struct rtask *t)
{
	return NEXT_KERNEL; /* to its exit stop, where the new registers are */
}

static bool named(const struct map_line *l, const char *name)
{
	return !strcmp(l->name, name);
}

static int prepare_image(struct recorder *rec, struct rtask *t, const struct maps *maps)
{
	int64_t result;
	int ret = 0;

	for (size_t i = 0; !ret && i < maps->count; i++) {
		const struct map_line *l = &maps->lines[i];

		if (named(l, "[vdso]"))
			ret = vdso_patch(t->t.mm, l->start, l->end - l->start, false);
	}
	if (ret || !t->t.mm->vdso)
		return error_ret(ret ? ret : -ENOEXEC, "cannot patch the vDSO of task %d",
				 t->t.tid);
	if (!rec->cpuid_faulting)
		return 0;
	return task_remote_syscall(&t->t, &result, __NR_arch_prctl, REMOTE_ARGS(ARCH_SET_CPUID, 0));
}

/* Content that the kernel wrote into the new image. */
static void add_content(struct event_builder *b, struct rtask *t, const struct map_line *l)
{
	raddr_t sp = page_floor(t->t.regs.u.rsp);

	if (named(l, "[stack]"))
		event_add_memory(b, t, sp, l->end - sp);
	else if (named(l, "[vdso]"))
		event_add_memory(b, t, l->start, l->end - l->start);
	else if (l->ino && !l->shared && (l->prot & PROT_WRITE))
		/* The kernel zeroes what follows the file's part of .data in its last page. */
		event_add_memory(b, t, l->end - PAGE_SIZE_BYTES, PAGE_SIZE_BYTES);
}

/* The file that was described last: an execve maps a file in several parts. */
struct described {
	const struct map_line *line;
	const struct trace_mapping *mapping;
};

static bool is_same_file(const struct map_line *a, const struct map_line *b)
{
	return a && a->dev == b->dev && a->ino == b->ino && !a->shared && !b->shared;
}

static int describe(struct recorder *rec, struct rtask *t, const struct map_line *l,
		    struct trace_mapping *m, struct described *last)
{
	char path[96];
	int ret;

	if (code_describe(t, l->start, m))
		return 0;
	*m = (struct trace_mapping){.start = l->start,
				    .end = l->end,
				    .prot = l->prot,
				    .flags = l->shared ? MAP_SHARED : MAP_PRIVATE,
				    .source = MAP_FROM_ZERO,
				    .name = l->name};
	if (named(l, "[stack]"))
		m->flags |= MAP_GROWSDOWN;
	if (!l->ino)
		return 0;
	m->offset = l->offset;
	if (is_same_file(last->line, l)) {
		m->source = last->mapping->source;
		m->file = last->mapping->file;
		m->file_size = last->mapping->file_size;
		m->dev = last->mapping->dev;
		m->ino = last->mapping->ino;
		return 0;
	}
	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", t->t.tid,
		 (unsigned long long)l->start, (unsigned long long)l->end);
	ret = save_mapped_file(rec, t, path, l->shared, m);
	if (ret == -EPERM || ret == -EACCES) /* map_files needs CAP_CHECKPOINT_RESTORE */
		ret = save_mapped_file(rec, t, l->name, l->shared, m);
	if (ret)
		return error_ret(ret, "cannot keep the mapped file %s: %s", l->name,
				 strerror(-ret));
	*last = (struct described){l, m};
	return 0;
}

/* Readable link of /proc/TID/NAME. */
static void read_link(pid_t tid, const char *name, char *out, size_t size)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", tid, name);
	n = readlink(path, out, size - 1);
	out[n > 0 ? n : 0] = 0;
}

static void log_task_exec(struct recorder *rec, struct rtask *t)
{
	struct trace_task task = {
		.kind = TASK_EXEC, .event = t->last_event, .tid = t->t.tid, .tgid = t->t.tgid};
	struct buf cmdline = BUF_INIT;
	char exe[4096], path[64];
	const char **argv;
	size_t n = 0;

	read_link(t->t.tid, "exe", exe, sizeof(exe));
	snprintf(path, sizeof(path), "/proc/%d/cmdline", t->t.tid);
	read_file(path, &cmdline);
	argv = xcalloc(cmdline.len + 1, sizeof(*argv));
	for (size_t i = 0; i < cmdline.len; i += strlen(cmdline.data + i) + 1)
		argv[n++] = cmdline.data + i;
	task.exe = exe;
	task.argv = argv;
	trace_writer_task(rec->trace, &task);
	free(argv);
	buf_release(&cmdline);
}

static int write_exec_event(struct recorder *rec, struct rtask *t, const struct maps *maps)
{
	struct trace_mapping *m = xcalloc(maps->count, sizeof(*m));
	struct described last = {0};
	struct event_builder b;
	size_t n = 0;
	int ret = 0;

	event_begin(&b, rec, t, EV_EXEC);
	b.ev.arch = t->call.arch;
	b.ev.syscall = t->call.nr;
	if (!t->entry_logged)
		b.ev.regs = (struct trace_bytes){&t->entry_regs, sizeof(t->entry_regs)};
	for (size_t i = 0; !ret && i < maps->count; i++) {
		const struct map_line *l = &maps->lines[i];

		if (named(l, "[vsyscall]") || addr_is_ours(l->start))
			continue;
		ret = describe(rec, t, l, &m[n++], &last);
		add_content(&b, t, l);
	}
	if (!ret) {
		b.ev.maps = m;
		b.ev.n_maps = n;
		b.ev.regs_after = (struct trace_bytes){&t->t.regs, sizeof(t->t.regs)};
		b.ev.former_tid = t->former_tid;
		b.ev.stops = t->t.n_stops;
		event_end(&b, t);
	}
	t->former_tid = 0;
	free(m);
	return ret;
}

void log_exec(struct recorder *rec, struct rtask *t)
{
	struct maps maps;
	struct mm *mm;
	int ret = mm_open(&mm, t->t.tid);

	if (ret == -ENOENT || ret == -ESRCH)
		return; /* killed meanwhile */
	if (ret)
		goto fail;
	mm_put(t->t.mm);
	t->t.mm = mm;
	t->buffered = false;
	t->scratch = (struct scratch){0};
	t->clear_tid = t->robust_list = 0;
	forced_exec(t);
	count_task(rec, t);
	t->process->undumpable = false;
	if (regs_arch(&t->t.regs) != ARCH_X86_64) {
		rec->error = error_ret(-ENOTSUP,
				       "task %d executes a 32-bit program, which is not "
				       "supported yet; the recording ends before it",
				       t->t.tid);
		return;
	}
	ret = maps_read(t->t.tid, &maps);
	if (ret)
		goto fail;
	ret = prepare_image(rec, t, &maps);
	if (!ret)
		ret = task_code_exec(rec, t, &maps);
	if (!ret && !(ret = task_regs(&t->t)) && rec->opt->unmap_vdso)
		ret = vdso_hide(t->t.mm, t->t.regs.u.rsp);
	if (!ret)
		ret = write_exec_event(rec, t, &maps);
	maps_release(&maps);
	if (!ret) {
		log_task_exec(rec, t);
		return;
	}
fail:
	if (ret == -ESRCH)
		return;
	rec->error = error_ret(ret, "cannot record the program that task %d executes: %s", t->t.tid,
			       strerror(-ret));
}
