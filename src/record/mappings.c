/*
 * mmap and shmat: what was mapped is kept in the trace. A private mapping keeps the file as it is
 * now. A shared one keeps it once, as a shared file that replay makes anew and that all tracees map
 * (shared.c follows what system calls do to it from then on).
 */
#include "record/session.h"

#include "base/log.h"
#include "mem/maps.h"

#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

/* Mapped shared: it is saved when it becomes one. */
static int save_shared(struct recorder *rec, struct mapped_file *f, int fd, const struct stat *st,
		       struct trace_mapping *m)
{
	int ret;

	buffer_note_changed(rec, f->dev, f->ino);
	if (!f->file || f->private_copies) {
		ret = trace_writer_save_file(rec->trace, fd, st, true, &f->file);
		if (ret)
			return ret;
	}
	m->source = MAP_FROM_SHARED;
	m->file = f->file;
	return 0;
}

static int save_private(struct recorder *rec, struct rtask *t, struct mapped_file *f, int fd,
			const struct stat *st, struct trace_mapping *m)
{
	bool image = !t->row || t->row->class == SYS_EXEC;
	int ret;

	/* All that the task maps in a new image is new. */
	if (f->file && !f->private_copies &&
	    mapped_file_in_use(rec, f, t, image ? 0 : m->start, image ? UINT64_MAX : m->end)) {
		m->source = MAP_FROM_SHARED;
		m->file = f->file;
		return 0;
	}
	f->private_copies = true;
	m->source = MAP_FROM_FILE;
	ret = trace_writer_save_file(rec->trace, fd, st, false, &m->file);
	/* Kept once for two mappings: then it is sure that a change would be noticed. */
	if (!ret && !f->file && m->file == f->kept)
		buffer_note_kept(rec, st, m->file);
	f->kept = ret ? 0 : m->file;
	return ret;
}

int save_mapped_file(struct recorder *rec, struct rtask *t, const char *path, bool shared,
		     struct trace_mapping *m)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct mapped_file *f;
	struct stat st;
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0) {
		ret = -errno;
	} else if (!S_ISREG(st.st_mode)) {
		m->source = MAP_FROM_ZERO; /* /dev/zero; other devices were refused */
	} else {
		m->dev = st.st_dev;
		m->ino = st.st_ino;
		m->file_size = st.st_size;
		f = mapped_file_add(rec, st.st_dev, st.st_ino, m->name);
		ret = shared ? save_shared(rec, f, fd, &st, m)
			     : save_private(rec, t, f, fd, &st, m);
	}
	close(fd);
	return ret;
}

/* What a shared file that was mapped before holds now: it may have changed while nobody mapped it.
 */
#define REFRESH_MAX (4U << 20)

static bool refresh_shared(struct rtask *t, const struct trace_mapping *m, struct buf *data,
			   struct trace_file_write *fw)
{
	uint64_t len = m->end - m->start;

	if (m->source != MAP_FROM_SHARED || m->offset >= m->file_size)
		return false;
	len = min_u64(len, m->file_size - m->offset);
	if (len > REFRESH_MAX)
		len = 0;
	len = mm_read_some(t->t.mm, m->start, buf_reserve(data, len), len);
	buf_extend(data, len);
	*fw = (struct trace_file_write){.file = m->file,
					.offset = m->offset,
					.size = m->file_size,
					.bytes = {data->data, len}};
	return true;
}

static void log_mapping(struct recorder *rec, struct rtask *t, int64_t result,
			const struct trace_mapping *m)
{
	struct mapped_file *f = mapped_file_find(rec, m->dev, m->ino);
	struct event_builder b;
	struct trace_file_write fw;
	struct buf data = BUF_INIT;

	begin_syscall_event(&b, rec, t, result);
	event_add_mapping(&b, m);
	code_mapped(&b, t, m);
	if (m->source == MAP_FROM_SHARED && f && f->private_copies)
		mapped_file_follow(&b, f, m->file_size);
	if (refresh_shared(t, m, &data, &fw)) {
		b.ev.file_writes = &fw;
		b.ev.n_file_writes = 1;
	}
	event_end(&b, t);
	buf_release(&data);
}

#define KEPT_MAP_FLAGS (MAP_GROWSDOWN | MAP_NORESERVE | MAP_STACK)

void on_mmap_exit(struct recorder *rec, struct rtask *t, int64_t result)
{
	uint64_t flags = t->call.arg[3];
	bool shared = (flags & MAP_TYPE) != MAP_PRIVATE;
	char path[64], name[4096] = "";
	struct trace_mapping m = {.source = MAP_FROM_ZERO, .name = name};
	int ret;

	if (is_error(result)) {
		log_exit(rec, t, result);
		return;
	}
	m.prot = t->call.arg[2];
	scratch_forget(rec, t->t.mm, result, result + page_ceil(t->call.arg[1]));
	t->t.mm->shared |= shared && (m.prot & PROT_WRITE);
	m.start = result;
	m.end = result + page_ceil(t->call.arg[1]);
	m.flags = (shared ? MAP_SHARED : MAP_PRIVATE) | (flags & KEPT_MAP_FLAGS);
	if (!(flags & MAP_ANONYMOUS)) {
		ssize_t n;

		m.offset = t->call.arg[5];
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", t->t.tid, (int)t->call.arg[4]);
		n = readlink(path, name, sizeof(name) - 1);
		name[n > 0 ? n : 0] = 0;
		ret = save_mapped_file(rec, t, path, shared, &m);
		if (ret) {
			rec->error = error_ret(ret, "cannot keep the mapped file %s: %s", name,
					       strerror(-ret));
			return;
		}
	}
	log_mapping(rec, t, result, &m);
}

void on_shmat_exit(struct recorder *rec, struct rtask *t, int64_t result)
{
	uint32_t shmid = t->call.arg[0];
	struct trace_mapping m = {.source = MAP_FROM_SHARED, .flags = MAP_SHARED, .start = result};
	const struct map_line *line;
	struct maps maps;
	struct buf data = BUF_INIT;
	uint64_t file;
	char name[32];
	int ret;

	if (is_error(result)) {
		log_exit(rec, t, result);
		return;
	}
	if (maps_read(t->t.tid, &maps))
		return;
	line = maps_find(&maps, result);
	if (!line)
		BUG("task %d: no mapping at %#llx after shmat", t->t.tid, (long long)result);
	m.end = line->end;
	m.prot = line->prot;
	t->t.mm->shared = true;
	m.file_size = m.end - m.start;
	m.ino = shmid;
	snprintf(name, sizeof(name), "/SYSV:%d", (int)shmid);
	m.name = name;
	if (map_get(&rec->segments, shmid, &file)) {
		m.file = file;
	} else {
		size_t n = mm_read_some(t->t.mm, m.start, buf_reserve(&data, m.file_size),
					m.file_size);

		ret = trace_writer_save_bytes(rec->trace, data.data, n, &m.file);
		if (ret) {
			rec->error = error_ret(ret, "cannot keep a shared memory segment: %s",
					       strerror(-ret));
			goto out;
		}
		map_set(&rec->segments, shmid, m.file);
	}
	log_mapping(rec, t, result, &m);
out:
	buf_release(&data);
	maps_release(&maps);
}
