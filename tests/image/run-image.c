/*
 * Run a program with the images of itself, its dynamic loader and all its libraries mapped in place
 * of their texts: what the recorder does, in little and without recording, so that instrumented
 * code can be tried and timed alone.
 *
 * usage: run-image [-n] [-v] [-l] [-p] [-t TICKS] PROG ARGS...
 *   -n  map nothing: the time to compare with
 *   -t  let it trap after so many ticks each time
 *   -l  move the task to the logical address at each trap, as if for a signal
 *   -p  say where most of the traps were
 *   -v  say what is mapped, and count ticks
 *
 * All tasks share one tick page and may run one at a time only: they are pinned to one processor
 * and, where that is allowed, run as SCHED_FIFO, so that they switch in system calls only.
 */
#include "base/io.h"
#include "base/log.h"
#include "base/map.h"
#include "image/image.h"
#include "pass.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A file that was instrumented; kept, as other processes map it as well. */
struct file {
	char *path;
	struct image *im; /* NULL: nothing to map */
	int fd;
	uint64_t stub_offset;
	int64_t placed;
};

struct mapped {
	struct file *file;
	uint64_t bias;
};

struct process {
	pid_t pid;
	struct mapped v[256];
	size_t n;
};

static bool native, verbose, logical, profile;
static int64_t slice = (int64_t)1 << 62;
static uint64_t ticks, stops, moved;
static struct tick_page *page;
static int page_fd;
static struct file *files[4096];
static size_t n_files;
static struct map processes = MAP_INIT; /* by pid of any task; forks copy */
static struct map started = MAP_INIT;
static struct map places = MAP_INIT; /* of traps: how many */

static void build(struct file *f, int64_t stub_vaddr)
{
	struct image_options opt = {.placed = stub_vaddr != 0, .stub_vaddr = stub_vaddr};
	struct buf b = BUF_INIT;
	uint64_t off = 0;

	if (read_file(f->path, &b) || image_build(b.data, b.len, &opt, &f->im)) {
		buf_release(&b);
		return;
	}
	buf_release(&b);
	f->fd = memfd_create("image", 0);
	for (size_t k = 0; k < f->im->n_texts; k++) {
		struct image_text *t = &f->im->texts[k];

		t->offset = off;
		if (pwrite_full(f->fd, t->bytes, t->size, off))
			die("write");
		off += t->size;
	}
	f->stub_offset = off;
	if (f->im->stub_size && pwrite_full(f->fd, f->im->stubs, f->im->stub_size, off))
		die("write");
	if (verbose)
		fprintf(stderr, "run-image: %s: text %#llx, stubs %#llx at %#llx\n", f->path,
			(unsigned long long)f->im->stats.text_bytes,
			(unsigned long long)f->im->stub_size,
			(unsigned long long)f->im->stub_vaddr);
}

static struct file *file_of(const char *path, int64_t stub_vaddr)
{
	struct file *f;

	for (size_t k = 0; k < n_files; k++) {
		if (!strcmp(files[k]->path, path) && files[k]->placed == stub_vaddr)
			return files[k];
	}
	if (n_files == ARRAY_SIZE(files))
		die("too many files");
	f = files[n_files++] = xcalloc(1, sizeof(*f));
	f->path = xstrdup(path);
	f->fd = -1;
	f->placed = stub_vaddr;
	build(f, stub_vaddr);
	return f;
}

/* --- remote calls --- */

static void poke(pid_t t, uint64_t at, const void *data, size_t n)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "/proc/%d/mem", t);
	fd = open(name, O_RDWR | O_CLOEXEC);
	if (fd < 0 || pwrite(fd, data, n, (off_t)at) != (ssize_t)n)
		die("cannot write to %d at %#llx", t, (unsigned long long)at);
	close(fd);
}

static void peek(pid_t t, uint64_t at, void *data, size_t n)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "/proc/%d/mem", t);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pread(fd, data, n, (off_t)at) != (ssize_t)n)
		die("cannot read from %d at %#llx", t, (unsigned long long)at);
	close(fd);
}

static void wait_stop(pid_t t, int *status)
{
	if (waitpid(t, status, __WALL) != t)
		die("waitpid: %m");
	if (!WIFSTOPPED(*status))
		die("the task died early");
}

