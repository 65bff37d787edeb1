/*
 * Hardware ticks: retired conditional branches, counted by the CPU.
 *
 * One perf event per task counts in user mode all the time and is never reset, so that no branch is
 * lost; the interrupt is its sampling period, which is changed while the task is stopped
 * (PERF_EVENT_IOC_PERIOD counts from the change). Which raw event that is depends on the
 * microarchitecture (pmu.def), and whether it can be trusted is found out by counting loops of
 * which the result is known.
 */
#include "ticks/pmu.h"

#include "base/io.h"
#include "base/log.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/hw_breakpoint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

struct pmu_counter {
	struct ticks_counter c;
	int fd;
};

static struct pmu_counter *pmu_of(struct ticks_counter *c)
{
	return container_of(c, struct pmu_counter, c);
}

int perf_event_start(const struct perf_event_attr *event, pid_t tid)
{
	struct f_owner_ex owner = {F_OWNER_TID, tid};
	struct perf_event_attr attr = *event;
	int fd, err;

	attr.size = sizeof(attr);
	attr.sample_period = PERF_EVENT_NEVER;
	attr.pinned = 1;
	attr.exclude_kernel = 1;
	attr.exclude_hv = 1;
	fd = (int)syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fcntl(fd, F_SETOWN_EX, &owner) < 0 || fcntl(fd, F_SETSIG, PMU_SIGNAL) < 0 ||
	    fcntl(fd, F_SETFL, O_ASYNC) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static int read_event(int fd, uint64_t *count)
{
	ssize_t n = read(fd, count, sizeof(*count));

	if (n == sizeof(*count))
		return 0;
	/* The end of the file: a pinned event that lost its place on the CPU. */
	return n < 0 ? -errno : -EIO;
}

int perf_event_period(int fd, uint64_t period)
{
	return ioctl(fd, PERF_EVENT_IOC_PERIOD, &period) < 0 ? -errno : 0;
}

/* --- the source --- */

static int pmu_open(const struct ticks_source *source, struct task *t, uint64_t seed,
		    struct ticks_counter **out)
{
	const struct pmu_source *p = container_of(source, struct pmu_source, source);
	struct pmu_counter *pc;
	int fd = perf_event_start(&p->event, t->tid);

	if (fd < 0)
		return fd;
	pc = xcalloc(1, sizeof(*pc));
	pc->fd = fd;
	*out = &pc->c;
	return 0;
}

static void pmu_close(struct ticks_counter *c)
{
	close(pmu_of(c)->fd);
	free(pmu_of(c));
}

static int pmu_read(struct ticks_counter *c, ticks_t *count)
{
	return read_event(pmu_of(c)->fd, count);
}

static int pmu_program(struct ticks_counter *c, ticks_t after)
{
	return perf_event_period(pmu_of(c)->fd,
				 after == TICKS_NO_INTERRUPT ? PERF_EVENT_NEVER : after);
}

static int pmu_resume(struct ticks_counter *c, int how, int signo)
{
	return task_resume(c->task, how, signo);
}

/* Of one that was asked for earlier the signal may still come: it is swallowed like any. */
static bool pmu_is_interrupt(struct ticks_counter *c)
{
	siginfo_t si;

	return c->task->stop.signo == PMU_SIGNAL && !task_siginfo(c->task, &si) && si.si_code > 0;
}

void pmu_source_init(struct pmu_source *p, const char *name, const struct perf_event_attr *event,
		     ticks_t skid, ticks_t min_period)
{
	*p = (struct pmu_source){
		.source =
			{
				.name = name,
				.skid = skid,
				.min_period = min_period,
				.open = pmu_open,
				.close = pmu_close,
				.read = pmu_read,
				.program = pmu_program,
				.resume = pmu_resume,
				.is_interrupt = pmu_is_interrupt,
			},
		.event = *event,
	};
}

/* --- which event --- */

enum vendor {
	INTEL,
	AMD,
	OTHER,
};

static const struct pmu_row {
	enum vendor vendor;
	unsigned int family, first, last;
	const char *name;
	uint64_t event, atom_event;
	unsigned int skid;
} rows[] = {
#define PMU(...) {__VA_ARGS__},
#include "ticks/pmu.def"
#undef PMU
};

#define MIN_PERIOD 100 /* shorter ones overflow again before the task is stopped */

struct cpu {
	enum vendor vendor;
	unsigned int family, model;
	bool atom; /* one of the small cores of a hybrid CPU */
};

/* CPUID leaves 0, 1, 7 and 1Ah (SDM vol. 2, CPUID). */
static struct cpu identify_cpu(void)
{
	struct cpu cpu = {.vendor = OTHER};
	uint32_t a, b, c, d;
	char vendor[13] = {0};

	__cpuid(0, a, b, c, d);
	memcpy(vendor, &b, 4);
	memcpy(vendor + 4, &d, 4);
	memcpy(vendor + 8, &c, 4);
	if (!strcmp(vendor, "GenuineIntel"))
		cpu.vendor = INTEL;
	else if (!strcmp(vendor, "AuthenticAMD") || !strcmp(vendor, "HygonGenuine"))
		cpu.vendor = AMD;
	__cpuid(1, a, b, c, d);
	cpu.family = (a >> 8) & 15;
	if (cpu.family == 15)
		cpu.family += (a >> 20) & 255;
	cpu.model = ((a >> 4) & 15) | ((a >> 12) & 0xf0);
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d) && d & 1u << 15 &&
	    __get_cpuid_max(0, 0) >= 0x1a) {
		__cpuid_count(0x1a, 0, a, b, c, d);
		cpu.atom = a >> 24 == 0x20;
	}
	return cpu;
}

