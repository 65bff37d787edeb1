/*
 * Before a system call is made: the calls that are refused, emulated or changed because they could
 * not be recorded faithfully as they are. A row of `preparers` per call.
 */
#include "record/session.h"

#include "base/log.h"
#include "mem/layout.h"

#include <asm/prctl.h>
#include <asm/unistd_64.h>
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define ARCH_SET_CPUID_OPTION 0x1012 /* asm/prctl.h, ARCH_SET_CPUID */
#define ARCH_SHSTK_FIRST      0x5001 /* ARCH_SHSTK_ENABLE .. ARCH_SHSTK_STATUS */
#define ARCH_SHSTK_LAST	      0x5005
#define PR_SUD		      59 /* PR_SET_SYSCALL_USER_DISPATCH */

static void force(struct rtask *t, int64_t result)
{
	t->force_result = true;
	t->forced = result;
}

/* What is ours stays; natively nothing is there. */
static void prepare_munmap(struct recorder *rec, struct rtask *t)
{
	raddr_t start = t->call.arg[0], end = start + page_ceil(t->call.arg[1]);

	if (page_floor(start) != start || end <= start || end > TASK_SIZE_X86_64 ||
	    !filter_allows_remote(t) || !code_must_stay(rec, t, start, end))
		return;
	t->unmap_around = true;
	force(t, 0);
}

/* Nothing is mapped there for the program. */
static void prepare_protection(struct recorder *rec, struct rtask *t)
{
	raddr_t start = t->call.arg[0], end = start + page_ceil(t->call.arg[1]);

	if (overlaps_ours(start, end) && end > start)
		force(t, -ENOMEM);
}

/* MADV_FREE leaves it to chance what a page holds afterwards; MADV_DONTNEED is the allowed outcome
 * that can be repeated. Replay makes the same change. */
static void prepare_madvise(struct recorder *rec, struct rtask *t)
{
	prepare_protection(rec, t);
	if (t->call.arg[2] == MADV_FREE)
		regs_set_arg(task_regs_modify(&t->t), 2, MADV_DONTNEED);
}

/* We trap rdtsc by this very switch: the program sees its own idea of it. */
static void prepare_prctl(struct recorder *rec, struct rtask *t)
{
	int enabled = PR_TSC_ENABLE;

	switch ((int)t->call.arg[0]) {
	case PR_SET_TSC:
		force(t, t->call.arg[1] == PR_TSC_ENABLE || t->call.arg[1] == PR_TSC_SIGSEGV
				 ? 0
				 : -EINVAL);
		break;
	case PR_GET_TSC:
		force(t, mm_write(t->t.mm, t->call.arg[1], &enabled, sizeof(enabled)));
		break;
	case PR_SET_DUMPABLE:
		/* Its memory has to stay readable for us; all that the program can see is the flag.
		 */
		if (t->call.arg[1] > 1) {
			force(t, -EINVAL);
		} else {
			t->process->undumpable = !t->call.arg[1];
			force(t, 0);
		}
		break;
	case PR_GET_DUMPABLE:
		force(t, !t->process->undumpable);
		break;
	case PR_SET_SECCOMP:
		filter_prepare(t);
		break;
	/* The agent's filter, and the promise that it needs, are not the program's. */
	case PR_GET_SECCOMP:
		if (!t->filter_vdso && !t->strict)
			force(t, SECCOMP_MODE_DISABLED);
		break;
	case PR_SET_NO_NEW_PRIVS:
		t->process->no_new_privs |= t->call.arg[1] == 1 && !t->call.arg[2];
		break;
	case PR_GET_NO_NEW_PRIVS:
		if (!t->call.arg[1] && !t->call.arg[2])
			force(t, t->process->no_new_privs);
		break;
	case PR_SUD:
		force(t, -EINVAL);
		break;
	}
}

