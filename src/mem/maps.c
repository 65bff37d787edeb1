/*
 * Parser of /proc/PID/maps. Names may hold blanks; the kernel writes newlines in them as \012.
 * In smaps each line is followed by such as `Size: 4 kB`, the last of them by flags in two letters.
 */
#include "mem/maps.h"

#include "base/io.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

static int parse_line(const char *line, size_t len, struct map_line *m)
{
	unsigned int major, minor;
	char perms[5];
	int used = 0;
	char *copy = xmalloc(len + 1);
	int n;

	memcpy(copy, line, len);
	copy[len] = 0;
	n = sscanf(copy, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %n", &m->start,
		   &m->end, perms, &m->offset, &major, &minor, &m->ino, &used);
	if (n != 7 || strlen(perms) != 4 || m->start >= m->end || (size_t)used > len) {
		free(copy);
		return -EINVAL;
	}
	m->prot = (perms[0] == 'r' ? PROT_READ : 0) | (perms[1] == 'w' ? PROT_WRITE : 0) |
		  (perms[2] == 'x' ? PROT_EXEC : 0);
	m->shared = perms[3] == 's';
	m->dev = makedev(major, minor);
	m->on_fork = 0;
	m->name = xstrdup(copy + used);
	free(copy);
	return 0;
}

static bool has_flag(const char *flags, size_t len, const char *name)
{
	const char *found = memmem(flags, len, name, strlen(name));

	return found && found > flags && found[-1] == ' ';
}

/* What smaps says of the mapping before it. */
static void parse_detail(const char *line, size_t len, struct map_line *m)
{
	static const char flags[] = "VmFlags:";

	if (len < sizeof(flags) || memcmp(line, flags, sizeof(flags) - 1))
		return;
	if (has_flag(line, len, "dc"))
		m->on_fork = MADV_DONTFORK;
	else if (has_flag(line, len, "wf"))
		m->on_fork = MADV_WIPEONFORK;
}

int maps_parse(const char *text, struct maps *out)
{
	size_t cap = 0;

	*out = (struct maps){0};
	while (*text) {
		size_t len = strcspn(text, "\n");
		int ret = 0;

		if (out->count == cap) {
			cap = cap ? 2 * cap : 32;
			out->lines = xrealloc(out->lines, cap * sizeof(*out->lines));
		}
		if (out->count && *text >= 'A' && *text <= 'Z')
			parse_detail(text, len, &out->lines[out->count - 1]);
		else if (!(ret = parse_line(text, len, &out->lines[out->count])))
			out->count++;
		if (ret) {
			maps_release(out);
			return ret;
		}
		text += len + (text[len] == '\n');
	}
	return 0;
}

static int read_form(pid_t tid, const char *form, struct maps *out)
{
	struct buf b = BUF_INIT;
	char path[64];
	int ret;

	snprintf(path, sizeof(path), "/proc/%d/%s", tid, form);
	ret = read_file(path, &b);
	if (!ret)
		ret = maps_parse(buf_str(&b), out);
	buf_release(&b);
	return ret;
}

int maps_read(pid_t tid, struct maps *out)
{
	return read_form(tid, "maps", out);
}

int maps_read_advice(pid_t tid, struct maps *out)
{
	return read_form(tid, "smaps", out);
}

void maps_release(struct maps *m)
{
	for (size_t i = 0; i < m->count; i++)
		free(m->lines[i].name);
	free(m->lines);
	*m = (struct maps){0};
}

void maps_add(struct maps *m, const struct map_line *line)
{
	struct map_line *l;

	m->lines = xrealloc(m->lines, (m->count + 1) * sizeof(*m->lines));
	l = &m->lines[m->count++];
	*l = *line;
	l->name = xstrdup(line->name);
}

static int by_start(const void *a, const void *b)
{
	const struct map_line *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

void maps_sort(struct maps *m)
{
	if (m->count)
		qsort(m->lines, m->count, sizeof(*m->lines), by_start);
}

const struct map_line *maps_find(const struct maps *m, raddr_t addr)
{
	for (size_t i = 0; i < m->count; i++)
		if (m->lines[i].start <= addr && addr < m->lines[i].end)
			return &m->lines[i];
	return NULL;
}