static const struct pmu_row *find_row(const struct cpu *cpu)
{
	for (const struct pmu_row *r = rows; r < rows + ARRAY_SIZE(rows); r++)
		if (r->vendor == cpu->vendor && r->family == cpu->family &&
		    cpu->model >= r->first && cpu->model <= r->last)
			return r;
	return NULL;
}

/* The type of the small cores' PMU; the large ones' is PERF_TYPE_RAW. */
static uint32_t atom_type(void)
{
	struct buf text = BUF_INIT;
	uint32_t type = PERF_TYPE_RAW;

	if (!read_file("/sys/devices/cpu_atom/type", &text))
		type = (uint32_t)strtoul(buf_str(&text), NULL, 10);
	buf_release(&text);
	return type;
}

/* --- whether it can be trusted --- */

/* `n` conditional branches, and as many as it takes to get here. */
static __attribute__((noinline)) void run_loop(uint64_t n)
{
	__asm__ volatile("1: dec %0\n\tjnz 1b" : "+r"(n) : : "cc");
}

/*
 * 2n of them, with locked instructions and branches that cannot be foreseen in between: where
 * something that is undone was counted, it shows.
 */
static __attribute__((noinline)) void run_locked_loop(uint64_t n)
{
	uint64_t x = 88172645463325252, word = 0;

	__asm__ volatile("1: mov %0, %%rdx\n\t"
			 "shl $13, %%rdx\n\txor %%rdx, %0\n\t"
			 "mov %0, %%rdx\n\tshr $7, %%rdx\n\txor %%rdx, %0\n\t"
			 "mov %0, %%rdx\n\tshl $17, %%rdx\n\txor %%rdx, %0\n\t"
			 "lock incq %2\n\t"
			 "test $1, %0\n\tjz 2f\n\t"
			 "lock decq %2\n"
			 "2: dec %1\n\tjnz 1b"
			 : "+r"(x), "+r"(n), "+m"(word)
			 :
			 : "rdx", "cc");
}

static int count_run(int fd, void (*run)(uint64_t), uint64_t n, uint64_t *count)
{
	uint64_t before, after;
	int err = read_event(fd, &before);

	if (err)
		return err;
	run(n);
	err = read_event(fd, &after);
	*count = after - before;
	return err;
}

/* Whether a run longer by `n` counts exactly `expected` more, again and again. */
static bool counts_exactly(int fd, void (*run)(uint64_t), uint64_t n, uint64_t expected)
{
	uint64_t less, more;

	for (int i = 0; i < 5; i++) {
		if (count_run(fd, run, 1000, &less) || count_run(fd, run, 1000 + n, &more))
			return false;
		if (more - less != expected)
			return false;
	}
	return true;
}