/* Run to the end of the system call whose instruction is at `pc`. */
static int64_t remote(pid_t t, uint64_t pc, long nr, const uint64_t a[6])
{
	struct user_regs_struct old, r;
	struct __ptrace_syscall_info info;
	int status;

	ptrace(PTRACE_GETREGS, t, 0, &old);
	r = old;
	r.rip = pc;
	r.rax = (uint64_t)nr;
	r.orig_rax = (uint64_t)-1;
	r.rdi = a[0], r.rsi = a[1], r.rdx = a[2], r.r10 = a[3], r.r8 = a[4], r.r9 = a[5];
	ptrace(PTRACE_SETREGS, t, 0, &r);
	do {
		ptrace(PTRACE_SYSCALL, t, 0, 0);
		wait_stop(t, &status);
		ptrace(PTRACE_GET_SYSCALL_INFO, t, sizeof(info), &info);
	} while (info.op != PTRACE_SYSCALL_INFO_EXIT);
	ptrace(PTRACE_GETREGS, t, 0, &r);
	ptrace(PTRACE_SETREGS, t, 0, &old);
	return (int64_t)r.rax;
}

static int64_t remote_open(pid_t t, uint64_t pc, int fd)
{
	struct user_regs_struct r;
	char name[64];
	uint64_t at;

	snprintf(name, sizeof(name), "/proc/%d/fd/%d", getpid(), fd);
	ptrace(PTRACE_GETREGS, t, 0, &r);
	at = (r.rsp - 4096) & ~15ULL;
	poke(t, at, name, sizeof(name));
	return remote(t, pc, SYS_openat,
		      (uint64_t[]){(uint64_t)AT_FDCWD, at, O_RDWR | O_CLOEXEC, 0, 0, 0});
}

static int64_t remote_map(pid_t t, uint64_t pc, uint64_t at, uint64_t size, int prot, int flags,
			  int64_t fd, uint64_t off)
{
	return remote(t, pc, SYS_mmap,
		      (uint64_t[]){at, size, (uint64_t)prot, (uint64_t)flags, (uint64_t)fd, off});
}

static void map_page(pid_t t, uint64_t pc)
{
	int64_t fd = remote_open(t, pc, page_fd);

	if (fd < 0 || remote_map(t, pc, TICK_PAGE, PAGE_SIZE_BYTES, PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_FIXED, fd, 0) != (int64_t)TICK_PAGE)
		die("cannot map the tick page");
	if (remote_map(t, pc, AGENT_CODE, PAGE_SIZE_BYTES, PROT_READ | PROT_EXEC,
		       MAP_PRIVATE | MAP_FIXED, fd, PAGE_SIZE_BYTES) != (int64_t)AGENT_CODE)
		die("cannot map what stands for the agent");
	remote(t, pc, SYS_close, (uint64_t[]){(uint64_t)fd, 0, 0, 0, 0, 0});
}

/* false: something is where the stubs would be. */
static bool map_image(struct process *p, pid_t t, uint64_t pc, struct file *f, uint64_t bias)
{
	int64_t fd, stub;

	if (!f->im || !f->im->stub_size)
		return true;
	for (size_t k = 0; k < p->n; k++) {
		if (p->v[k].file == f && p->v[k].bias == bias)
			return true;
	}
	fd = remote_open(t, pc, f->fd);
	if (fd < 0)
		die("remote open: %lld", (long long)fd);
	stub = remote_map(t, pc, bias + (uint64_t)f->im->stub_vaddr, f->im->stub_size,
			  PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED_NOREPLACE, fd,
			  f->stub_offset);
	if (stub != (int64_t)(bias + (uint64_t)f->im->stub_vaddr)) {
		remote(t, pc, SYS_close, (uint64_t[]){(uint64_t)fd, 0, 0, 0, 0, 0});
		return false;
	}
	for (size_t k = 0; k < f->im->n_texts; k++) {
		const struct image_text *x = &f->im->texts[k];

		if (remote_map(t, pc, bias + x->vaddr, x->size, PROT_READ | PROT_EXEC,
			       MAP_PRIVATE | MAP_FIXED, fd,
			       x->offset) != (int64_t)(bias + x->vaddr))
			die("cannot map the text of %s", f->path);
	}
	remote(t, pc, SYS_close, (uint64_t[]){(uint64_t)fd, 0, 0, 0, 0, 0});
	if (p->n == ARRAY_SIZE(p->v))
		die("too many libraries");
	p->v[p->n++] = (struct mapped){.file = f, .bias = bias};
	return true;
}

