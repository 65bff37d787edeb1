/*
 * Writes a small trace with an event of each kind, and a tree of tasks with what is unusual in it:
 * a thread, a fork without exec, a death by signal, a process whose end is not recorded, words that
 * need quoting. So the commands that look at traces are tested without recording.
 *
 * make_trace DIR [unfinished]
 */
#include "abi/regs.h"
#include "base/log.h"
#include "trace/trace.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROOT	   1000
#define THREAD	   1001
#define FORKED	   1002
#define GRANDCHILD 1003
#define UNENDED	   1004

#define SECOND	   1000000000ULL

static struct trace_writer *writer;
static uint64_t now_ns = SECOND;

static const char *const argv[] = {"./prog", "a b", "it's", "new\nline", "\xff\xc3\xa4", "", NULL};
static const char *const child_argv[] = {"/bin/true", NULL};
static const char *const second_argv[] = {"/bin/second", "exec", NULL};
static const char *const envp[] = {"A=1", "QUOTE=\"\\\t\x01\x7f", "LATIN=\xe4", NULL};

static event_t add(struct trace_event ev)
{
	event_t number = 0;

	now_ns += SECOND / 1000;
	ev.time_ns = now_ns;
	if (trace_writer_event(writer, &ev, &number))
		die("cannot write an event");
	return number;
}

static void add_task(struct trace_task task)
{
	if (trace_writer_task(writer, &task))
		die("cannot write a task");
}

static struct trace_bytes bytes_of(const void *data, size_t len)
{
	return (struct trace_bytes){data, len};
}

static struct regs call_regs(long nr, uint64_t a, uint64_t b, uint64_t c)
{
	struct regs r = {.u = {.cs = 0x33, .rip = 0x401000, .rsp = 0x7ffffff000}};

	r.u.orig_rax = (unsigned long long)nr;
	r.u.rax = (unsigned long long)-ENOSYS;
	r.u.rdi = a;
	r.u.rsi = b;
	r.u.rdx = c;
	return r;
}

static void add_exec(pid_t tid, const char *exe, const char *const *words)
{
	static const char fpregs[576];
	const struct trace_mapping maps[] = {
		{.start = 0x400000,
		 .end = 0x402000,
		 .prot = PROT_READ | PROT_EXEC,
		 .flags = MAP_PRIVATE,
		 .source = MAP_FROM_FILE,
		 .offset = 0x1000,
		 .file_size = 0x3000,
		 .dev = 5,
		 .ino = 77,
		 .name = exe},
		{.start = 0x7ffffde000,
		 .end = 0x7ffffff000,
		 .prot = PROT_READ | PROT_WRITE,
		 .flags = MAP_PRIVATE,
		 .source = MAP_FROM_ZERO,
		 .name = "[stack]"},
	};
	struct trace_mapping saved[ARRAY_SIZE(maps)];
	struct regs r = call_regs(SYS_execve, 0, 0, 0);
	uint32_t file;
	event_t n;

	memcpy(saved, maps, sizeof(maps));
	if (trace_writer_save_bytes(writer,
				    "\x7f"
				    "ELF",
				    4, &file))
		die("cannot save bytes");
	saved[0].file = file;
	n = add((struct trace_event){.type = EV_EXEC,
				     .tid = tid,
				     .syscall = SYS_execve,
				     .regs_after = bytes_of(&r, sizeof(r)),
				     .fpregs = bytes_of(fpregs, sizeof(fpregs)),
				     .maps = saved,
				     .n_maps = ARRAY_SIZE(saved)});
	add_task((struct trace_task){
		.kind = TASK_EXEC, .event = n, .tid = tid, .tgid = tid, .exe = exe, .argv = words});
}

static void add_clone(pid_t tid, pid_t child, pid_t tgid, uint64_t flags)
{
	event_t n = add((struct trace_event){.type = EV_CLONE,
					     .tid = tid,
					     .syscall = SYS_clone,
					     .child_tid = child,
					     .clone_flags = flags});

	add_task((struct trace_task){.kind = TASK_CLONE,
				     .event = n,
				     .tid = child,
				     .tgid = tgid,
				     .parent_tid = tid,
				     .clone_flags = flags});
}

static void add_exit(pid_t tid, pid_t tgid, int status)
{
	event_t n = add((struct trace_event){.type = EV_EXIT, .tid = tid, .exit_status = status});

	add_task((struct trace_task){
		.kind = TASK_EXIT, .event = n, .tid = tid, .tgid = tgid, .exit_status = status});
}

