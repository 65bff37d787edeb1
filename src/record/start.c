/*
 * Beginning a recording. The trace directory is made only once the program has been executed, so
 * that a mistyped name leaves nothing behind.
 */
#include "record/start.h"

#include "base/io.h"
#include "base/log.h"
#include "trace/dir.h"

#include <asm/prctl.h>
#include <cpuid.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

extern char **environ;

/* --- the program --- */

static int check_executable(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	return access(path, X_OK) < 0 ? -errno : 0;
}

/* As execvp(3) looks for it: the first in PATH that can be executed. */
static int find_program(const char *name, struct buf *out)
{
	const char *path = getenv("PATH");
	int ret = -ENOENT;

	if (strchr(name, '/')) {
		buf_addstr(out, name);
		return check_executable(name);
	}
	for (const char *p = path ? path : "/bin:/usr/bin";; p++) {
		size_t len = strcspn(p, ":");
		int err;

		buf_clear(out);
		buf_add(out, p, len);
		if (!len)
			buf_addch(out, '.');
		buf_addf(out, "/%s", name);
		err = check_executable(buf_str(out));
		if (!err)
			return 0;
		if (err != -ENOENT && err != -ENOTDIR)
			ret = err;
		p += len;
		if (!*p)
			return ret;
	}
}

static int not_started(const char *name, int err)
{
	if (err == -ENOEXEC)
		error("cannot record %s: not a program (a script needs a #! line)", name);
	else
		error("cannot record %s: %s", name, strerror(-err));
	return RECORD_STATUS_NOT_STARTED;
}

/* --- the environment --- */

static const char *const set_in_tracees[] = {
	"RUNNING_UNDER_RR=1",	      "LIBGL_ALWAYS_SOFTWARE=1", "GBM_ALWAYS_SOFTWARE=1",
	"SDL_RENDER_DRIVER=software", "GIO_USE_VFS=local",
};

/* Replace or append `K=V` in a list that has room for one more. */
static void set_env(char **env, size_t *n, const char *kv)
{
	size_t key = strcspn(kv, "=") + 1;

	for (size_t i = 0; i < *n; i++) {
		if (!strncmp(env[i], kv, key)) {
			env[i] = (char *)kv;
			return;
		}
	}
	env[(*n)++] = (char *)kv;
	env[*n] = NULL;
}

static char **make_environment(const struct record_options *opt)
{
	size_t n = 0, extra = 0;
	char **env;

	while (environ[n])
		n++;
	while (opt->env && opt->env[extra])
		extra++;
	env = xcalloc(n + extra + ARRAY_SIZE(set_in_tracees) + 1, sizeof(*env));
	memcpy(env, environ, n * sizeof(*env));
	for (size_t i = 0; i < ARRAY_SIZE(set_in_tracees); i++)
		set_env(env, &n, set_in_tracees[i]);
	for (size_t i = 0; i < extra; i++)
		set_env(env, &n, opt->env[i]);
	return env;
}

/* --- the child --- */

/* Limits that were meant for the program, and would hit us as well: ours are raised as far as
 * allowed. */
static const int own_limits[] = {RLIMIT_NOFILE, RLIMIT_FSIZE, RLIMIT_CPU, RLIMIT_AS};

static void raise_limits(struct rlimit old[])
{
	for (size_t i = 0; i < ARRAY_SIZE(own_limits); i++) {
		struct rlimit lim;

		getrlimit(own_limits[i], &old[i]);
		lim = old[i];
		lim.rlim_cur = lim.rlim_max;
		setrlimit(own_limits[i], &lim);
	}
}

struct child_setup {
	int cpu; /* -1: any */
	const sigset_t *mask;
	const struct sigaction *sigchld;
	const struct rlimit *limits;
	const struct agent *agent;
};

static int prepare_child(void *ctx)
{
	const struct child_setup *c = ctx;
	int ret = task_pin(c->cpu);

	if (ret)
		return ret;
	/* Handlers of ours end with the exec; what our parent ignored stays ignored. */
	sigprocmask(SIG_SETMASK, c->mask, NULL);
	task_tracer_restore(c->sigchld);
	for (size_t i = 0; i < ARRAY_SIZE(own_limits); i++)
		setrlimit(own_limits[i], &c->limits[i]);
	personality(personality(0xffffffff) | ADDR_NO_RANDOMIZE);
	if (prctl(PR_SET_TSC, c->agent->filtered ? PR_TSC_ENABLE : PR_TSC_SIGSEGV, 0, 0, 0) < 0)
		return -errno;
	return c->agent->filtered ? agent_install_filter(c->agent) : 0;
}

/* The core for the tracees: the one asked for, else the one we are on. */
static int choose_cpu(const struct record_options *opt)
{
	if (opt->unbound)
		return -1;
	return opt->bind_cpu >= 0 ? opt->bind_cpu : sched_getcpu();
}

