/*
 * What a tracee reads in /proc/PID/maps and smaps: as if its code were not instrumented. Text that
 * an image is mapped over appears with the name of its file, stubs and the tick page do not. A
 * descriptor that the tracee has just opened is exchanged for one of a memory file with that text.
 */
#include "record/session.h"

#include "base/io.h"
#include "base/log.h"
#include "mem/layout.h"

#include <asm/unistd_64.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define NAME_COLUMN 73 /* fs/proc/task_mmu.c, show_vma_header_prefix() */

/* The start address, if the line begins a mapping's entry. */
static bool is_header(const char *line, raddr_t *start)
{
	raddr_t end;
	char perms[5];

	return sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", start, &end, perms) == 3;
}

static void add_header(const struct code_view *v, const char *line, struct buf *out)
{
	size_t begin = out->len;
	raddr_t start, end;
	char perms[5];

	sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &start, &end, perms);
	buf_addf(out, "%08" PRIx64 "-%08" PRIx64 " %s %08" PRIx64 " %02x:%02x %" PRIu64 " ", start,
		 end, perms, v->offset, major(v->dev), minor(v->dev), v->ino);
	while (out->len - begin < NAME_COLUMN)
		buf_addch(out, ' ');
	buf_addf(out, "%s\n", v->name);
}

static void rewrite(const struct rtask *of, char *text, struct buf *out)
{
	bool hidden = false;

	for (char *line = text, *next; *line; line = next) {
		struct code_view v;
		raddr_t start;

		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = 0;
		if (!is_header(line, &start)) {
			if (!hidden)
				buf_addf(out, "%s\n", line);
			continue;
		}
		hidden = code_view(of, start, &v) == VIEW_HIDDEN;
		if (hidden)
			continue;
		if (v.name)
			add_header(&v, line, out);
		else
			buf_addf(out, "%s\n", line);
	}
}

/* The task whose mappings "/proc/PID/maps" or ".../task/TID/smaps" shows, if they have to be
 * rewritten. */
static struct rtask *shown_task(struct recorder *rec, const char *link)
{
	const char *name = strrchr(link, '/'), *p = name;
	struct rtask *t;

	if (!name || strncmp(link, "/proc/", 6) ||
	    (strcmp(name, "/maps") && strcmp(name, "/smaps")))
		return NULL;
	while (p > link && p[-1] != '/')
		p--;
	t = rtask_find(rec, strtol(p, NULL, 10));
	return t && t->code ? t : NULL;
}

/* The tracee gets `ours` in the place of its descriptor. */
static void exchange(struct rtask *t, int ours, int theirs, int flags)
{
	int64_t fd, result;

	if (task_remote_open(&t->t, &fd, TICK_PATH, ours, O_RDONLY) || fd < 0)
		return;
	if (!task_remote_syscall(&t->t, &result, __NR_dup3,
				 REMOTE_ARGS(fd, theirs, flags & O_CLOEXEC)))
		task_remote_syscall(&t->t, &result, __NR_close, REMOTE_ARGS(fd));
}

void hide_code_in_maps(struct recorder *rec, struct rtask *t, int fd)
{
	const bool at = t->call.nr == __NR_openat;
	struct buf text = BUF_INIT, shown = BUF_INIT;
	char path[64] = "", link[64];
	struct rtask *of;
	ssize_t n;
	int ours;

	if (!t->code || (!at && t->call.nr != __NR_open))
		return;
	mm_read_some(t->t.mm, t->call.arg[at ? 1 : 0], path, sizeof(path) - 1);
	if (!strstr(path, "maps"))
		return;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", t->t.tid, fd);
	n = readlink(path, link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = 0;
	of = shown_task(rec, link);
	if (!of || !filter_allows_remote(t) || read_file(link, &text))
		goto out;
	rewrite(of, text.data, &shown);
	ours = memfd_create("rr-maps", MFD_CLOEXEC);
	if (ours >= 0 && !write_full(ours, shown.data, shown.len))
		exchange(t, ours, fd, t->call.arg[at ? 2 : 1]);
	if (ours >= 0)
		close(ours);
out:
	buf_release(&text);
	buf_release(&shown);
}
