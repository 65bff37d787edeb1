/*
 * Reading files. What is read of a file of which the trace has a clone is not copied to the buffer:
 * the record says which part of the clone it was. The file itself is read, as the program asked; if
 * it has the clone's stamp afterwards, then nothing of it has changed since it was cloned, and so
 * the bytes are the same (src/record/reads.c says why, and which files are cloned).
 */
#include "agent/internal.h"

#include <unistd.h>

#define FROM_POSITION ((uint64_t)-1)

/* --- recording --- */

static uint64_t bytes_wanted(const struct abi_call *c)
{
	struct agent_iovec iov[MAX_REST];
	int64_t n;

	if (c->nr == __NR_read || c->nr == __NR_pread64)
		return c->arg[2];
	n = gather(c->arg[1], c->arg[2], iov);
	return n < 0 ? 0 : (uint64_t)n;
}

static bool has_offset(const struct abi_call *c)
{
	if (c->nr == __NR_preadv2 && c->arg[3] == FROM_POSITION)
		return false;
	return c->nr != __NR_read && c->nr != __NR_readv;
}

/* Where in the file the call is going to read, or has read up to. */
static int64_t position(const struct abi_call *c)
{
	return has_offset(c) ? (int64_t)c->arg[3] : call3(__NR_lseek, c->arg[0], 0, SEEK_CUR);
}

static bool is_unclonable(uint64_t dev)
{
	for (uint32_t i = 0; i < STATE->n_unclonable; i++) {
		if (STATE->unclonable[i] == dev)
			return true;
	}
	return false;
}

/* Whether it is time to ask the tracer. One that keeps changing is not worth a clone for each of
 * its states. */
static bool is_due(struct agent_clone *k, const struct agent_stamp *now, uint64_t wanted)
{
	const bool same = same_stamp(&k->stamp, now);

	if (!same && (k->stamp.dev != now->dev || k->stamp.ino != now->ino))
		return true;
	if (!same)
		*k = (struct agent_clone){.stamp = *now, .ask_at = CLONE_AGAIN};
	k->n_read += wanted;
	return !k->file && k->n_read >= k->ask_at;
}

/* The file is about to be read: what the trace has of it as it is now, or NULL. */
static const struct agent_clone *clone_of(int fd, uint64_t wanted)
{
	struct agent_stamp now;
	struct agent_clone *k;

	if (!fd_stamp(fd, &now) || now.size < CLONE_FILE_MIN || is_unclonable(now.dev))
		return NULL;
	wanted = min_u64(wanted, now.size);
	k = &STATE->clones[agent_file_bit(now.dev, now.ino) % N_CLONES];
	if (is_due(k, &now, wanted)) {
		if (!same_stamp(&k->stamp, &now))
			*k = (struct agent_clone){.stamp = now, .n_read = wanted};
		STATE->clone_fd = fd;
		STATE->clone_asked = (uint32_t)(k - STATE->clones);
		agent_report(REPORT_CLONE);
	}
	return k->file ? k : NULL;
}

/* The call is made, from `offset` on unless others moved the position: whether the clone has what
 * it read. */
static bool has_read(const struct abi_call *c, const struct agent_clone *k, int64_t offset)
{
	struct agent_stamp now;

	return c->ret > 0 && (has_offset(c) || position(c) == offset + c->ret) &&
	       fd_stamp((int)c->arg[0], &now) && same_stamp(&k->stamp, &now);
}

bool make_file_read(struct abi_call *c, uint32_t *flags)
{
	const struct agent_clone *k = NULL;
	uint64_t wanted = STATE->may_clone ? bytes_wanted(c) : 0;
	int64_t offset = 0;

	if (wanted >= CLONE_READ_MIN)
		k = clone_of((int)c->arg[0], wanted);
	if (k)
		offset = position(c);
	c->ret = call6(c);
	if (k && has_read(c, k, offset)) {
		STATE->file = k->file;
		STATE->part.offset = (uint64_t)offset;
		*flags = RECORD_CLONED;
	}
	return true;
}

/* --- replay --- */

/* By a descriptor of the trace's file, where there is one and calls can be made; -1 if not. */
static int64_t read_here(uint32_t file, uint64_t addr, const struct agent_part *part)
{
	const struct agent_file *f = &STATE->open_files[file % N_OPEN_FILES];

	if (!STATE->may_call || f->file != file)
		return -1;
	return untraced(__NR_pread64, f->fd, addr, part->size, part->offset, 0, 0);
}

/* Through memory of ours, so that the program's is written by an instruction, as watchpoints
 * expect. */
static int64_t read_by_tracer(uint32_t file, uint64_t addr, const struct agent_part *part)
{
	STATE->file = file;
	STATE->part = *part;
	agent_report(REPORT_PART);
	copy_user((void *)addr, (const void *)AGENT_ECHO, (uint64_t)STATE->result);
	return STATE->result;
}

void part_apply(uint32_t file, uint64_t addr, const struct agent_part *part)
{
	struct agent_part left = *part;

	while (left.size) {
		int64_t n = read_here(file, addr, &left);

		if (n <= 0)
			n = read_by_tracer(file, addr, &left);
		addr += (uint64_t)n;
		left.offset += (uint64_t)n;
		left.size -= (uint64_t)n;
	}
}
