/*
 * Instrumented code in tracees: the image of a file is mapped over its text as soon as that is
 * mapped executable (execve, mmap), and its stubs near it. What the images show to the program of
 * themselves is hidden: addresses in stubs become those of the original instructions.
 *
 * Whatever fails here costs preemption only: the code runs as it is in the file then.
 */
#include "record/place.h"

#include "base/log.h"
#include "image/space.h"
#include "mem/layout.h"
#include "mem/maps.h"

#include <asm/unistd_64.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define NAME_BELOW_STACK 512 /* where a name is put for a moment: below the red zone */

/* Text that an image is mapped over. */
struct code_text {
	raddr_t start, end;
	raddr_t stubs, stubs_end;
	int prot;
	uint64_t offset; /* in the original file */
	uint64_t dev, ino;
	uint32_t file;	/* number of that in the trace */
	uint32_t image; /* number of the image's file */
	uint64_t image_size, image_offset, stub_offset;
	char *name;
};

/* Of one address space; shared by those who share it. */
struct code {
	int refs;
	struct image_space space;
	struct code_text *texts;
	size_t n_texts;
	bool foreign;	 /* other code may be executed too: what it does is not known */
	bool has_clocks; /* the vDSO's data were moved to AGENT_VVAR */
};

/* --- the set --- */

static struct code *code_new(void)
{
	struct code *c = xcalloc(1, sizeof(*c));

	c->refs = 1;
	return c;
}

static void code_put(struct code *c)
{
	if (!c || --c->refs)
		return;
	image_space_clear(&c->space);
	for (size_t i = 0; i < c->n_texts; i++)
		free(c->texts[i].name);
	free(c->texts);
	free(c);
}

static void add_text(struct code *c, const struct code_text *text)
{
	c->texts = xrealloc(c->texts, (c->n_texts + 1) * sizeof(*c->texts));
	c->texts[c->n_texts] = *text;
	c->texts[c->n_texts++].name = xstrdup(text->name);
}

static void remove_text(struct code *c, size_t i)
{
	free(c->texts[i].name);
	memmove(&c->texts[i], &c->texts[i + 1], (c->n_texts - i - 1) * sizeof(*c->texts));
	c->n_texts--;
}

void task_code_release(struct rtask *t)
{
	code_put(t->code);
	t->code = NULL;
}

void task_code_clone(const struct rtask *parent, struct rtask *child, bool same_memory)
{
	struct code *c = parent->code;

	if (!c)
		return;
	if (same_memory) {
		c->refs++;
		child->code = c;
		return;
	}
	child->code = code_new();
	image_space_copy(&child->code->space, &c->space);
	for (size_t i = 0; i < c->n_texts; i++)
		add_text(child->code, &c->texts[i]);
	child->code->foreign = c->foreign;
	child->code->has_clocks = c->has_clocks;
}

bool code_leaves_tsc(const struct rtask *t)
{
	return t->code && !t->code->foreign;
}

void code_hide(const struct rtask *t, raddr_t addr, void *buf, size_t n)
{
	if (t->code)
		image_space_hide(&t->code->space, addr, buf, n);
}

void code_note_foreign(struct rtask *t)
{
	if (t->code)
		t->code->foreign = true;
}

bool code_has_clocks(const struct rtask *t)
{
	return t->code && t->code->has_clocks;
}

/* --- looking --- */

struct image_point code_point(const struct rtask *t, raddr_t addr)
{
	if (!t->code)
		return (struct image_point){IMAGE_OUTSIDE, addr, addr};
	return image_space_point(&t->code->space, addr);
}

bool code_show(const struct rtask *t, struct user_regs_struct *u)
{
	raddr_t ip = u->rip, original = t->code ? image_space_original(&t->code->space, ip) : ip;

	if (original == ip)
		return false;
	u->rip = original;
	/* What a system call leaves in it is its end. */
	if (u->rcx == ip)
		u->rcx = original;
	return true;
}