static void add_calls(void)
{
	static const char data[] = "hello, this is more than sixteen bytes";
	struct regs r = call_regs(SYS_read, 3, 0x7fffffe000, 100);
	const struct trace_write w = {.addr = 0x7fffffe000, .bytes = {data, sizeof(data)}};
	const struct trace_file_write fw = {
		.file = 1, .offset = 4096, .size = 8192, .bytes = {data, 5}};

	add((struct trace_event){.type = EV_SYSCALL,
				 .tid = ROOT,
				 .syscall = SYS_read,
				 .regs = bytes_of(&r, sizeof(r)),
				 .result = sizeof(data),
				 .writes = &w,
				 .n_writes = 1});
	add((struct trace_event){.type = EV_SYSCALL_ENTRY,
				 .tid = THREAD,
				 .syscall = SYS_read,
				 .regs = bytes_of(&r, sizeof(r))});
	r = call_regs(SYS_write, 1, 0x401800, 5);
	add((struct trace_event){.type = EV_SYSCALL,
				 .tid = ROOT,
				 .syscall = SYS_write,
				 .regs = bytes_of(&r, sizeof(r)),
				 .result = 5,
				 .echo_fd = 1,
				 .file_writes = &fw,
				 .n_file_writes = 1});
	r = call_regs(-1, 3, 0x7fffffe000, 100);
	add((struct trace_event){.type = EV_SYSCALL_EXIT,
				 .tid = THREAD,
				 .syscall = SYS_read,
				 .regs = bytes_of(&r, sizeof(r)),
				 .result = -EBADF});
	/* Without registers, and of a number that no kernel has. */
	add((struct trace_event){
		.type = EV_SYSCALL, .tid = ROOT, .syscall = 99999, .result = -ENOSYS});
}

static void add_signals(void)
{
	struct regs handler = call_regs(-1, 0, 0, 0);
	siginfo_t si = {.si_signo = SIGSEGV, .si_code = SEGV_MAPERR};

	si.si_addr = (void *)0x1234;
	handler.u.rip = 0x401234;
	add((struct trace_event){.type = EV_SIGNAL,
				 .tid = ROOT,
				 .signo = SIGSEGV,
				 .synchronous = true,
				 .action = SIGNAL_HANDLER,
				 .siginfo = bytes_of(&si, sizeof(si)),
				 .regs_after = bytes_of(&handler, sizeof(handler))});
	si = (siginfo_t){.si_signo = SIGTERM, .si_code = SI_USER};
	si.si_pid = 77;
	add((struct trace_event){.type = EV_SIGNAL,
				 .tid = GRANDCHILD,
				 .signo = SIGTERM,
				 .action = SIGNAL_FATAL,
				 .siginfo = bytes_of(&si, sizeof(si))});
	add((struct trace_event){
		.type = EV_SIGNAL, .tid = ROOT, .signo = SIGWINCH, .action = SIGNAL_IGNORED});
}

static void add_instructions(void)
{
	struct regs before = call_regs(-1, 0, 0, 0), after = before;

	before.u.rax = 7;
	after.u.rip += 2;
	after.u.rax = 0x10;
	after.u.rdx = 2;
	add((struct trace_event){.type = EV_INSN,
				 .tid = ROOT,
				 .regs = bytes_of(&before, sizeof(before)),
				 .regs_after = bytes_of(&after, sizeof(after))});
	after.u.rbx = 0xb;
	after.u.rcx = 0xc;
	add((struct trace_event){.type = EV_INSN,
				 .tid = ROOT,
				 .regs = bytes_of(&before, sizeof(before)),
				 .regs_after = bytes_of(&after, sizeof(after))});
	add((struct trace_event){.type = EV_SCHED,
				 .tid = ROOT,
				 .ticks = 4321,
				 .regs = bytes_of(&before, sizeof(before))});
}

int main(int argc, char **args)
{
	static const struct trace_cpuid cpuid[] = {{1, 0, 2, 3, 4, 5}, {7, 1, 0xffffffff, 0, 0, 6}};
	struct trace_info info = {
		.format = TRACE_FORMAT,
		.build = "test",
		.arch = ARCH_X86_64,
		.ticks = "none",
		.kernel = "6.0",
		.uuid = "00112233445566778899aabbccddeeff",
		.bound_cpu = -1,
		.cpuid = cpuid,
		.n_cpuid = ARRAY_SIZE(cpuid),
		.xsave_size = 576,
		.xcr0 = 7,
		.start_time_ns = 1700000000 * SECOND,
		.start_monotonic_ns = SECOND,
		.exe = "/tmp/prog",
		.cwd = "/tmp",
		.argv = argv,
		.envp = envp,
	};
	struct trace_writer_options opt = {.dir = args[1]};

	if (argc < 2)
		die("usage: make_trace DIR [unfinished]");
	if (trace_writer_open(&writer, &opt, &info))
		return 1;
	add_task((struct trace_task){.kind = TASK_START, .event = 1, .tid = ROOT, .tgid = ROOT});
	add_exec(ROOT, "/tmp/prog", argv);
	add_clone(ROOT, THREAD, ROOT,
		  CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD);
	add_calls();
	add_clone(THREAD, FORKED, FORKED, SIGCHLD);
	add_clone(FORKED, GRANDCHILD, GRANDCHILD, SIGCHLD);
	add_exec(GRANDCHILD, "/bin/true", child_argv);
	add_exec(GRANDCHILD, "/bin/second", second_argv);
	add_clone(ROOT, UNENDED, UNENDED, SIGCHLD | CLONE_VM | CLONE_VFORK);
	add_signals();
	add_instructions();
	add_exit(GRANDCHILD, GRANDCHILD, SIGTERM);
	add_exit(FORKED, FORKED, 0);
	add_exit(THREAD, ROOT, 0);
	add_exit(ROOT, ROOT, 3 << 8);
	if (argc > 2) {
		/* As if killed: what was given so far may reach the disk or not. */
		trace_writer_flush(writer);
		_exit(0);
	}
	return trace_writer_close(writer) ? 1 : 0;
}