/* What it maps from now on is code as well, and what its children and their programs map. */
static void prepare_personality(struct recorder *rec, struct rtask *t)
{
	uint32_t persona = (uint32_t)t->call.arg[0];

	if (persona != UINT32_MAX && (persona & READ_IMPLIES_EXEC))
		rec->all_executable = true;
}

static void prepare_seccomp(struct recorder *rec, struct rtask *t)
{
	filter_prepare(t);
}

static void prepare_arch_prctl(struct recorder *rec, struct rtask *t)
{
	uint64_t option = t->call.arg[0];

	if (option == ARCH_SET_CPUID_OPTION)
		force(t, -ENODEV);
	else if (option >= ARCH_SHSTK_FIRST && option <= ARCH_SHSTK_LAST)
		force(t, -EOPNOTSUPP); /* the shadow stack is memory that we do not follow */
}

/* The tracees stay on the core that they share. */
static void prepare_setaffinity(struct recorder *rec, struct rtask *t)
{
	if (!rec->opt->unbound)
		force(t, 0);
}

static void prepare_clone(struct recorder *rec, struct rtask *t)
{
	uint64_t flags = t->call.arg[0];

	if (t->call.nr == __NR_clone3) {
		if (!mm_read(t->t.mm, t->call.arg[0], &flags, sizeof(flags)) &&
		    (flags & CLONE_UNTRACED))
			force(t, -EINVAL);
	} else if (t->call.nr == __NR_clone && (flags & CLONE_UNTRACED)) {
		regs_set_arg(task_regs_modify(&t->t), 0, flags & ~(uint64_t)CLONE_UNTRACED);
	}
}

/*
 * Replay needs its stub's two pages, and both runs the tick page. A device's memory changes unseen;
 * /dev/zero is no device in this sense.
 */
static void prepare_mmap(struct recorder *rec, struct rtask *t)
{
	raddr_t addr = t->call.arg[0];
	char path[64];
	struct stat st;

	if (overlaps_ours(addr, addr + t->call.arg[1])) {
		if (t->call.arg[3] & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
			force(t, -ENOMEM);
			return;
		}
		if (addr && addr < OURS_END)
			regs_set_arg(task_regs_modify(&t->t), 0, OURS_END);
	}
	if (t->call.arg[3] & MAP_ANONYMOUS)
		return;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", t->t.tid, (int)t->call.arg[4]);
	if (stat(path, &st) < 0 || S_ISREG(st.st_mode))
		return;
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 5))
		return;
	force(t, -ENODEV);
}

bool is_i386_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	unsigned char ident[EI_NIDENT] = {0};

	if (fd < 0)
		return false;
	if (pread(fd, ident, sizeof(ident), 0) < 0)
		ident[0] = 0;
	close(fd);
	return !memcmp(ident, ELFMAG, SELFMAG) && ident[EI_CLASS] == ELFCLASS32;
}

/* Whether the file that execve is to run, as the task sees it, is an i386 program. */
static bool is_32bit_program(struct rtask *t)
{
	const bool at = t->call.nr == __NR_execveat;
	struct buf path = BUF_INIT, name = BUF_INIT;
	bool is_32bit;

	if (mm_read_str(t->t.mm, t->call.arg[at ? 1 : 0], PATH_MAX, &name))
		buf_clear(&name);
	buf_addf(&path, "/proc/%d/", t->t.tid);
	if (name.len && name.data[0] == '/')
		buf_addstr(&path, "root");
	else if (at && (int)t->call.arg[0] != AT_FDCWD)
		buf_addf(&path, "fd/%d", (int)t->call.arg[0]);
	else
		buf_addstr(&path, "cwd");
	if (name.len)
		buf_addf(&path, "/%s", name.data);
	is_32bit = is_i386_file(path.data);
	buf_release(&path);
	buf_release(&name);
	return is_32bit;
}