void show_original(struct rtask *t, siginfo_t *si)
{
	struct user_regs_struct u = t->t.regs.u;
	const raddr_t ip = u.rip;

	if (!code_show(t, &u))
		return;
	task_regs_modify(&t->t)->u = u;
	/* Of SIGSYS this is si_call_addr. */
	if ((si->si_signo == SIGILL || si->si_signo == SIGFPE || si->si_signo == SIGTRAP ||
	     si->si_signo == SIGSYS) &&
	    si->si_code > 0 && (raddr_t)si->si_addr == ip) {
		si->si_addr = (void *)u.rip;
		task_set_siginfo(&t->t, si);
	}
}

bool inside_window(const struct rtask *t)
{
	raddr_t original;

	if (!t->code || !t->t.regs_valid)
		return false;
	original = image_space_original(&t->code->space, t->t.regs.u.rip);
	return image_space_entry(&t->code->space, original) != original;
}

void enter_displaced(struct rtask *t)
{
	raddr_t ip = t->t.regs.u.rip, to;

	if (!t->code)
		return;
	to = image_space_entry(&t->code->space, ip);
	if (to != ip)
		task_regs_modify(&t->t)->u.rip = to;
}

static void describe_text(const struct code_text *x, struct trace_mapping *m)
{
	*m = (struct trace_mapping){.start = x->start,
				    .end = x->end,
				    .prot = x->prot,
				    .flags = MAP_PRIVATE,
				    .source = MAP_FROM_FILE,
				    .file = x->image,
				    .file_size = x->image_size,
				    .offset = x->image_offset,
				    .name = x->name};
}

static void describe_stubs(const struct code_text *x, struct trace_mapping *m)
{
	describe_text(x, m);
	m->start = x->stubs;
	m->end = x->stubs_end;
	m->prot = PROT_READ | PROT_EXEC;
	m->offset = x->stub_offset;
	m->name = "[rr stubs]";
}

bool code_describe(const struct rtask *t, raddr_t start, struct trace_mapping *m)
{
	for (size_t i = 0; t->code && i < t->code->n_texts; i++) {
		const struct code_text *x = &t->code->texts[i];

		if (start == x->start)
			describe_text(x, m);
		else if (start == x->stubs)
			describe_stubs(x, m);
		else
			continue;
		return true;
	}
	return false;
}

enum code_visible code_view(const struct rtask *t, raddr_t start, struct code_view *v)
{
	*v = (struct code_view){0};
	if (addr_is_ours(start))
		return VIEW_HIDDEN;
	for (size_t i = 0; t->code && i < t->code->n_texts; i++) {
		const struct code_text *x = &t->code->texts[i];

		if (start >= x->stubs && start < x->stubs_end)
			return VIEW_HIDDEN;
		if (start < x->start || start >= x->end)
			continue;
		*v = (struct code_view){x->offset + (start - x->start), x->dev, x->ino, x->name};
		return VIEW_SHOWN;
	}
	return VIEW_SHOWN;
}

/* --- mapping --- */

/* Of the images that were mapped since the maps were read. */
bool code_has_no_stubs(const struct rtask *t, raddr_t start, raddr_t end)
{
	for (size_t i = 0; i < t->code->n_texts; i++)
		if (t->code->texts[i].stubs < end && t->code->texts[i].stubs_end > start)
			return false;
	return true;
}

/* In a batch: a mmap of the file whose descriptor is the result of call `fd`. */
static void add_mmap(struct agent *a, unsigned int fd, raddr_t addr, uint64_t len, int prot,
		     int flags, uint64_t offset)
{
	unsigned int call =
		agent_batch_add(a, __NR_mmap, REMOTE_ARGS(addr, len, prot, flags, 0, offset));

	agent_batch_use(a, call, 4, fd);
}

