/*
 * The files that tracees have mapped. Replay maps private copies of most, made when they were
 * mapped. A file that is mapped shared, or changes while it is mapped privately, becomes one file
 * that all replayed tasks map and that changes as the original did: untouched pages of a private
 * mapping show the file as it is, not as it was (mmap(2) leaves that open; Linux does it).
 */
#include "record/session.h"

#include "base/log.h"
#include "mem/maps.h"
#include "mem/own_pages.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct mapped_file *mapped_file_find(struct recorder *rec, uint64_t dev, uint64_t ino)
{
	struct mapped_file *f = map_get_ptr(&rec->files, ino);

	while (f && f->dev != dev)
		f = f->next;
	return f;
}

struct mapped_file *mapped_file_add(struct recorder *rec, uint64_t dev, uint64_t ino,
				    const char *name)
{
	struct mapped_file *f = mapped_file_find(rec, dev, ino);

	buffer_note_mapped(rec, dev, ino);
	if (!f) {
		f = xcalloc(1, sizeof(*f));
		f->dev = dev;
		f->ino = ino;
		f->next = map_get_ptr(&rec->files, ino);
		map_set_ptr(&rec->files, ino, f);
	}
	if (!f->name || strcmp(f->name, name)) {
		free(f->name);
		f->name = xstrdup(name);
	}
	return f;
}

void mapped_files_release(struct recorder *rec)
{
	map_for_each (&rec->files, slot) {
		struct mapped_file *f = (struct mapped_file *)(uintptr_t)slot->value, *next;

		for (; f; f = next) {
			next = f->next;
			free(f->name);
			free(f);
		}
	}
	map_release(&rec->files);
}

/* maps names another device than stat(2) on btrfs and overlayfs. */
static bool is_mapping_of(const struct map_line *l, const struct mapped_file *f)
{
	return l->ino == f->ino && (l->dev == f->dev || !strcmp(l->name, f->name));
}

/* Whether the task has an address space that maps can be made in. */
static bool has_memory(const struct rtask *t)
{
	return !t->exit_logged && !(t->in_syscall && t->row && t->row->class == SYS_EXEC);
}

/* One task of each address space but `except`; free() the result. */
static struct rtask **task_per_mm(struct recorder *rec, const struct mm *except, size_t *n)
{
	struct rtask **list = xcalloc(rec->tasks.count + 1, sizeof(*list));
	struct map seen = MAP_INIT;
	uint64_t v;

	*n = 0;
	map_for_each (&rec->tasks, slot) {
		struct rtask *t = (struct rtask *)(uintptr_t)slot->value;

		if (t->t.mm == except || !has_memory(t) || map_get(&seen, (uintptr_t)t->t.mm, &v))
			continue;
		map_set(&seen, (uintptr_t)t->t.mm, 1);
		list[(*n)++] = t;
	}
	map_release(&seen);
	return list;
}

static bool task_maps(const struct rtask *t, const struct mapped_file *f, raddr_t start,
		      raddr_t end)
{
	struct maps maps;
	bool found = false;

	if (maps_read(t->t.tid, &maps))
		return false;
	for (size_t i = 0; !found && i < maps.count; i++)
		found = is_mapping_of(&maps.lines[i], f) &&
			(maps.lines[i].start < start || maps.lines[i].end > end);
	maps_release(&maps);
	return found;
}

bool mapped_file_in_use(struct recorder *rec, const struct mapped_file *f, const struct rtask *t,
			raddr_t start, raddr_t end)
{
	size_t n;
	struct rtask **tasks = task_per_mm(rec, t->t.mm, &n);
	bool found = task_maps(t, f, start, end);

	for (size_t i = 0; !found && i < n; i++)
		found = task_maps(tasks[i], f, 0, 0);
	free(tasks);
	return found;
}

struct own_pages {
	struct event_builder *b;
	struct rtask *t;
};

static void add_own_page(void *ctx, raddr_t page)
{
	const struct own_pages *own = ctx;

	event_add_memory(own->b, own->t, page, PAGE_SIZE_BYTES);
}

static void add_own_pages(struct event_builder *b, struct rtask *t, const struct map_line *l)
{
	struct own_pages own = {b, t};

	if (own_pages(t->t.tid, l->start, l->end, add_own_page, &own))
		warn("task %d: the kernel does not tell which pages are its own", t->t.tid);
}

/* Add to the event the private mappings of `f` in the task's address space, as mappings of `with`.
 */
static void remap_task(struct event_builder *b, struct rtask *t, const struct mapped_file *f,
		       const struct trace_mapping *with)
{
	struct maps maps;

	if (maps_read(t->t.tid, &maps))
		return;
	for (size_t i = 0; i < maps.count; i++) {
		const struct map_line *l = &maps.lines[i];
		struct trace_mapping m = *with;

		if (l->shared || !is_mapping_of(l, f))
			continue;
		m.tid = t->t.tid;
		m.start = l->start;
		m.end = l->end;
		m.offset = l->offset;
		m.prot = l->prot;
		event_add_mapping(b, &m);
		add_own_pages(b, t, l);
	}
	maps_release(&maps);
}

void mapped_file_follow(struct event_builder *b, struct mapped_file *f, uint64_t size)
{
	const struct trace_mapping with = {.flags = MAP_PRIVATE,
					   .source = MAP_FROM_SHARED,
					   .file = f->file,
					   .file_size = size,
					   .dev = f->dev,
					   .ino = f->ino,
					   .name = f->name};
	size_t n;
	struct rtask **tasks = task_per_mm(b->rec, NULL, &n);

	for (size_t i = 0; i < n; i++)
		remap_task(b, tasks[i], f, &with);
	f->private_copies = false;
	free(tasks);
}

bool mapped_file_changed(struct event_builder *b, struct mapped_file *f, const struct rtask *t,
			 int fd, const struct stat *st)
{
	struct recorder *rec = b->rec;
	int ret;

	buffer_note_changed(rec, f->dev, f->ino);
	if (!f->private_copies)
		return false;
	if (!mapped_file_in_use(rec, f, t, 0, 0)) {
		f->private_copies = false;
		f->file = 0;
		return true;
	}
	ret = trace_writer_save_file(rec->trace, fd, st, true, &f->file);
	if (ret)
		rec->error = error_ret(ret, "cannot keep the mapped file %s: %s", f->name,
				       strerror(-ret));
	else
		mapped_file_follow(b, f, st->st_size);
	return true;
}