/* --- what the machine is --- */

static bool hides_cpuid(const struct record_options *opt)
{
	bool any = opt->disable_avx512;

	for (size_t i = 0; i < ARRAY_SIZE(opt->disable_cpuid); i++)
		any |= opt->disable_cpuid[i] != 0;
	return any;
}

static size_t read_cpuid_range(uint32_t base, struct trace_cpuid *out, size_t n)
{
	uint32_t max = __get_cpuid_max(base, NULL);

	for (uint32_t leaf = base; max && leaf <= max && leaf < base + 64; leaf++) {
		uint32_t subs = cpuid_has_subleaves(leaf) ? 4 : 1;

		for (uint32_t sub = 0; sub < subs && n < MAX_CPUID; sub++, n++) {
			struct trace_cpuid *c = &out[n];

			c->leaf = leaf;
			c->subleaf = sub;
			__cpuid_count(leaf, sub, c->eax, c->ebx, c->ecx, c->edx);
		}
	}
	return n;
}

__attribute__((target("xsave"))) static uint64_t read_xcr0(void)
{
	return _xgetbv(0);
}

static void describe_machine(struct trace_info *info, struct trace_cpuid *cpuid, int cpu)
{
	uint32_t a, b, c, d;

	info->n_cpuid = read_cpuid_range(0, cpuid, 0);
	info->n_cpuid = read_cpuid_range(0x80000000, cpuid, info->n_cpuid);
	info->cpuid = cpuid;
	info->bound_cpu = cpu;
	__cpuid_count(1, 0, a, b, c, d);
	if (c & bit_OSXSAVE) {
		info->xcr0 = read_xcr0();
		__cpuid_count(0xd, 0, a, b, c, d);
		info->xsave_size = b;
	}
}