/* Run it; its file, which call 0 opened, is closed in any case. */
static int run_and_close(struct agent *a, struct rtask *t)
{
	unsigned int close_call = agent_batch_add(a, __NR_close, REMOTE_ARGS(0));
	int64_t fd;
	int ret;

	agent_batch_use(a, close_call, 0, 0);
	ret = agent_batch_run(a, &t->t);
	fd = a->state->batch[0].result;
	if (ret && ret != -ESRCH && a->state->batch_done > 1) {
		agent_batch_begin(a);
		agent_batch_add(a, __NR_close, REMOTE_ARGS(fd));
		agent_batch_run(a, &t->t);
	}
	return ret;
}

static int map_image(struct recorder *rec, struct rtask *t, const struct placement *p, int prot)
{
	struct agent *a = &rec->agent;
	unsigned int fd;

	agent_batch_begin(a);
	fd = agent_batch_open(a, p->fd, O_RDONLY);
	/* The stubs first: text without them must not run. */
	add_mmap(a, fd, p->stubs, p->im->stub_size, PROT_READ | PROT_EXEC,
		 MAP_PRIVATE | MAP_FIXED_NOREPLACE, p->im->stub_offset);
	add_mmap(a, fd, p->text, p->text_end - p->text, prot, MAP_PRIVATE | MAP_FIXED, p->offset);
	return run_and_close(a, t);
}

/* The trace keeps the original file as well: text that is made writable goes back to it. */
static int keep_files(struct recorder *rec, int elf_fd, const struct placement *p,
		      struct code_text *text)
{
	struct stat st, image_st;
	int ret;

	if (fstat(elf_fd, &st) < 0 || fstat(p->fd, &image_st) < 0)
		return -errno;
	text->dev = st.st_dev;
	text->ino = st.st_ino;
	ret = trace_writer_save_file(rec->trace, elf_fd, &st, false, &text->file);
	if (!ret)
		ret = trace_writer_save_file(rec->trace, p->fd, &image_st, false, &text->image);
	text->image_size = image_st.st_size;
	return ret;
}

/* Instrument what the line says is mapped, from the file `elf_fd`. 0, -ESRCH or -errno. */
static int instrument(struct recorder *rec, struct rtask *t, const struct map_line *l, int elf_fd,
		      const struct maps *known)
{
	struct code_text text = {
		.start = l->start, .prot = l->prot, .offset = l->offset, .name = l->name};
	struct placement p;
	int ret = image_place(rec, t, elf_fd, l, known, &p);

	if (ret)
		return ret;
	ret = keep_files(rec, elf_fd, &p, &text);
	if (!ret)
		ret = map_image(rec, t, &p, l->prot);
	if (!ret) {
		text.end = p.text_end;
		text.image_offset = p.offset;
		text.stubs = p.stubs;
		text.stubs_end = p.stubs + p.im->stub_size;
		text.stub_offset = p.im->stub_offset;
		image_space_add(&t->code->space, p.im, p.bias, p.text, p.text_end, text.stubs,
				text.stubs_end);
		add_text(t->code, &text);
		if (p.im->stats.tsc_left || text.end < l->end)
			code_note_foreign(t);
	}
	placement_release(&p);
	return ret;
}

/* The stack's bytes there are nobody's, but the trace has the page: leave none of ours. */
static int map_tick_page(struct recorder *rec, struct rtask *t, const struct maps *maps,
			 bool *has_clocks)
{
	struct agent_vvar vvar = {.n = 0};
	bool has_data = vdso_find_data(rec, maps, &vvar);
	static const uint8_t zeros[REMOTE_PATH_SIZE];
	raddr_t buf;
	int ret = task_regs(&t->t);

	if (ret)
		return ret;
	buf = (t->t.regs.u.rsp & ~63ULL) - NAME_BELOW_STACK;
	ret = agent_map(&rec->agent, &t->t, buf, has_data ? &vvar : NULL);
	*has_clocks = vvar.moved;
	if (!ret) {
		ret = vdso_patch(t->t.mm, t->t.mm->vdso, t->t.mm->vdso_size, true);
		t->t.mm->syscall_insn = agent_syscall_insn(&rec->agent);
		t->buffered = rec->agent.filtered && !t->filter_vdso;
	}
	mm_write(t->t.mm, buf, zeros, sizeof(zeros));
	return ret;
}