/* What was mapped at `at` from `path`: a text of it? */
static void take_mapping(struct process *p, pid_t t, uint64_t pc, uint64_t at, uint64_t off,
			 const char *path)
{
	/* Below the loader lies the vDSO. */
	struct file *f = file_of(path, strstr(path, "/ld-") ? -(64 << 20) : 0);

	if (!f->im)
		return;
	for (size_t k = 0; k < f->im->n_texts; k++) {
		if (f->im->texts[k].file_offset == off) {
			if (map_image(p, t, pc, f, at - f->im->texts[k].vaddr))
				return;
			f = file_of(path, -(1024LL << 20));
			if (!f->im || !map_image(p, t, pc, f, at - f->im->texts[k].vaddr))
				fprintf(stderr, "run-image: no room for stubs of %s\n", path);
			return;
		}
	}
}

/* --- events --- */

static struct process *process_of(pid_t t)
{
	struct process *p = map_get_ptr(&processes, (uint64_t)t);

	if (!p) {
		p = xcalloc(1, sizeof(*p));
		p->pid = t;
		map_set_ptr(&processes, (uint64_t)t, p);
	}
	return p;
}

static void at_exec(pid_t t)
{
	struct process *p = xcalloc(1, sizeof(*p));
	static const uint8_t syscall_insn[] = {0x0f, 0x05};
	struct user_regs_struct r;
	struct buf maps = BUF_INIT;
	uint8_t kept[2];
	char name[64];
	int status;

	map_set_ptr(&processes, (uint64_t)t, p);
	/* to the end of execve */
	ptrace(PTRACE_SYSCALL, t, 0, 0);
	wait_stop(t, &status);
	ptrace(PTRACE_GETREGS, t, 0, &r);
	snprintf(name, sizeof(name), "/proc/%d/maps", t);
	if (read_file(name, &maps))
		die("%s", name);
	/* Twice: a mapping changes where the next one may be. */
	peek(t, r.rip, kept, 2);
	poke(t, r.rip, syscall_insn, 2);
	map_page(t, r.rip);
	for (char *line = maps.data, *next; *line; line = next) {
		unsigned long long start, end, off;
		char perms[5], path[1024] = "";

		next = strchr(line, '\n') + 1;
		next[-1] = 0;
		if (sscanf(line, "%llx-%llx %4s %llx %*s %*s %1023[^\n]", &start, &end, perms, &off,
			   path) < 4 ||
		    perms[2] != 'x' || path[0] != '/')
			continue;
		/* Our system-call instruction lies in the text that goes: take it along. */
		if (r.rip >= start && r.rip < end) {
			struct file *f = file_of(path, strstr(path, "/ld-") ? -(64 << 20) : 0);
			uint8_t old[2];

			if (!f->im || !f->im->n_texts || !f->im->stub_size)
				continue;
			/* in the file itself, for the time being */
			uint64_t in_file = r.rip - start;
			if (pread(f->fd, old, 2, (off_t)in_file) != 2 ||
			    pwrite(f->fd, syscall_insn, 2, (off_t)in_file) != 2)
				die("patch");
			poke(t, r.rip, syscall_insn, 2);
			take_mapping(p, t, r.rip, start, off, path);
			if (pwrite(f->fd, old, 2, (off_t)in_file) != 2)
				die("patch");
			memcpy(kept, old, 2);
		} else {
			take_mapping(p, t, r.rip, start, off, path);
		}
	}
	poke(t, r.rip, kept, 2);
	buf_release(&maps);
}

/* At a mmap of executable file pages: let it end, and map the image over it. */
static void at_mmap(pid_t t)
{
	struct __ptrace_syscall_info info;
	struct user_regs_struct r;
	char name[64], path[4096];
	uint64_t off;
	ssize_t n;
	int status, fd;

	ptrace(PTRACE_GETREGS, t, 0, &r);
	off = r.r9;
	fd = (int)r.r8;
	snprintf(name, sizeof(name), "/proc/%d/fd/%d", t, fd);
	n = readlink(name, path, sizeof(path) - 1);
	do {
		ptrace(PTRACE_SYSCALL, t, 0, 0);
		wait_stop(t, &status);
		ptrace(PTRACE_GET_SYSCALL_INFO, t, sizeof(info), &info);
	} while (info.op != PTRACE_SYSCALL_INFO_EXIT);
	ptrace(PTRACE_GETREGS, t, 0, &r);
	if (n <= 0 || (int64_t)r.rax < 0)
		return;
	path[n] = 0;
	if (path[0] == '/' && !strstr(path, "(deleted)"))
		take_mapping(process_of(t), t, r.rip - 2, r.rax, off, path);
}

