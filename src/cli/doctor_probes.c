/*
 * Probes of the kernel and the CPU. What a sandbox, a container or a hypervisor forbids shows only
 * when it is tried, so each thing is really done: tracing, to a child that the recorder's own means
 * start; settings of a thread, in a thread that is thrown away.
 */
#include "cli/doctor.h"

#include "base/io.h"
#include "task/task.h"
#include "ticks/ticks.h"

#include <asm/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* --- in a thread: CPUID, TSC, seccomp and personality are the thread's own --- */

static void *call_probe(void *fn)
{
	return (void *)(intptr_t)((int (*)(void))fn)();
}

/* The result of `fn`, called in a thread of its own; -1 if there can be none. */
static int run_in_thread(int (*fn)(void))
{
	pthread_t thread;
	void *result;

	if (pthread_create(&thread, NULL, call_probe, (void *)fn))
		return -1;
	pthread_join(thread, &result);
	return (int)(intptr_t)result;
}

static sigjmp_buf fault_jump;

static void on_fault(int signo)
{
	siglongjmp(fault_jump, 1);
}

/* Whether `fn` raises SIGSEGV. */
static bool faults(void (*fn)(void))
{
	struct sigaction sa = {.sa_handler = on_fault}, old;
	bool faulted = true;

	sigaction(SIGSEGV, &sa, &old);
	if (!sigsetjmp(fault_jump, 1)) {
		fn();
		faulted = false;
	}
	sigaction(SIGSEGV, &old, NULL);
	return faulted;
}

/* The number in a file of /proc/sys; -1 if there is none. */
static long sysctl_number(const char *path)
{
	struct buf text = BUF_INIT;
	long v = -1;

	if (!read_file(path, &text) && text.len)
		v = strtol(buf_str(&text), NULL, 10);
	buf_release(&text);
	return v;
}

static void remedy_ptrace(long scope, struct buf *remedy)
{
	if (scope >= 3)
		buf_addstr(remedy, "kernel.yama.ptrace_scope is 3: boot without it");
	else if (scope == 2)
		buf_addstr(remedy, "sysctl kernel.yama.ptrace_scope=1");
	else
		buf_addstr(remedy, "in a container: --cap-add=SYS_PTRACE --security-opt "
				   "seccomp=unconfined");
}

/* --- tracing --- */

/* Start a child as the recorder does: stopped, and about to run this very program. */
static int spawn_child(struct task *t)
{
	static char *const argv[] = {"rr", NULL}, *const envp[] = {NULL};
	const struct spawn s = {
		.exec_fd = -1, .path = "/proc/self/exe", .argv = argv, .envp = envp};
	bool not_traced;

	return task_spawn(t, &s, &not_traced);
}

static void end_child(struct task *t)
{
	task_kill(t, SIGKILL);
	task_reap(t);
}

enum finding check_ptrace(struct buf *detail, struct buf *remedy)
{
	long scope = sysctl_number("/proc/sys/kernel/yama/ptrace_scope");
	enum finding found = FOUND_OK;
	struct task t;
	int err = spawn_child(&t);

	if (!err) {
		buf_addstr(detail, "a child can be traced");
		end_child(&t);
	} else {
		buf_addf(detail, "cannot trace a child: %s", strerror(-err));
		remedy_ptrace(scope, remedy);
		found = FOUND_MISSING;
	}
	if (scope >= 0)
		buf_addf(detail, " (kernel.yama.ptrace_scope %ld)", scope);
	return found;
}

/* Read and write back the word at `addr` in the child, through /proc/PID/mem: 0 or -errno. */
static int access_by_proc(const struct task *t, uint64_t addr, uint64_t *word)
{
	struct buf path = BUF_INIT;
	int fd, err = 0;

	buf_addf(&path, "/proc/%d/mem", t->tid);
	fd = open(buf_str(&path), O_RDWR | O_CLOEXEC);
	buf_release(&path);
	if (fd < 0)
		return -errno;
	if (pread(fd, word, sizeof(*word), (off_t)addr) != sizeof(*word) ||
	    pwrite(fd, word, sizeof(*word), (off_t)addr) != sizeof(*word))
		err = -errno;
	close(fd);
	return err;
}

static int access_by_call(const struct task *t, uint64_t addr, uint64_t *word)
{
	struct iovec here = {word, sizeof(*word)};
	struct iovec there = {(void *)(uintptr_t)addr, sizeof(*word)};

	if (process_vm_readv(t->tid, &here, 1, &there, 1, 0) != sizeof(*word) ||
	    process_vm_writev(t->tid, &here, 1, &there, 1, 0) != sizeof(*word))
		return -errno;
	return 0;
}

enum finding check_memory_access(struct buf *detail, struct buf *remedy)
{
	enum finding found = FOUND_OK;
	uint64_t word = 0;
	struct task t;
	int by_proc, by_call;

	if (spawn_child(&t)) {
		buf_addstr(detail, "cannot be tried without tracing");
		return FOUND_MISSING;
	}
	/* At the top of the stack is argc, when a program begins. */
	by_proc = task_regs(&t);
	if (!by_proc)
		by_proc = access_by_proc(&t, t.regs.u.rsp, &word);
	if (!by_proc && word != 1)
		by_proc = -EIO;
	by_call = by_proc ? 0 : access_by_call(&t, t.regs.u.rsp, &word);
	end_child(&t);
	if (by_proc) {
		buf_addf(detail, "/proc/PID/mem of a child: %s", strerror(-by_proc));
		buf_addstr(remedy,
			   "mount /proc, and allow a tracer to write to its tracees' memory "
			   "(proc_mem.force_override)");
		found = FOUND_MISSING;
	} else if (by_call) {
		buf_addf(detail, "only through /proc/PID/mem (process_vm_readv: %s)",
			 strerror(-by_call));
		buf_addstr(remedy, "allow process_vm_readv and process_vm_writev in the sandbox");
		found = FOUND_LIMITED;
	} else {
		buf_addstr(detail, "a child's memory can be read and written");
	}
	return found;
}