static bool is_instrumentable(const struct map_line *l)
{
	return l->ino && !l->shared && (l->prot & PROT_EXEC) && !(l->prot & PROT_WRITE);
}

static int instrument_file(struct recorder *rec, struct rtask *t, const struct map_line *l,
			   const struct maps *known)
{
	char path[96];
	int fd, ret;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", t->t.tid,
		 (unsigned long long)l->start, (unsigned long long)l->end);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) /* map_files needs CAP_CHECKPOINT_RESTORE */
		fd = open(l->name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = instrument(rec, t, l, fd, known);
	if (ret && ret != -ENODATA)
		log_debug("task %d: %s is not instrumented: %s", t->t.tid, l->name, strerror(-ret));
	close(fd);
	return ret;
}

/* Executable memory that is new: -ESRCH, or 0. */
static int take_line(struct recorder *rec, struct rtask *t, const struct map_line *l,
		     const struct maps *known)
{
	int ret = is_instrumentable(l) ? instrument_file(rec, t, l, known) : -ENOEXEC;

	if (ret && ret != -ENODATA)
		code_note_foreign(t);
	return ret == -ESRCH ? ret : 0;
}

/* What the kernel maps: the vDSO is hooked, the other page only emulated. */
static bool is_kernels(const struct map_line *l)
{
	return !strcmp(l->name, "[vdso]") || !strcmp(l->name, "[vsyscall]");
}

static void drop_vdso_data(struct maps *maps)
{
	size_t n = 0;

	for (size_t i = 0; i < maps->count; i++) {
		if (strncmp(maps->lines[i].name, "[vvar", 5))
			maps->lines[n++] = maps->lines[i];
		else
			free(maps->lines[i].name);
	}
	maps->count = n;
}

/* What the agent and the images have changed of what is mapped. */
static void update_maps(const struct rtask *t, struct maps *maps)
{
	if (t->code->has_clocks)
		drop_vdso_data(maps);
	for (size_t i = 0; i < t->code->n_texts; i++) {
		const struct code_text *x = &t->code->texts[i];
		const struct map_line stubs = {.start = x->stubs,
					       .end = x->stubs_end,
					       .prot = PROT_READ | PROT_EXEC,
					       .name = "[rr stubs]"};

		for (size_t k = 0; k < maps->count; k++) {
			struct map_line rest = maps->lines[k];

			if (rest.start != x->start || rest.end <= x->end)
				continue;
			rest.start = x->end;
			rest.offset += x->end - x->start;
			maps->lines[k].end = x->end;
			maps_add(maps, &rest);
			break;
		}
		maps_add(maps, &stubs);
	}
	maps_sort(maps);
}

int task_code_exec(struct recorder *rec, struct rtask *t, struct maps *maps)
{
	struct agent_vvar vvar;
	bool has_clocks;
	int ret;

	task_code_release(t);
	/* A filter that outlives the execve might kill it for our calls. */
	if (rec->source || !filter_allows_remote(t))
		return 0;
	ret = map_tick_page(rec, t, maps, &has_clocks);
	if (ret) {
		log_debug("task %d: no tick page: %s", t->t.tid, strerror(-ret));
		return ret == -ESRCH ? ret : 0;
	}
	t->code = code_new();
	t->code->has_clocks = has_clocks;
	for (size_t i = 0; !ret && i < maps->count; i++) {
		if ((maps->lines[i].prot & PROT_EXEC) && !is_kernels(&maps->lines[i]))
			ret = take_line(rec, t, &maps->lines[i], maps);
	}
	if (ret)
		return ret;
	if (has_clocks || !vdso_find_data(rec, maps, &vvar)) {
		update_maps(t, maps);
		return 0;
	}
	/* Not all of it was moved. */
	maps_release(maps);
	return maps_read(t->t.tid, maps) == -ESRCH ? -ESRCH : 0;
}