static struct image_point find(const struct process *p, uint64_t pc, uint64_t *bias)
{
	for (size_t k = 0; k < p->n; k++) {
		struct image_point at = image_find(p->v[k].file->im, pc - p->v[k].bias);

		*bias = p->v[k].bias;
		if (at.where != IMAGE_OUTSIDE)
			return at;
	}
	return (struct image_point){.where = IMAGE_OUTSIDE};
}

static void note_place(const struct process *p, uint64_t vaddr, uint64_t bias)
{
	uint64_t n = 0;

	for (size_t k = 0; k < p->n; k++) {
		if (p->v[k].bias != bias)
			continue;
		for (size_t f = 0; f < n_files; f++) {
			if (files[f] != p->v[k].file)
				continue;
			map_get(&places, vaddr | (uint64_t)f << 48, &n);
			map_set(&places, vaddr | (uint64_t)f << 48, n + 1);
		}
	}
}

static void show_places(void)
{
	for (int k = 0; k < 25; k++) {
		struct map_slot *best = NULL;

		map_for_each (&places, s) {
			if (!best || s->value > best->value)
				best = s;
		}
		if (!best || !best->value)
			return;
		fprintf(stderr, "%8llu %s %#llx\n", (unsigned long long)best->value,
			files[best->key >> 48]->path,
			(unsigned long long)(best->key & 0xffffffffffff));
		best->value = 0;
	}
}

static bool at_trap(pid_t t)
{
	struct user_regs_struct r;
	struct image_point at;
	uint64_t bias;

	ptrace(PTRACE_GETREGS, t, 0, &r);
	at = find(process_of(t), r.rip - 1, &bias);
	if (at.where != IMAGE_TRAP)
		return false;
	/* > 0: another task trapped as well before this one was seen. */
	ticks += (uint64_t)(slice - page->remaining);
	stops++;
	page->remaining = slice;
	if (profile)
		note_place(process_of(t), at.original, bias);
	r.rip = (logical ? at.original : at.resume) + bias;
	moved += logical;
	ptrace(PTRACE_SETREGS, t, 0, &r);
	return true;
}

/* At the end of a call, which may have been interrupted: to where the program knows it to be. */
static bool leave_call(pid_t t, struct user_regs_struct *r)
{
	uint8_t insn[2] = {0};
	uint64_t bias;
	struct image_point at = find(process_of(t), r->rip, &bias);

	if (at.where != IMAGE_CODE)
		return false;
	peek(t, at.original + bias - 2, insn, sizeof(insn));
	if (insn[0] != 0x0f || insn[1] != 0x05)
		return false;
	r->rip = at.original + bias;
	ptrace(PTRACE_SETREGS, t, 0, r);
	return true;
}

/* Before a signal's handler runs: out of stubs. */
static void leave_stub(pid_t t)
{
	for (int n = 0; n < 1000; n++) {
		struct user_regs_struct r;
		uint64_t bias;
		int status;

		ptrace(PTRACE_GETREGS, t, 0, &r);
		if (!in_agent(r.rip) && find(process_of(t), r.rip, &bias).where == IMAGE_OUTSIDE)
			return;
		if (leave_call(t, &r))
			return;
		if (ptrace(PTRACE_SINGLESTEP, t, 0, 0))
			return;
		if (waitpid(t, &status, __WALL) != t || !WIFSTOPPED(status))
			return;
		if (WSTOPSIG(status) != SIGTRAP)
			return;
		at_trap(t);
	}
}

static int at_signal(pid_t t, int sig)
{
	if (sig == SIGTRAP && at_trap(t))
		return 0;
	if (sig == SIGSTOP && !map_get_ptr(&started, (uint64_t)t)) {
		map_set_ptr(&started, (uint64_t)t, &started);
		return 0;
	}
	if (sig == SIGSEGV || sig == SIGILL || sig == SIGBUS || sig == SIGTRAP || sig == SIGFPE) {
		struct user_regs_struct r;
		uint64_t bias = 0;

		ptrace(PTRACE_GETREGS, t, 0, &r);
		if (verbose) {
			struct image_point at = find(process_of(t), r.rip, &bias);

			fprintf(stderr,
				"run-image: %d: signal %d at %#llx (where %d, original %#llx, bias %#llx)\n",
				t, sig, (unsigned long long)r.rip, at.where,
				(unsigned long long)at.original, (unsigned long long)bias);
		}
		return sig;
	}
	if (!native)
		leave_stub(t);
	return sig;
}

