/*
 * Probes of the kernel and the CPU. What a sandbox, a container or a hypervisor forbids shows only
 * when it is tried, so each thing is really done, to a child process that is thrown away.
 */
#include "cli/doctor.h"

#include "base/io.h"

#include <asm/prctl.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* A fork that neither outlives us nor leaves a core. */
static pid_t fork_child(void)
{
	struct rlimit no_core = {0, 0};
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setrlimit(RLIMIT_CORE, &no_core);
		signal(SIGSEGV, SIG_DFL);
	}
	return pid;
}

/* Run `fn` in a child, which exits with its result: the status as from waitpid(), or -errno. */
static int run_in_child(int (*fn)(void))
{
	pid_t pid = fork_child();
	int status;

	if (pid < 0)
		return -errno;
	if (!pid)
		_exit(fn());
	if (waitpid(pid, &status, 0) < 0)
		return -errno;
	return status;
}

static pid_t start_sleeper(void)
{
	pid_t pid = fork_child();

	if (!pid) {
		for (;;)
			pause();
	}
	return pid;
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
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

enum finding check_ptrace(struct buf *detail, struct buf *remedy)
{
	long scope = sysctl_number("/proc/sys/kernel/yama/ptrace_scope");
	pid_t pid = start_sleeper();
	enum finding found = FOUND_MISSING;

	if (pid < 0) {
		buf_addf(detail, "cannot fork: %s", strerror(errno));
		buf_addstr(remedy, "raise the limit of processes (ulimit -u)");
		return FOUND_MISSING;
	}
	if (ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP)) {
		buf_addf(detail, "cannot trace a child: %s", strerror(errno));
		remedy_ptrace(scope, remedy);
	} else {
		buf_addstr(detail, "a child can be traced");
		found = FOUND_OK;
	}
	if (scope >= 0)
		buf_addf(detail, " (kernel.yama.ptrace_scope %ld)", scope);
	end_child(pid);
	return found;
}

enum finding check_process_vm(struct buf *detail, struct buf *remedy)
{
	static volatile long word = 0x1234;
	long copy = 0;
	struct iovec here = {&copy, sizeof(copy)}, there = {(void *)&word, sizeof(word)};
	pid_t pid = start_sleeper();
	bool ok;

	if (pid < 0) {
		buf_addf(detail, "cannot fork: %s", strerror(errno));
		return FOUND_MISSING;
	}
	/* A tracer reads its tracee, whatever the rules are for others. */
	ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_EXITKILL);
	ok = process_vm_readv(pid, &here, 1, &there, 1, 0) == sizeof(copy) && copy == word &&
	     process_vm_writev(pid, &here, 1, &there, 1, 0) == sizeof(copy);
	if (ok) {
		buf_addstr(detail, "a child's memory can be read and written");
	} else {
		buf_addf(detail, "process_vm_readv: %s; /proc/PID/mem is used", strerror(errno));
		buf_addstr(remedy, "allow process_vm_readv and process_vm_writev in the sandbox");
	}
	end_child(pid);
	return ok ? FOUND_OK : FOUND_LIMITED;
}

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
	if (!run_in_child(install_filter)) {
		buf_addstr(detail, "system calls can be filtered");
		return FOUND_OK;
	}
	buf_addstr(detail, "a filter cannot be installed");
	buf_addstr(remedy, "a kernel with CONFIG_SECCOMP_FILTER, a sandbox that allows seccomp()");
	return FOUND_MISSING;
}

static int fault_on_cpuid(void)
{
	unsigned a = 0, c = 0;

	if (syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0))
		return 1;
	/* <cpuid.h>'s is not volatile: with its results unused it would vanish. */
	__asm__ volatile("cpuid" : "+a"(a), "+c"(c) : : "rbx", "rdx");
	return 2;
}

static int fault_on_tsc(void)
{
	if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV))
		return 1;
	__asm__ volatile("rdtsc" : : : "rax", "rdx");
	return 2;
}

static bool faulted(int status)
{
	return status >= 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

enum finding check_cpuid(struct buf *detail, struct buf *remedy)
{
	if (faulted(run_in_child(fault_on_cpuid))) {
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
	if (faulted(run_in_child(fault_on_tsc))) {
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
	if (!run_in_child(disable_aslr)) {
		buf_addstr(detail, "address space randomization can be turned off");
		return FOUND_OK;
	}
	buf_addstr(detail, "personality(ADDR_NO_RANDOMIZE) is forbidden");
	buf_addstr(remedy, "in a container: --security-opt seccomp=unconfined");
	return FOUND_MISSING;
}

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
	buf_addf(detail, "context switches cannot be counted: %s (not needed by this version)",
		 strerror(errno));
	if (paranoid > 1)
		buf_addstr(remedy, "sysctl kernel.perf_event_paranoid=1");
	else
		buf_addstr(remedy, "a sandbox that allows perf_event_open()");
	return FOUND_LIMITED;
}

enum finding check_pmu(struct buf *detail, struct buf *remedy)
{
	int fd = perf_open(PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS, true);
	uint64_t count = 0;

	/* Some hypervisors let it be opened, and count nothing. */
	if (fd >= 0 && read(fd, &count, sizeof(count)) == sizeof(count) && count) {
		buf_addstr(detail, "branches can be counted by the CPU");
	} else {
		buf_addstr(detail, "the CPU's counters cannot be used: rr does not need them");
		count = 0;
	}
	if (fd >= 0)
		close(fd);
	return count ? FOUND_OK : FOUND_MISSING;
}