/* --- mmap and munmap --- */

#define PROTECTED_MAX 128

static int by_start(const void *a, const void *b)
{
	const struct mm_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* The text [start, end) is gone, in part at least: so are its stubs, once nothing jumps there. */
static void forget(struct event_builder *b, struct rtask *t, raddr_t start, raddr_t end)
{
	struct code *c = t->code;

	image_space_remove(&c->space, start, end);
	for (size_t i = c->n_texts; i-- > 0;) {
		const struct code_text *x = &c->texts[i];
		struct trace_mapping m = {.name = ""};
		int64_t result;

		if (x->start < start || x->end > end)
			continue;
		m.start = x->stubs;
		m.end = x->stubs_end;
		image_space_remove(&c->space, m.start, m.end);
		remove_text(c, i);
		if (m.start >= start && m.end <= end)
			continue; /* they went with it */
		if (filter_allows_remote(t) &&
		    !task_remote_syscall(&t->t, &result, __NR_munmap,
					 REMOTE_ARGS(m.start, m.end - m.start)) &&
		    !result)
			event_add_mapping(b, &m);
	}
}

void code_mapped(struct event_builder *b, struct rtask *t, const struct trace_mapping *m)
{
	struct map_line l = {.start = m->start,
			     .end = m->end,
			     .prot = m->prot,
			     .shared = m->flags & MAP_SHARED,
			     .offset = m->offset,
			     .ino = m->ino,
			     .name = (char *)m->name};
	size_t n;

	if (!t->code)
		return;
	forget(b, t, m->start, m->end);
	if (!(m->prot & PROT_EXEC))
		return;
	if (m->source != MAP_FROM_FILE || !filter_allows_remote(t)) {
		code_note_foreign(t);
		return;
	}
	n = t->code->n_texts;
	take_line(b->rec, t, &l, NULL);
	if (t->code->n_texts > n) {
		struct trace_mapping x;

		describe_stubs(&t->code->texts[n], &x);
		event_add_mapping(b, &x);
		describe_text(&t->code->texts[n], &x);
		event_add_mapping(b, &x);
	}
}

/* What of ours lies in [start, end) and has to stay there: at most PROTECTED_MAX ranges, sorted. */
static size_t protected_ranges(struct recorder *rec, const struct rtask *t, raddr_t start,
			       raddr_t end, struct mm_range *out)
{
	const struct mm_range ours[] = OURS_RANGES;
	size_t n = 0, n_scratch = scratch_ranges(rec, t->t.mm, NULL);
	struct mm_range *scratch = xcalloc(n_scratch + 1, sizeof(*scratch));

	scratch_ranges(rec, t->t.mm, scratch);
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		out[n++] = ours[i];
	for (size_t i = 0; i < n_scratch && n < PROTECTED_MAX; i++)
		out[n++] = scratch[i];
	free(scratch);
	/* Stubs of text that stays. */
	for (size_t i = 0; t->code && i < t->code->n_texts && n < PROTECTED_MAX; i++) {
		const struct code_text *x = &t->code->texts[i];

		if (x->start < start || x->end > end)
			out[n++] = (struct mm_range){x->stubs, x->stubs_end};
	}
	for (size_t i = 0; i < n;) {
		if (out[i].start >= end || out[i].end <= start)
			out[i] = out[--n];
		else
			i++;
	}
	if (n)
		qsort(out, n, sizeof(*out), by_start);
	return n;
}

bool code_must_stay(struct recorder *rec, const struct rtask *t, raddr_t start, raddr_t end)
{
	struct mm_range ranges[PROTECTED_MAX];

	return protected_ranges(rec, t, start, end, ranges) > 0;
}

void code_unmap_around(struct event_builder *b, struct rtask *t, raddr_t start, raddr_t end)
{
	struct mm_range stay[PROTECTED_MAX];
	size_t n = protected_ranges(b->rec, t, start, end, stay);
	raddr_t at = start;

	b->ev.piecewise = true;
	for (size_t i = 0; i <= n; i++) {
		struct trace_mapping m = {
			.name = "", .start = at, .end = i < n ? stay[i].start : end};
		int64_t result;

		at = i < n ? stay[i].end : end;
		if (m.start < m.end &&
		    !task_remote_syscall(&t->t, &result, __NR_munmap,
					 REMOTE_ARGS(m.start, m.end - m.start)) &&
		    !result)
			event_add_mapping(b, &m);
	}
}

void code_unmapped(struct event_builder *b, struct rtask *t, raddr_t start, raddr_t end)
{
	if (t->code)
		forget(b, t, start, end);
}

/* --- text that the program writes to --- */

size_t code_ranges(const struct rtask *t, struct agent_range *out, size_t max)
{
	size_t n = t->code ? t->code->n_texts : 0;

	for (size_t i = 0; i < n && 2 * i + 1 < max; i++) {
		out[2 * i] = (struct agent_range){t->code->texts[i].start, t->code->texts[i].end};
		out[2 * i + 1] =
			(struct agent_range){t->code->texts[i].stubs, t->code->texts[i].stubs_end};
	}
	return 2 * n;
}

bool code_overlaps(const struct rtask *t, raddr_t start, raddr_t end)
{
	for (size_t i = 0; t->code && i < t->code->n_texts; i++)
		if (t->code->texts[i].end > start && t->code->texts[i].start < end)
			return true;
	return false;
}

/* Map the original file over the text, with the protection that each part of it has. */
static int restore(struct event_builder *b, struct rtask *t, const struct code_text *x)
{
	struct trace_mapping m = {
		.flags = MAP_PRIVATE, .source = MAP_FROM_FILE, .file = x->file, .name = ""};
	struct maps maps;
	char path[4096];
	struct agent *a = &b->rec->agent;
	unsigned int fd;
	int ours, ret;

	snprintf(path, sizeof(path), "%s/files/%u", trace_writer_dir(b->rec->trace), x->file);
	ours = open(path, O_RDONLY | O_CLOEXEC);
	if (ours < 0)
		return -errno;
	ret = maps_read(t->t.tid, &maps);
	if (ret)
		goto out;
	agent_batch_begin(a);
	fd = agent_batch_open(a, ours, O_RDONLY);
	for (size_t i = 0; i < maps.count && a->state->n_batch < MAX_BATCH - 1; i++) {
		const struct map_line *l = &maps.lines[i];

		if (l->end <= x->start || l->start >= x->end)
			continue;
		m.start = max_u64(l->start, x->start);
		m.end = min_u64(l->end, x->end);
		m.prot = l->prot;
		m.offset = x->offset + (m.start - x->start);
		add_mmap(a, fd, m.start, m.end - m.start, m.prot, MAP_PRIVATE | MAP_FIXED,
			 m.offset);
		event_add_mapping(b, &m);
	}
	maps_release(&maps);
	ret = run_and_close(a, t);
out:
	close(ours);
	return ret;
}

void code_protected(struct event_builder *b, struct rtask *t, raddr_t start, raddr_t end, int prot)
{
	struct code *c = t->code;

	if (!c || !(prot & PROT_WRITE))
		return;
	for (size_t i = c->n_texts; i-- > 0;) {
		struct code_text *x = &c->texts[i];
		int ret;

		if (x->end <= start || x->start >= end)
			continue;
		ret = restore(b, t, x);
		if (ret && ret != -ESRCH)
			b->rec->error = error_ret(ret, "cannot map the original code of %s: %s",
						  x->name, strerror(-ret));
		code_note_foreign(t);
		/* A task may still stand in a stub, which goes on in the text: the stubs stay. */
		image_space_remove(&c->space, x->start, x->end);
		x->start = x->end = 0;
	}
}
