/*
 * The model oracle: every case of oracle.def is a system call, made for real in a forked child on
 * memory filled with canaries. The bytes that the kernel changed must lie inside what
 * syscall_outputs() says it wrote, and what that says must lie inside the memory that the case
 * allotted. Each case runs with two fill patterns, since a byte that happens to be written as its
 * canary goes unnoticed, and on both architectures: a 64-bit process reaches the 32-bit calls
 * through int 0x80.
 */
#include "abi/special.h"

#include "oracle.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/ethtool.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/keyctl.h>
#include <linux/openat2.h>
#include <linux/prctl.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_MS 10000
#define GAP	   64

/* What a case expects: success; a certain error; whatever comes. OPT is a success that a machine,
 * its kernel or our privileges may deny. */
enum { OK = 0, OPT = 10000, ANY = 10001 };
#define E(error) (error)

#define sz(name) ((uint64_t)ARCH_SIZE(arch, name))

enum outcome { PASSED, FAILED, SKIPPED };

struct result {
	enum outcome outcome;
	int64_t ret;
	unsigned int changed; /* bytes */
	char why[400];
};

enum abi_arch arch;
static struct result *result; /* shared with the child */
static uint64_t next_block;
static uint8_t allotted[ARENA_SIZE], emitted[ARENA_SIZE], before[ARENA_SIZE];

static uint8_t *arena(void)
{
	return (uint8_t *)ARENA_ADDR;
}

uint64_t buf(size_t n)
{
	uint64_t addr = (next_block + 15) & ~15ULL;

	if (addr + n + GAP > ARENA_ADDR + ARENA_SIZE - 4096) {
		fprintf(stderr, "the arena is full\n");
		abort();
	}
	next_block = addr + n + GAP;
	memset(allotted + (addr - ARENA_ADDR), 1, n);
	return addr;
}

uint64_t edge(size_t n)
{
	memset(allotted + ARENA_SIZE - n, 1, n);
	return ARENA_ADDR + ARENA_SIZE - n;
}

static const struct test_case {
	const char *name;
	int id;
	int expect;
	int archs; /* a bit each */
} cases[] = {
#define CASE(name, expect, ...)	  {#name, __LINE__, expect, 3},
#define CASE64(name, expect, ...) {#name, __LINE__, expect, 1 << ARCH_X86_64},
#define CASE32(name, expect, ...) {#name, __LINE__, expect, 1 << ARCH_I386},
#include "oracle.def"
#undef CASE
#undef CASE64
#undef CASE32
};

/* The arguments of a case are expressions that build what they point to; evaluated in the child. */
static void build_args(int id, uint64_t arg[6])
{
	switch (id) {
#define CASE(name, expect, ...)                \
	case __LINE__: {                       \
		uint64_t v[6] = {__VA_ARGS__}; \
		memcpy(arg, v, sizeof(v));     \
		break;                         \
	}
#define CASE64 CASE
#define CASE32 CASE
#include "oracle.def"
#undef CASE
#undef CASE64
#undef CASE32
	}
}