/* Whether an overflow sends the signal, and not before its time. */
static bool interrupts(int fd)
{
	const struct timespec soon = {0, 10000000};
	sigset_t set, old;
	bool early, came;

	sigemptyset(&set);
	sigaddset(&set, PMU_SIGNAL);
	sigprocmask(SIG_BLOCK, &set, &old);
	perf_event_period(fd, 100000);
	run_loop(50000);
	early = !sigpending(&old) && sigismember(&old, PMU_SIGNAL);
	run_loop(60000);
	perf_event_period(fd, PERF_EVENT_NEVER);
	came = sigtimedwait(&set, NULL, &soon) == PMU_SIGNAL;
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	return came && !early;
}

static void explain_open(int err, struct buf *why)
{
	struct buf text = BUF_INIT;

	if (err == -EACCES || err == -EPERM) {
		read_file("/proc/sys/kernel/perf_event_paranoid", &text);
		buf_addf(why,
			 "forbidden (kernel.perf_event_paranoid %ld, must be <= 2; or a sandbox)",
			 text.len ? strtol(buf_str(&text), NULL, 10) : -1);
	} else if (err == -ENOENT || err == -EOPNOTSUPP || err == -ENODEV) {
		buf_addstr(why, "none here: the hypervisor passes no counters on");
	} else {
		buf_addf(why, "cannot be opened: %s", strerror(-err));
	}
	buf_release(&text);
}

int pmu_verify(const struct pmu_source *p, bool amd, struct buf *why)
{
	int fd = perf_event_start(&p->event, gettid());
	int ret = -EIO;
	uint64_t count;

	if (fd < 0) {
		explain_open(fd, why);
		return fd;
	}
	if (count_run(fd, run_loop, 100000, &count) || !count)
		buf_addstr(why, "counts nothing (in use by another, or a hypervisor's pretence)");
	else if (!counts_exactly(fd, run_loop, 100000, 100000))
		buf_addf(why, "miscounts: %llu conditional branches where there were 100000",
			 (unsigned long long)count);
	else if (!counts_exactly(fd, run_locked_loop, 100000, 200000))
		buf_addf(why, "miscounts around locked instructions%s",
			 amd ? " (SpecLockMap: set bit 54 of MSR 0xc0011020 on all cores)" : "");
	else if (!interrupts(fd))
		buf_addstr(why, "counts, but does not interrupt");
	else
		ret = 0;
	close(fd);
	return ret;
}

static const struct ticks_source *probe(struct buf *why)
{
	static struct pmu_source pmu;
	struct perf_event_attr event = {.type = PERF_TYPE_RAW, .exclude_guest = 1};
	const struct cpu cpu = identify_cpu();
	const struct pmu_row *row = find_row(&cpu);

	if (!row) {
		buf_addf(why, "no event is known for this CPU (family 0x%x, model 0x%x)",
			 cpu.family, cpu.model);
		return NULL;
	}
	buf_addf(why, "%s: ", row->name);
	event.config = row->event;
	if (cpu.atom && row->atom_event) {
		event.config = row->atom_event;
		event.type = atom_type();
	}
	pmu_source_init(&pmu, "pmu", &event, row->skid, MIN_PERIOD);
	return pmu_verify(&pmu, cpu.vendor == AMD, why) ? NULL : &pmu.source;
}

const struct ticks_source *ticks_pmu(struct buf *why)
{
	static const struct ticks_source *found;
	static struct buf reason;
	static bool probed;

	if (!probed)
		found = probe(&reason);
	probed = true;
	buf_addstr(why, buf_str(&reason));
	return found;
}

const struct ticks_source *ticks_breakpoint(const char *name, struct buf *why)
{
	static struct pmu_source source;
	struct perf_event_attr event = {
		.type = PERF_TYPE_BREAKPOINT, .bp_type = HW_BREAKPOINT_X, .bp_len = sizeof(long)};
	char *end;

	event.bp_addr = strtoull(name + strlen(TICKS_BREAKPOINT), &end, 0);
	if (*end || !event.bp_addr) {
		buf_addstr(why, "no address");
		return NULL;
	}
	/* The debug exception is precise, its signal nearly so. */
	pmu_source_init(&source, name, &event, 4, 1);
	source.source.slice = 500;
	return &source.source;
}