static void at_new_task(pid_t t, int event)
{
	unsigned long child;
	struct process *p;

	ptrace(PTRACE_GETEVENTMSG, t, 0, &child);
	if (event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_VFORK) {
		/* shares memory, mostly */
		map_set_ptr(&processes, child, process_of(t));
		return;
	}
	p = xmalloc(sizeof(*p));
	*p = *process_of(t);
	p->pid = (pid_t)child;
	map_set_ptr(&processes, child, p);
}

static void start(char **argv)
{
	static const struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 7),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[3])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MAP_ANONYMOUS, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {.len = ARRAY_SIZE(filter), .filter = (void *)filter};
	struct sched_param param = {.sched_priority = 1};

	personality(ADDR_NO_RANDOMIZE);
	if (!getenv("RUN_IMAGE_NO_FIFO"))
		sched_setscheduler(0, SCHED_FIFO, &param);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	ptrace(PTRACE_TRACEME, 0, 0, 0);
	raise(SIGSTOP);
	if (!native && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		die("seccomp: %m");
	execvp(argv[0], argv);
	die("%s: %m", argv[0]);
}

static int loop(pid_t main_pid)
{
	int result = 0;

	for (;;) {
		int status, sig = 0;
		pid_t t = waitpid(-1, &status, __WALL);

		if (t < 0)
			return result;
		if (!WIFSTOPPED(status)) {
			if (t == main_pid)
				result = WIFEXITED(status) ? WEXITSTATUS(status)
							   : 128 + WTERMSIG(status);
			continue;
		}
		switch (status >> 16) {
		case 0:
			sig = at_signal(t, WSTOPSIG(status));
			break;
		case PTRACE_EVENT_EXEC:
			if (!native)
				at_exec(t);
			break;
		case PTRACE_EVENT_SECCOMP:
			at_mmap(t);
			break;
		case PTRACE_EVENT_FORK:
		case PTRACE_EVENT_VFORK:
		case PTRACE_EVENT_CLONE:
			at_new_task(t, status >> 16);
			break;
		default: /* a group stop */
			break;
		}
		ptrace(PTRACE_CONT, t, 0, sig);
	}
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	struct rusage u;
	cpu_set_t cpu;
	double begin;
	int opt, status, result;
	pid_t pid;

	while ((opt = getopt(argc, argv, "+nvlpt:")) != -1) {
		switch (opt) {
		case 'n':
			native = true;
			break;
		case 'v':
			verbose = true;
			break;
		case 'p':
			profile = true;
			break;
		case 'l':
			logical = true;
			break;
		case 't':
			slice = strtoll(optarg, NULL, 0);
			break;
		default:
			return 2;
		}
	}
	if (!argv[optind])
		return 2;
	page_fd = memfd_create("ticks", 0);
	if (ftruncate(page_fd, 2 * PAGE_SIZE_BYTES) ||
	    pwrite_full(page_fd, pass_through, sizeof(pass_through), PAGE_SIZE_BYTES))
		die("memfd: %m");
	page = mmap(NULL, PAGE_SIZE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, page_fd, 0);
	page->remaining = slice;
	pass_enter(page);
	sched_getaffinity(0, sizeof(cpu), &cpu);
	for (int k = 0, seen = 0; k < CPU_SETSIZE; k++) {
		if (CPU_ISSET(k, &cpu) && seen++)
			CPU_CLR(k, &cpu);
	}
	sched_setaffinity(0, sizeof(cpu), &cpu);
	begin = now();
	pid = fork();
	if (!pid)
		start(argv + optind);
	waitpid(pid, &status, 0);
	ptrace(PTRACE_SETOPTIONS, pid, 0,
	       PTRACE_O_TRACEEXEC | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK |
		       PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL |
		       PTRACE_O_TRACESYSGOOD);
	map_set_ptr(&started, (uint64_t)pid, &started);
	ptrace(PTRACE_CONT, pid, 0, 0);
	result = loop(pid);
	begin = now() - begin;
	ticks += (uint64_t)(slice - page->remaining);
	if (profile)
		show_places();
	getrusage(RUSAGE_CHILDREN, &u);
	if (verbose || getenv("RUN_IMAGE_STATS"))
		fprintf(stderr,
			"run-image: user %.3f s, real %.3f s, %llu ticks (%.1f M/s), %llu stops, status %d\n",
			(double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec / 1e6, begin,
			(unsigned long long)ticks,
			(double)ticks / 1e6 /
				((double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec / 1e6),
			(unsigned long long)stops, result);
	return result;
}