/* A 32-bit program is refused as by a kernel without support for them. */
static void prepare_exec(struct recorder *rec, struct rtask *t)
{
	/* The other threads must be able to die before this call returns. */
	t->may_block = t->process->live > 1;
	if (is_32bit_program(t))
		force(t, -ENOEXEC);
	else if (t->may_block)
		t->process->execing = t;
}

/* Data that moves between files unseen cannot be echoed by replay; programs fall back to write(2).
 */
static void refuse_to_stdio(struct recorder *rec, struct rtask *t, int arg)
{
	if (output_stream(rec, t, t->call.arg[arg]))
		force(t, -EINVAL);
}

static void prepare_out_arg0(struct recorder *rec, struct rtask *t)
{
	refuse_to_stdio(rec, t, 0);
}

static void prepare_out_arg1(struct recorder *rec, struct rtask *t)
{
	refuse_to_stdio(rec, t, 1);
}

static void prepare_out_arg2(struct recorder *rec, struct rtask *t)
{
	refuse_to_stdio(rec, t, 2);
}

static void prepare_wait(struct recorder *rec, struct rtask *t)
{
	int64_t result;

	if (attach_wait(rec, t, &result))
		force(t, result);
}

static const struct preparer {
	int nr;
	void (*fn)(struct recorder *rec, struct rtask *t);
} preparers[] = {
	{__NR_madvise, prepare_madvise},
	{__NR_munmap, prepare_munmap},
	{__NR_mprotect, prepare_protection},
	{__NR_pkey_mprotect, prepare_protection},
	{__NR_prctl, prepare_prctl},
	{__NR_seccomp, prepare_seccomp},
	{__NR_personality, prepare_personality},
	{__NR_arch_prctl, prepare_arch_prctl},
	{__NR_sched_setaffinity, prepare_setaffinity},
	{__NR_clone, prepare_clone},
	{__NR_clone3, prepare_clone},
	{__NR_mmap, prepare_mmap},
	{__NR_wait4, prepare_wait},
	{__NR_waitid, prepare_wait},
	{__NR_execve, prepare_exec},
	{__NR_execveat, prepare_exec},
	{__NR_sendfile, prepare_out_arg0},
	{__NR_vmsplice, prepare_out_arg0},
	{__NR_tee, prepare_out_arg1},
	{__NR_splice, prepare_out_arg2},
	{__NR_copy_file_range, prepare_out_arg2},
};

#define MAX_NR 512

static const struct preparer *find_preparer(int nr)
{
	static int8_t index[MAX_NR]; /* 1-based */
	static bool built;

	if (!built) {
		for (size_t i = 0; i < ARRAY_SIZE(preparers); i++)
			index[preparers[i].nr] = i + 1;
		built = true;
	}
	return nr >= 0 && nr < MAX_NR && index[nr] ? &preparers[index[nr] - 1] : NULL;
}

/* Tell the reader of the terminal who writes (-M). The text is ours, not the tracee's. */
static void mark_output(struct recorder *rec, struct rtask *t)
{
	dprintf(t->echo_fd, "[rr %d %llu]", t->t.tgid,
		(unsigned long long)trace_writer_last_event(rec->trace) + 1);
}

void syscall_prepare(struct recorder *rec, struct rtask *t)
{
	const struct preparer *p = find_preparer(t->call.nr);

	if (!t->row)
		return;
	if (t->row->class == SYS_REFUSED) {
		force(t, -ENOSYS);
		return;
	}
	if (t->row->class == SYS_PTRACE) {
		force(t, attach_request(rec, t));
		return;
	}
	if (t->row->flags & SYSF_OUTPUT) {
		int refused;

		t->echo_fd = output_stream(rec, t, t->call.arg[0]);
		refused = proc_mem_prepare(rec, t);
		if (refused)
			force(t, refused);
		/* Nobody else may write in between: the order of output is the order of events. */
		if (t->echo_fd) {
			t->may_block = false;
			if (rec->opt->mark_stdio)
				mark_output(rec, t);
		}
	}
	if (p)
		p->fn(rec, t);
}