static void make_uuid(char out[33])
{
	unsigned char raw[16];

	if (getrandom(raw, sizeof(raw), 0) != sizeof(raw))
		memset(raw, 0, sizeof(raw));
	for (size_t i = 0; i < sizeof(raw); i++)
		snprintf(out + 2 * i, 3, "%02x", raw[i]);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static int open_trace(struct recorder *rec, const char *exe, char *const *argv, char *const *env,
		      int cpu)
{
	static struct trace_cpuid cpuid[MAX_CPUID];
	struct trace_writer_options opt = {.no_file_cloning = rec->opt->no_file_cloning};
	struct trace_info info = {.format = TRACE_FORMAT,
				  .build = RR_VERSION,
				  .arch = ARCH_X86_64,
				  .ticks = rec->source ? rec->source->name : "soft",
				  .exe = exe,
				  .argv = (const char *const *)argv,
				  .envp = (const char *const *)env};
	struct buf dir = BUF_INIT;
	char uuid[33], cwd[4096];
	struct utsname un;
	struct rlimit stack;
	int ret = 0;

	getrlimit(RLIMIT_STACK, &stack);
	info.stack_limit = stack.rlim_cur;
	uname(&un);
	info.kernel = un.release;
	make_uuid(uuid);
	info.uuid = rec->opt->trace_id ? rec->opt->trace_id : uuid;
	info.cwd = getcwd(cwd, sizeof(cwd)) ? cwd : "/";
	info.cpuid_faulting = rec->cpuid_faulting;
	info.start_time_ns = clock_ns(CLOCK_REALTIME);
	info.start_monotonic_ns = clock_ns(CLOCK_MONOTONIC);
	describe_machine(&info, cpuid, cpu);
	insns_tell_agent(rec, cpuid, info.n_cpuid);
	if (rec->opt->output_dir)
		buf_addstr(&dir, rec->opt->output_dir);
	else
		ret = trace_new_dir(exe, &dir);
	opt.dir = buf_str(&dir);
	if (!ret)
		ret = trace_writer_open(&rec->trace, &opt, &info);
	if (!ret)
		reads_begin(rec);
	if (!ret && !rec->opt->output_dir)
		trace_set_latest(opt.dir);
	if (!ret && rec->opt->print_trace_dir_fd >= 0)
		dprintf(rec->opt->print_trace_dir_fd, "%s\n", opt.dir);
	buf_release(&dir);
	return ret;
}

static void adopt_first_task(struct recorder *rec, const struct task *task, struct mm *mm)
{
	struct rtask *t = rtask_new(rec, task->tid, process_new(task->tid), mm);

	t->t.stop = task->stop;
	t->stop_pending = true;
	t->in_syscall = true;
	t->tsc_traps = !rec->agent.filtered;
	t->entry_logged = true; /* the execve was rr's */
	t->row = syscall_row_by_name("execve");
	t->call.nr = t->row->nr[ARCH_X86_64];
	rec->root_tgid = task->tid;
	log_task_start(rec, t);
	sched_ready(&rec->sched, &t->se);
}

/* What counts progress: rec->source. */
static int choose_ticks(struct recorder *rec)
{
	struct buf why = BUF_INIT;

	if (!rec->opt->ticks)
		rec->source = ticks_pmu(&why);
	else if (strcmp(rec->opt->ticks, "soft"))
		rec->source = ticks_source_find(rec->opt->ticks, &why);
	else
		goto out;
	log_debug("ticks: %s%s", rec->source ? "" : "soft; ", buf_str(&why));
	if (rec->opt->ticks && !rec->source) {
		error("progress cannot be counted by --ticks=%s: %s", rec->opt->ticks,
		      buf_str(&why));
		buf_release(&why);
		return -ENOTSUP;
	}
out:
	buf_release(&why);
	return 0;
}

/* What can be known before anything is started: 0, or an exit status. */
static int check_request(const struct recorder *rec, const char *name, struct buf *exe)
{
	int ret = find_program(name, exe);

	if (ret)
		return not_started(name, ret);
	if (is_i386_file(buf_str(exe))) {
		error("cannot record %s: 32-bit programs are not supported yet", name);
		return RECORD_STATUS_NOT_STARTED;
	}
	if (hides_cpuid(rec->opt) &&
	    (rec->opt->disable_cpuid_faulting || !task_have_cpuid_faulting())) {
		error("CPU features cannot be hidden on this machine: it has no CPUID faulting");
		return RECORD_STATUS_NOT_STARTED;
	}
	return 0;
}

/* The program, stopped at its beginning: 0, or an exit status. */
static int start_program(struct recorder *rec, const struct spawn *spawn, struct task *task)
{
	bool not_traced;
	int ret = task_spawn(task, spawn, &not_traced);

	if (ret == -ENOTSUP && rec->agent.filtered) {
		warn("this kernel lets no seccomp filter be installed: every system call stops, as "
		     "with -n");
		rec->agent.filtered = false;
		ret = task_spawn(task, spawn, &not_traced);
	}
	if (ret && not_traced)
		error("cannot trace %s: %s; see `rr doctor`", spawn->argv[0], strerror(-ret));
	else if (ret)
		not_started(spawn->argv[0], ret);
	return ret ? RECORD_STATUS_NOT_STARTED : 0;
}

/* Make the trace for the program that was started, and begin with it: 0, or an exit status, and it
 * is killed. */
static int begin_trace(struct recorder *rec, const struct spawn *spawn, const struct task *task,
		       int cpu)
{
	struct mm *mm;
	int ret = mm_open(&mm, task->tid);

	if (ret)
		error("cannot access the memory of %s: %s; see `rr doctor`", spawn->argv[0],
		      strerror(-ret));
	else
		ret = open_trace(rec, spawn->path, spawn->argv, spawn->envp, cpu);
	if (ret) {
		kill(task->tid, SIGKILL);
		return RECORD_STATUS_NOT_STARTED;
	}
	adopt_first_task(rec, task, mm);
	return 0;
}

int record_start(struct recorder *rec, char *const *argv)
{
	struct buf exe = BUF_INIT;
	struct rlimit limits[ARRAY_SIZE(own_limits)];
	struct sigaction sigchld;
	sigset_t mask;
	struct child_setup setup = {.cpu = choose_cpu(rec->opt),
				    .mask = &mask,
				    .sigchld = &sigchld,
				    .limits = limits,
				    .agent = &rec->agent};
	struct spawn spawn = {.prepare = prepare_child, .ctx = &setup, .exec_fd = -1, .argv = argv};
	char **env = make_environment(rec->opt);
	struct task task;
	int status = check_request(rec, argv[0], &exe);

	if (status)
		goto out;
	rec->cpuid_faulting = !rec->opt->disable_cpuid_faulting && task_have_cpuid_faulting();
	sigprocmask(SIG_SETMASK, NULL, &mask);
	raise_limits(limits);
	task_tracer_init(&sigchld);
	task_pin(setup.cpu);
	/* Behind it: CPUs may have cores of two kinds. */
	if (choose_ticks(rec)) {
		status = RECORD_STATUS_NOT_STARTED;
		goto out;
	}
	rec->all_executable = personality(0xffffffff) & READ_IMPLIES_EXEC;
	rec->agent.filtered = !rec->source && !rec->opt->no_buffer && !rec->opt->mark_stdio;
	spawn.path = buf_str(&exe);
	spawn.envp = env;
	status = start_program(rec, &spawn, &task);
	if (!status)
		status = begin_trace(rec, &spawn, &task, setup.cpu);
out:
	buf_release(&exe);
	free(env);
	return status;
}