static int64_t call_64(int nr, const uint64_t arg[6])
{
	register uint64_t r10 __asm__("r10") = arg[3];
	register uint64_t r8 __asm__("r8") = arg[4];
	register uint64_t r9 __asm__("r9") = arg[5];
	int64_t ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(arg[0]), "S"(arg[1]), "d"(arg[2]), "r"(r10), "r"(r8),
			   "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

/* The sixth argument is in ebp, which the compiler may be using, as it may the red zone. */
static int64_t call_32(int nr, const uint64_t arg[6])
{
	register uint64_t sixth __asm__("r12") = (uint32_t)arg[5];
	int64_t ret;

	__asm__ volatile("sub $128, %%rsp\n\t"
			 "push %%rbp\n\t"
			 "mov %[sixth], %%rbp\n\t"
			 "int $0x80\n\t"
			 "pop %%rbp\n\t"
			 "add $128, %%rsp"
			 : "=a"(ret)
			 : "a"(nr), "b"((uint32_t)arg[0]), "c"((uint32_t)arg[1]),
			   "d"((uint32_t)arg[2]), "S"((uint32_t)arg[3]),
			   "D"((uint32_t)arg[4]), [sixth] "r"(sixth)
			 : "r8", "r9", "r10", "r11", "memory", "cc");
	return (int32_t)ret;
}

static int read_arena(void *ctx, raddr_t addr, void *to, size_t n)
{
	if (addr < ARENA_ADDR || addr - ARENA_ADDR > ARENA_SIZE ||
	    n > ARENA_SIZE - (addr - ARENA_ADDR))
		return -EFAULT;
	memcpy(to, (void *)addr, n);
	return 0;
}

/* What lies outside the arena is not mapped, and would be dropped. */
static void note_emitted(void *ctx, raddr_t addr, uint64_t len)
{
	uint64_t off = addr - ARENA_ADDR;

	if (addr >= ARENA_ADDR && off < ARENA_SIZE)
		memset(emitted + off, 1, min_u64(len, ARENA_SIZE - off));
}

static void __attribute__((format(printf, 1, 2))) fail(const char *fmt, ...)
{
	va_list ap;

	if (result->outcome == FAILED)
		return;
	result->outcome = FAILED;
	va_start(ap, fmt);
	vsnprintf(result->why, sizeof(result->why), fmt, ap);
	va_end(ap);
}

/* Which argument an offset of the arena belongs to, for messages. */
static void describe(char *text, size_t size, const struct abi_call *call, size_t off)
{
	int best = -1;

	for (int i = 0; i < 6; i++)
		if (call->arg[i] >= ARENA_ADDR && call->arg[i] <= ARENA_ADDR + off &&
		    (best < 0 || call->arg[i] > call->arg[best]))
			best = i;
	if (best < 0)
		snprintf(text, size, "arena+%zu", off);
	else
		snprintf(text, size, "argument %d + %zu", best,
			 (size_t)(ARENA_ADDR + off - call->arg[best]));
}

static void compare(const struct abi_call *call)
{
	char where[64];

	for (size_t i = 0; i < ARENA_SIZE; i++) {
		bool changed = arena()[i] != before[i];

		result->changed += changed;
		if (changed && !emitted[i]) {
			describe(where, sizeof(where), call, i);
			fail("the kernel wrote %s, which the model does not say", where);
		}
		if (emitted[i] && !allotted[i]) {
			describe(where, sizeof(where), call, i);
			fail("the model says %s is written, which is not in any buffer", where);
		}
	}
}

static bool is_denial(int64_t ret)
{
	return ret == -ENOSYS || ret == -EPERM || ret == -EACCES || ret == -EOPNOTSUPP ||
	       ret == -ENODEV || ret == -ENOENT || ret == -EBADF || ret == -ENOPROTOOPT ||
	       ret == -ENOTTY || ret == -EINVAL || ret == -ENXIO || ret == -ESRCH;
}

static void judge_result(const struct test_case *c, int64_t ret)
{
	int want = c->expect;

	if (want == ANY || (want == OPT && !is_error(ret)))
		return;
	if (ret == -ENOSYS || machine_lacks || (want == OPT && is_denial(ret)))
		result->outcome = result->outcome == FAILED ? FAILED : SKIPPED;
	else if (want == OK || want == OPT)
		if (is_error(ret))
			fail("failed with %s", abi_errno_name((int)-ret));
		else
			return;
	else if (ret != -want)
		fail("returned %ld, not %s", (long)ret, abi_errno_name(want));
}

static void run_in_child(const struct test_case *c, const struct syscall_row *row, int fill)
{
	struct abi_call call = {.arch = arch, .nr = row->nr[arch]};
	struct abi_mem mem = {read_arena, NULL};
	struct buf why = BUF_INIT;

	mmap(arena(), ARENA_SIZE, PROT_READ | PROT_WRITE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	memset(arena(), fill, ARENA_SIZE);
	next_block = ARENA_ADDR + GAP;
	build_args(c->id, call.arg);
	memcpy(before, arena(), ARENA_SIZE);
	if (arch == ARCH_I386) {
		for (int i = 0; i < 6; i++)
			call.arg[i] = (uint32_t)call.arg[i];
		call.ret = call_32(call.nr, call.arg);
	} else {
		call.ret = call_64(call.nr, call.arg);
	}
	result->ret = call.ret;
	if (syscall_outputs(row, &call, &mem, note_emitted, NULL, &why))
		fail("not supported: %s", buf_str(&why));
	compare(&call);
	judge_result(c, call.ret);
	env_cleanup();
	_exit(0);
}

static void run_forked(const struct test_case *c, const struct syscall_row *row, int fill)
{
	struct pollfd p;
	pid_t pid;
	int status;

	memset(result, 0, sizeof(*result));
	pid = fork();
	if (pid == 0)
		run_in_child(c, row, fill);
	p = (struct pollfd){.fd = syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
	if (poll(&p, 1, TIMEOUT_MS) == 0) {
		kill(pid, SIGKILL);
		fail("did not return");
	}
	close(p.fd);
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		fail("killed by signal %d", WTERMSIG(status));
}

static bool has_int80(void)
{
	static const uint64_t none[6];
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(call_32(20 /* getpid */, none) == getpid() ? 0 : 1);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

struct tally {
	unsigned int runs, failed, skipped, calls[N_ARCHS], wrote[N_ARCHS];
};

static const char *const arch_names[N_ARCHS] = {"x86-64", "i386"};

/* Both patterns; true if the call was made and judged. */
static bool run_case(const struct test_case *c, struct tally *t, bool *wrote)
{
	static const int fills[] = {0xa5, 0x5a};
	const struct syscall_row *row = syscall_row_find(arch, c->name);
	bool made = false;

	if (!row || !(c->archs & 1 << arch))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(fills); i++) {
		run_forked(c, row, fills[i]);
		t->runs++;
		made |= result->outcome == PASSED;
		*wrote |= result->changed != 0;
		if (result->outcome == PASSED)
			continue;
		printf("%s oracle.def:%d %s (%s): %s%s\n",
		       result->outcome == FAILED ? "FAILED" : "skipped", c->id, c->name,
		       arch_names[arch], result->why,
		       result->outcome == SKIPPED ? abi_errno_name((int)-result->ret) : "");
		t->failed += result->outcome == FAILED;
		t->skipped += result->outcome == SKIPPED;
		break;
	}
	return made;
}

/* The rows of one call need not be neighbours. */
static void run_arch(const char *only, struct tally *t)
{
	static bool made[ARRAY_SIZE(cases)], wrote[ARRAY_SIZE(cases)];

	memset(made, 0, sizeof(made));
	memset(wrote, 0, sizeof(wrote));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t first = 0;
		bool w = false;

		if (only && strcmp(only, cases[i].name) != 0)
			continue;
		while (strcmp(cases[first].name, cases[i].name) != 0)
			first++;
		made[first] |= run_case(&cases[i], t, &w);
		wrote[first] |= w;
	}
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		t->calls[arch] += made[i];
		t->wrote[arch] += wrote[i];
	}
}

/* usage: oracle [CALL] */
int main(int argc, char **argv)
{
	const char *only = argc > 1 ? argv[1] : NULL;
	struct tally t = {0};

	setvbuf(stdout, NULL, _IOLBF, 0);
	result = mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	arch = ARCH_X86_64;
	run_arch(only, &t);
	arch = ARCH_I386;
	if (has_int80())
		run_arch(only, &t);
	else
		printf("SKIPPED: this kernel has no 32-bit calls\n");
	printf("oracle: %u runs of %zu cases, %u failed, %u skipped; calls covered: %u x86-64 (%u "
	       "wrote), %u i386 (%u wrote)\n",
	       t.runs, ARRAY_SIZE(cases), t.failed, t.skipped, t.calls[ARCH_X86_64],
	       t.wrote[ARCH_X86_64], t.calls[ARCH_I386], t.wrote[ARCH_I386]);
	return t.failed ? 1 : 0;
}