/* --- filters and traps --- */

static int install_filter(void)
{
	struct sock_filter allow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	struct sock_fprog prog = {ARRAY_SIZE(allow), allow};
	uint32_t trace = SECCOMP_RET_TRACE;

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &trace))
		return 1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return 2;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) ? 3 : 0;
}

enum finding check_seccomp(struct buf *detail, struct buf *remedy)
{
	if (!run_in_thread(install_filter)) {
		buf_addstr(detail, "system calls can be filtered");
		return FOUND_OK;
	}
	buf_addstr(detail, "a filter cannot be installed: every system call stops, as with -n");
	buf_addstr(remedy, "a kernel with CONFIG_SECCOMP_FILTER, a sandbox that allows seccomp()");
	return FOUND_LIMITED;
}

static void execute_cpuid(void)
{
	unsigned a = 0, c = 0;

	/* <cpuid.h>'s is not volatile: with its results unused it would vanish. */
	__asm__ volatile("cpuid" : "+a"(a), "+c"(c) : : "rbx", "rdx");
}

/* Both are undone at once: the end of a thread may well use these instructions. */
static int trap_cpuid(void)
{
	bool trapped;

	if (syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0))
		return 1;
	trapped = faults(execute_cpuid);
	syscall(SYS_arch_prctl, ARCH_SET_CPUID, 1);
	return !trapped;
}

static void execute_rdtsc(void)
{
	__asm__ volatile("rdtsc" : : : "rax", "rdx");
}

static int trap_tsc(void)
{
	bool trapped;

	if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV))
		return 1;
	trapped = faults(execute_rdtsc);
	prctl(PR_SET_TSC, PR_TSC_ENABLE);
	return !trapped;
}

enum finding check_cpuid(struct buf *detail, struct buf *remedy)
{
	if (!run_in_thread(trap_cpuid)) {
		buf_addstr(detail, "CPUID can be trapped");
		return FOUND_OK;
	}
	buf_addstr(detail, "CPUID cannot be trapped: traces replay on CPUs like this one only, and "
			   "programs see RDRAND");
	buf_addstr(remedy,
		   "a CPU since Ivy Bridge or Zen 4; in a virtual machine, a hypervisor that "
		   "passes it on");
	return FOUND_LIMITED;
}

enum finding check_tsc(struct buf *detail, struct buf *remedy)
{
	if (!run_in_thread(trap_tsc)) {
		buf_addstr(detail, "RDTSC can be trapped");
		return FOUND_OK;
	}
	buf_addstr(detail, "RDTSC cannot be trapped: programs that read it will not replay");
	buf_addstr(remedy, "a kernel and a sandbox that allow prctl(PR_SET_TSC)");
	return FOUND_MISSING;
}

static int disable_aslr(void)
{
	if (personality(ADDR_NO_RANDOMIZE) == -1)
		return 1;
	return personality(0xffffffff) & ADDR_NO_RANDOMIZE ? 0 : 2;
}

enum finding check_no_aslr(struct buf *detail, struct buf *remedy)
{
	if (!run_in_thread(disable_aslr)) {
		buf_addstr(detail, "address space randomization can be turned off");
		return FOUND_OK;
	}
	buf_addstr(detail, "personality(ADDR_NO_RANDOMIZE) is forbidden");
	buf_addstr(remedy, "in a container: --security-opt seccomp=unconfined");
	return FOUND_MISSING;
}

/* --- counters --- */

static int perf_open(uint32_t type, uint64_t config, bool exclude_kernel)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = type,
		.config = config,
		.exclude_kernel = exclude_kernel,
		.exclude_guest = type == PERF_TYPE_HARDWARE,
	};

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

enum finding check_perf_software(struct buf *detail, struct buf *remedy)
{
	long paranoid = sysctl_number("/proc/sys/kernel/perf_event_paranoid");
	int fd = perf_open(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES, false);

	if (fd >= 0) {
		close(fd);
		buf_addf(detail, "context switches can be counted (kernel.perf_event_paranoid %ld)",
			 paranoid);
		return FOUND_OK;
	}
	buf_addf(detail, "context switches cannot be counted: %s (not needed)", strerror(errno));
	if (paranoid > 1)
		buf_addstr(remedy, "sysctl kernel.perf_event_paranoid=1");
	else
		buf_addstr(remedy, "a sandbox that allows perf_event_open()");
	return FOUND_LIMITED;
}

enum finding check_pmu(struct buf *detail, struct buf *remedy)
{
	struct buf why = BUF_INIT;
	const struct ticks_source *pmu = ticks_pmu(&why);

	if (pmu)
		buf_addf(detail, "%sconditional branches can be counted by the CPU", buf_str(&why));
	else
		buf_addf(detail, "not usable: rr does not need it (%s)", buf_str(&why));
	buf_release(&why);
	return pmu ? FOUND_OK : FOUND_MISSING;
}
