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

/* A file's identity while the recording lasts. */
static uint64_t file_key(uint64_t dev, uint64_t ino)
{
	return (dev << 40) ^ ino;
}

struct shared_file *shared_find(struct recorder *rec, uint64_t dev, uint64_t ino)
{
	return rec->shared.count ? map_get_ptr(&rec->shared, file_key(dev, ino)) : NULL;
}

static struct shared_file *shared_add(struct recorder *rec, uint64_t key, uint32_t file,
				      uint64_t size)
{
	struct shared_file *f = xcalloc(1, sizeof(*f));

	f->file = file;
	f->size = size;
	map_set_ptr(&rec->shared, key, f);
	return f;
}

static int save_shared(struct recorder *rec, int fd, const struct stat *st, struct trace_mapping *m)
{
	struct shared_file *f = shared_find(rec, st->st_dev, st->st_ino);
	uint32_t file;
	int ret;

	if (!f) {
		ret = trace_writer_save_file(rec->trace, fd, st, true, &file);
		if (ret)
			return ret;
		f = shared_add(rec, file_key(st->st_dev, st->st_ino), file, st->st_size);
	}
	f->size = st->st_size;
	m->source = MAP_FROM_SHARED;
	m->file = f->file;
	return 0;
}

int save_mapped_file(struct recorder *rec, const char *path, bool shared, struct trace_mapping *m)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
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
		m->source = MAP_FROM_FILE;
		ret = shared ? save_shared(rec, fd, &st, m)
			     : trace_writer_save_file(rec->trace, fd, &st, false, &m->file);
	}
	close(fd);
	return ret;
}

/* What a shared file that was mapped before holds now: it may have changed while nobody mapped it. */
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
	struct event_builder b;
	struct trace_file_write fw;
	struct buf data = BUF_INIT;

	begin_syscall_event(&b, rec, t, result);
	b.ev.maps = m;
	b.ev.n_maps = 1;
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

	if (result < 0 && result >= -4095) {
		log_exit(rec, t, result);
		return;
	}
	m.prot = t->call.arg[2];
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
		ret = save_mapped_file(rec, path, shared, &m);
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
	uint64_t key = 1ULL << 63 | (uint32_t)t->call.arg[0];
	struct trace_mapping m = {.source = MAP_FROM_SHARED, .flags = MAP_SHARED, .start = result};
	struct shared_file *f = map_get_ptr(&rec->shared, key);
	const struct map_line *line;
	struct maps maps;
	struct buf data = BUF_INIT;
	char name[32];
	int ret;

	if (result < 0 && result >= -4095) {
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
	m.ino = t->call.arg[0];
	snprintf(name, sizeof(name), "/SYSV:%d", (int)t->call.arg[0]);
	m.name = name;
	if (!f) {
		uint32_t file;
		size_t n = mm_read_some(t->t.mm, m.start, buf_reserve(&data, m.file_size),
					m.file_size);

		ret = trace_writer_save_bytes(rec->trace, data.data, n, &file);
		if (ret) {
			rec->error = error_ret(ret, "cannot keep a shared memory segment: %s",
					       strerror(-ret));
			goto out;
		}
		f = shared_add(rec, key, file, m.file_size);
	}
	m.file = f->file;
	log_mapping(rec, t, result, &m);
out:
	buf_release(&data);
	maps_release(&maps);
}
