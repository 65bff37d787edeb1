/*
 * Original and instrumented code, run on the same random registers, flags and memory, end in the
 * same state, and pass the same instructions in between.
 *
 * Patched places of real libraries and of generated code are taken at random. Two children, forked
 * from the same state, start there; one has the original bytes. Each is single-stepped by itself
 * (the trap flag and a SIGTRAP handler) until it is out of the stub. Compared are: the addresses
 * that the program passed, registers, x87/SSE/AVX state, those flags that what follows may use, the
 * memory, and where a fault hit it. The count runs out often, and the task goes on in the stub or,
 * as for a signal, at the logical address. System calls are not made, nor are other instructions
 * executed that differ from run to run, but something is put into the registers that they change.
 *
 * usage: test-differential CASES FILE...
 */
#include "sample.h"

#include "base/io.h"
#include "base/log.h"
#include "image/code.h"
#include "pass.h"

#include <Zydis/Zydis.h>

#include <elf.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define BASE	      0x100000000000ULL
#define SCRATCH	      0x200000000000ULL
#define SCRATCH_SIZE  65536ULL
#define MAX_POSITIONS 200 /* of the program, in one case */
#define MAX_STEPS     20000
#define TF	      0x100

/* What a child ends with. */
struct result {
	bool done;
	int signal; /* that ended it; 0: it got through */
	uint64_t at;
	uint32_t positions, traps, calls, insns;
	uint64_t path; /* hash of the addresses passed */
	greg_t regs[NGREG];
	uint64_t memory; /* hash */
	uint32_t fp_size;
	uint8_t fp[4096];
};

struct file {
	const char *name;
	struct buf bytes;
	struct elf_file elf;
	struct image *im, original;
	struct code code;
	struct image_stats stats;
	uint64_t low, high; /* addresses of the file */
	int fd;		    /* of patched texts */
};

/* --- of a child --- */

static struct file *file;
static struct result *result;
static uint64_t start, last_position, seed;
static bool patched, begun;
static uint32_t steps, stop_after;

static uint64_t next_random(uint64_t *s)
{
	uint64_t z = *s += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static uint64_t hash_bytes(const void *p, size_t n, uint64_t h)
{
	const uint64_t *w = p;

	for (size_t k = 0; k < n / 8; k++)
		h = (h ^ w[k]) * 0x9fb21c651e98df25ULL, h ^= h >> 29;
	return h;
}

static uint64_t hash_memory(void)
{
	uint64_t h = hash_bytes((void *)SCRATCH, SCRATCH_SIZE, 1);

	for (size_t k = 0; k < file->elf.n_segments; k++) {
		const struct elf_segment *s = &file->elf.segments[k];

		if (s->flags & PF_W)
			h = hash_bytes((void *)(BASE + page_ceil(s->vaddr)),
				       s->mem_size > 8192 ? s->mem_size - 8192 : 0, h);
	}
	return h;
}

/* x87 keeps the address of its last instruction, which is another one in a stub. */
static void take_fp(const ucontext_t *u)
{
	const struct _libc_fpstate *fp = u->uc_mcontext.fpregs;
	uint32_t size = 512;

	memcpy(&size, (const uint8_t *)fp + 464 + 4, 4); /* sw_reserved.extended_size */
	if (size < 512 || size > sizeof(result->fp))
		size = 512;
	memcpy(result->fp, fp, size);
	memset(result->fp + 6, 0, 18); /* opcode, FIP, FDP */
	result->fp_size = size;
}

_Noreturn static void finish(const ucontext_t *u, int sig, uint64_t at)
{
	memcpy(result->regs, u->uc_mcontext.gregs, sizeof(result->regs));
	result->signal = sig;
	result->at = at;
	take_fp(u);
	result->memory = hash_memory();
	result->done = true;
	_exit(0);
}

static struct tick_page *tick_page(void)
{
	return (struct tick_page *)TICK_PAGE;
}

/* Registers that are often something useful: addresses of memory, small numbers. */
static uint64_t random_register(void)
{
	uint64_t r = next_random(&seed), kind = next_random(&seed) % 16;

	if (kind < 9)
		return SCRATCH + SCRATCH_SIZE / 4 + r % (SCRATCH_SIZE / 2 / 64) * 64;
	if (kind < 10)
		return SCRATCH + r % SCRATCH_SIZE;
	if (kind < 14)
		return r % 40;
	return kind == 14 ? (uint32_t)r : r;
}

/* The program is at `at`. */
static void pass(const ucontext_t *u, uint64_t at)
{
	if (at == last_position)
		return;
	last_position = at;
	result->path = (result->path ^ at) * 0x9fb21c651e98df25ULL;
	result->path ^= result->path >> 31;
	if (++result->positions == stop_after)
		finish(u, 0, at);
}

/* The instruction that differs from run to run at `p`: its length, or 0. */
static unsigned int site_length(const uint8_t *p)
{
	unsigned int n = 0;

	while (p[n] == 0x66 || (p[n] & 0xf0) == 0x40)
		n++;
	if (p[n] != 0x0f)
		return 0;
	if (p[n + 1] == 0x05 || p[n + 1] == 0x31 || p[n + 1] == 0xa2) /* syscall, rdtsc, cpuid */
		return n + 2;
	if (p[n + 1] == 0x01 && p[n + 2] == 0xf9) /* rdtscp */
		return n + 3;
	return p[n + 1] == 0xc7 && p[n + 2] >= 0xf0 ? n + 3 : 0; /* rdrand, rdseed */
}

/* If it stands at such an instruction: behind it, as if it had been executed. */
static bool emulate(ucontext_t *u)
{
	greg_t *g = u->uc_mcontext.gregs;
	const uint8_t *insn = (const uint8_t *)g[REG_RIP];
	unsigned int length = site_length(insn);
	bool call = length == 2 && insn[1] == 0x05;

	if (!length)
		return false;
	g[REG_RIP] += length;
	if (call)
		g[REG_RCX] = g[REG_R11] = 0; /* no arguments */
	g[REG_RAX] = (greg_t)hash_bytes(g, REG_RSP * sizeof(*g), 7);
	if (call) {
		g[REG_RCX] = g[REG_RIP];
		g[REG_R11] = g[REG_EFL];
	}
	result->calls += call;
	result->insns += !call;
	return true;
}

static void begin(ucontext_t *u)
{
	static const int which[] = {REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12,
				    REG_R13, REG_R14, REG_R15, REG_RDI, REG_RSI,
				    REG_RBP, REG_RBX, REG_RDX, REG_RAX, REG_RCX};
	greg_t *g = u->uc_mcontext.gregs;
	uint8_t *fp = (uint8_t *)u->uc_mcontext.fpregs;
	uint64_t features;
	uint32_t size;

	for (size_t k = 0; k < ARRAY_SIZE(which); k++)
		g[which[k]] = (greg_t)random_register();
	g[REG_RSP] = (greg_t)(SCRATCH + SCRATCH_SIZE / 2 + next_random(&seed) % 512 * 8);
	if (next_random(&seed) % 2)
		g[REG_RCX] = (greg_t)(next_random(&seed) % 4);
	/* sw_reserved: extended_size, xfeatures. Of the extended state, AVX and AVX-512. */
	memcpy(&size, fp + 464 + 4, 4);
	memcpy(&features, fp + 464 + 8, 8);
	for (int k = 160; k < 160 + 256; k++)
		fp[k] = (uint8_t)next_random(&seed);
	if (size > 576 + 4) {
		features &= 0xe7;
		memcpy(fp + 512, &features, 8);
		for (uint32_t k = 576; k < size - 4; k++)
			fp[k] = (uint8_t)next_random(&seed);
	}
	g[REG_EFL] = (greg_t)((next_random(&seed) & 0x8d5) | 0x202 | TF);
	g[REG_RIP] = (greg_t)(BASE + start);
	tick_page()->remaining =
		next_random(&seed) % 2 ? 1 + (int64_t)(next_random(&seed) % 6) : 1000000;
	begun = true;
	pass(u, start);
	if (emulate(u))
		pass(u, (uint64_t)g[REG_RIP] - BASE);
}

/* At the int3 of a count: go on here, or where a signal handler would return to. */
static void at_trap(ucontext_t *u, struct image_point at)
{
	if (tick_page()->remaining > 0)
		finish(u, SIGABRT, 0);
	result->traps++;
	tick_page()->remaining = 1 + (int64_t)(next_random(&seed) % 6);
	u->uc_mcontext.gregs[REG_RIP] =
		(greg_t)(BASE + (next_random(&seed) % 2 ? at.resume : at.original));
}

static void step(ucontext_t *u, bool breakpoint)
{
	greg_t *g = u->uc_mcontext.gregs;
	uint64_t pc = (uint64_t)g[REG_RIP] - BASE;
	struct image_point at = image_find(file->im, pc - breakpoint);

	if (breakpoint) {
		if (at.where != IMAGE_TRAP)
			finish(u, SIGTRAP, pc);
		at_trap(u, at);
		pc = (uint64_t)g[REG_RIP] - BASE;
		at = image_find(file->im, pc);
	}
	if (++steps > MAX_STEPS)
		finish(u, SIGALRM, 0);
	if (at.where == IMAGE_COUNTING || at.where == IMAGE_TRAP || in_agent(BASE + pc))
		return;
	/* The counting is over: the flags that it changed are dead, but are not ours to compare. */
	pass(u, at.where == IMAGE_CODE ? at.original : pc);
	if (patched && at.where == IMAGE_OUTSIDE && pc != start)
		finish(u, 0, pc);
	if (emulate(u)) {
		pc = (uint64_t)g[REG_RIP] - BASE;
		at = image_find(file->im, pc);
		pass(u, at.where == IMAGE_CODE ? at.original : pc);
	}
}

static void handler(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;
	uint64_t pc = (uint64_t)u->uc_mcontext.gregs[REG_RIP] - BASE;
	struct image_point at;

	u->uc_mcontext.gregs[REG_EFL] |= TF;
	if (sig == SIGUSR1) {
		begin(u);
		return;
	}
	if (!begun)
		_exit(1);
	if (sig == SIGTRAP) {
		step(u, info->si_code != TRAP_TRACE);
		return;
	}
	at = image_find(file->im, pc);
	finish(u, sig, at.where == IMAGE_OUTSIDE ? pc : at.original);
}

/* Should one be made all the same: the file lies within the first 4 GB from BASE on, its stubs
 * below.
 */
static void forbid_calls(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, instruction_pointer) + 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, BASE >> 32, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (BASE >> 32) - 1, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {.len = ARRAY_SIZE(filter), .filter = filter};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		_exit(1);
}

_Noreturn static void child(void)
{
	static uint8_t stack[65536];
	static const int signals[] = {SIGUSR1, SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
	stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	sigfillset(&sa.sa_mask);
	sigaltstack(&ss, NULL);
	for (size_t k = 0; k < ARRAY_SIZE(signals); k++)
		sigaction(signals[k], &sa, NULL);
	alarm(10);
	forbid_calls();
	raise(SIGUSR1);
	_exit(2);
}

/* --- the parent --- */

static void *map_at(uint64_t at, uint64_t size, int prot)
{
	void *p = mmap((void *)at, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if (p == MAP_FAILED)
		die("mmap %#llx: %s", (unsigned long long)at, strerror(errno));
	return p;
}

/* The file as it would be in memory, with the original text, and its stubs. */
static void map_file(struct file *f)
{
	uint64_t s = f->im->stub_size;

	f->low = page_floor(f->elf.segments[0].vaddr);
	for (size_t k = 0; k < f->elf.n_segments; k++)
		f->high = max_u64(
			f->high, page_ceil(f->elf.segments[k].vaddr + f->elf.segments[k].mem_size));
	map_at(BASE + f->low, f->high - f->low, PROT_READ | PROT_WRITE);
	for (size_t k = 0; k < f->elf.n_segments; k++) {
		const struct elf_segment *e = &f->elf.segments[k];

		memcpy((void *)(BASE + e->vaddr), f->elf.bytes + e->offset, e->file_size);
	}
	memcpy(map_at(BASE + (uint64_t)f->im->stub_vaddr, s, PROT_READ | PROT_WRITE), f->im->stubs,
	       s);
	mprotect((void *)(BASE + (uint64_t)f->im->stub_vaddr), s, PROT_READ | PROT_EXEC);
	for (size_t k = 0; k < f->im->n_texts; k++)
		mprotect((void *)(BASE + f->im->texts[k].vaddr), f->im->texts[k].size,
			 PROT_READ | PROT_EXEC);
}

static void unmap_file(struct file *f)
{
	munmap((void *)(BASE + (uint64_t)f->im->stub_vaddr), f->im->stub_size);
	munmap((void *)(BASE + f->low), f->high - f->low);
}

/* The patched text, in a file that children map over the original one. */
static void make_texts(struct file *f)
{
	f->fd = memfd_create("texts", MFD_CLOEXEC);
	for (size_t k = 0; k < f->im->n_texts; k++) {
		const struct image_text *t = &f->im->texts[k];

		if (f->fd < 0 || pwrite_full(f->fd, t->bytes, t->size, t->vaddr))
			die("memfd: %s", strerror(errno));
	}
}

static void map_texts(struct file *f)
{
	for (size_t k = 0; k < f->im->n_texts; k++) {
		const struct image_text *t = &f->im->texts[k];

		if (mmap((void *)(BASE + t->vaddr), t->size, PROT_READ | PROT_EXEC,
			 MAP_PRIVATE | MAP_FIXED, f->fd, (off_t)t->vaddr) == MAP_FAILED)
			_exit(1);
	}
}

static void run_child(struct file *f, const struct image_patch *p, uint64_t s, bool with_patch,
		      uint32_t stop, struct result *out)
{
	int status;
	pid_t pid;

	memset(out, 0, offsetof(struct result, fp));
	pid = fork();
	if (!pid) {
		file = f;
		result = out;
		seed = s;
		patched = with_patch;
		stop_after = stop;
		start = f->code.base + p->start;
		last_position = UINT64_MAX;
		if (patched)
			map_texts(f);
		child();
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("fork: %s", strerror(errno));
}

/* Instructions that would end the stepping. */
static bool can_step(const struct file *f, const struct image_patch *p)
{
	for (uint32_t at = p->start; at < p->start + p->length; at++) {
		uint8_t b = f->code.text[at];

		/* popf, mov ss, and in a rough way wrfsbase */
		if (b == 0x9d || b == 0x8e || (b == 0xf3 && f->code.text[at + 1] == 0x0f))
			return false;
	}
	return true;
}

static uint64_t flag_bits(uint8_t flags)
{
	return (flags & FLAG_CF ? 1 : 0) | (flags & FLAG_PF ? 4 : 0) | (flags & FLAG_AF ? 16 : 0) |
	       (flags & FLAG_ZF ? 64 : 0) | (flags & FLAG_SF ? 128 : 0) |
	       (flags & FLAG_OF ? 2048 : 0);
}

static const char *differs(struct file *f, const struct result *a, const struct result *b)
{
	uint64_t flags;

	if (a->signal != b->signal)
		return "signal";
	if (a->at != b->at || a->positions != b->positions)
		return "place";
	if (a->calls != b->calls || a->insns != b->insns)
		return "calls";
	if (a->path != b->path)
		return "path";
	for (int k = 0; k <= REG_RSP; k++) {
		if (a->regs[k] != b->regs[k])
			return "register";
	}
	flags = a->signal || a->at - f->code.base >= f->code.size
			? 0
			: flag_bits(code_live_flags(&f->code, (uint32_t)(a->at - f->code.base),
						    FLAGS_ALL));
	if (((uint64_t)a->regs[REG_EFL] ^ (uint64_t)b->regs[REG_EFL]) & flags)
		return "flags";
	if (((uint64_t)a->regs[REG_EFL] ^ (uint64_t)b->regs[REG_EFL]) & ~(0x8d5ULL | TF | 0x10000))
		return "flags that nobody counts in";
	if (a->memory != b->memory)
		return "memory";
	if (a->fp_size != b->fp_size || memcmp(a->fp, b->fp, a->fp_size))
		return "fp";
	return NULL;
}

struct tally {
	unsigned int cases, through, faults, traps, skipped, long_ones, calls, insns;
};

static void one_case(struct file *f, const struct image_patch *p, uint64_t s, struct result *r,
		     struct tally *t)
{
	const char *what;

	if (!can_step(f, p)) {
		t->skipped++;
		return;
	}
	run_child(f, p, s, true, MAX_POSITIONS, &r[0]);
	if (!r[0].done || r[0].signal == SIGALRM) {
		t->skipped++; /* it destroyed itself, or a string instruction without end */
		return;
	}
	run_child(f, p, s, false, r[0].signal ? UINT32_MAX : r[0].positions, &r[1]);
	if (!r[1].done) {
		t->skipped++;
		return;
	}
	t->cases++;
	t->traps += r[0].traps;
	t->calls += r[0].calls;
	t->insns += r[0].insns;
	t->faults += r[0].signal != 0;
	t->through += r[0].signal == 0;
	t->long_ones += r[0].positions > 20;
	what = differs(f, &r[1], &r[0]);
	if (!what)
		return;
	failures++;
	printf("%s: %#llx, seed %#llx: %s differs: original: signal %d at %#llx after %u; ours: "
	       "signal %d at %#llx after %u\n",
	       f->name, (unsigned long long)(f->code.base + p->start), (unsigned long long)s, what,
	       r[1].signal, (unsigned long long)r[1].at, r[1].positions, r[0].signal,
	       (unsigned long long)r[0].at, r[0].positions);
	for (int k = 0; k <= REG_EFL; k++) {
		if (r[1].regs[k] != r[0].regs[k] && k != REG_RIP)
			printf("  greg %d: %#llx, ours %#llx\n", k,
			       (unsigned long long)r[1].regs[k], (unsigned long long)r[0].regs[k]);
	}
}

static bool open_file(struct file *f)
{
	struct image_options opt = {0};

	if (elf_open(&f->elf, f->bytes.data, f->bytes.len) ||
	    image_build(f->bytes.data, f->bytes.len, &opt, &f->im) || f->elf.fixed ||
	    !f->im->n_patches) {
		printf("%s: SKIPPED\n", f->name);
		return false;
	}
	f->original = *f->im;
	for (size_t k = 0; k < f->original.n_texts; k++) {
		struct image_text *t = &f->original.texts[k];

		t->bytes = xmalloc(t->size);
		memcpy(t->bytes, f->im->texts[k].bytes, t->size);
		image_hide(f->im, t->vaddr, t->bytes, t->size);
	}
	f->code = (struct code){.elf = &f->elf, .stats = &f->stats};
	return code_open(&f->code, &f->original) == 0;
}

static void run_file(struct file *f, unsigned int n, struct result *r)
{
	struct tally t = {0};
	uint64_t s = 20240601;

	if (!open_file(f))
		return;
	map_file(f);
	make_texts(f);
	for (unsigned int k = 0; k < n && failures < 20; k++)
		one_case(f, &f->im->patches[next_random(&s) % f->im->n_patches], next_random(&s), r,
			 &t);
	unmap_file(f);
	close(f->fd);
	printf("%s: %u cases: %u got through, %u faulted; %u of more than 20 instructions; the count ran "
	       "out %u times; %u system calls, %u others of the agent's; %u skipped\n",
	       f->name, t.cases, t.through, t.faults, t.long_ones, t.traps, t.calls, t.insns,
	       t.skipped);
	CHECK(t.cases > n / 2 && t.through > n / 10 && t.traps > n / 20);
	CHECK(t.calls || f->im->stats.syscalls.patched < 100);
	CHECK(t.insns || f->im->stats.insns.patched < 50);
	for (size_t k = 0; k < f->original.n_texts; k++)
		free(f->original.texts[k].bytes);
	code_release(&f->code);
	elf_close(&f->elf);
	image_free(f->im);
}

/* --- generated code --- */

#define DATA_AT	  0x400000ULL /* behind all code */
#define DATA_SIZE 65536ULL

/* A random instruction that neither branches, faults by its nature nor changes what we step with.
 */
static unsigned int random_insn(const ZydisDecoder *d, uint64_t *s, uint64_t at, uint8_t *out)
{
	for (;;) {
		ZydisDecodedInstruction z;
		ZydisDecodedOperand o[ZYDIS_MAX_OPERAND_COUNT];
		bool bad = false;

		for (int k = 0; k < 15; k++)
			out[k] = (uint8_t)next_random(s);
		if (next_random(s) % 2)
			out[0] = (uint8_t)(0x40 + (out[0] & 15));
		if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(d, out, 15, &z, o)))
			continue;
		switch (z.meta.category) {
		case ZYDIS_CATEGORY_BINARY:
		case ZYDIS_CATEGORY_LOGICAL:
		case ZYDIS_CATEGORY_DATAXFER:
		case ZYDIS_CATEGORY_CMOV:
		case ZYDIS_CATEGORY_SHIFT:
		case ZYDIS_CATEGORY_ROTATE:
		case ZYDIS_CATEGORY_BITBYTE:
		case ZYDIS_CATEGORY_SETCC:
		case ZYDIS_CATEGORY_CONVERT:
		case ZYDIS_CATEGORY_FLAGOP:
		case ZYDIS_CATEGORY_MISC:
		case ZYDIS_CATEGORY_BMI1:
		case ZYDIS_CATEGORY_BMI2:
		case ZYDIS_CATEGORY_SSE:
		case ZYDIS_CATEGORY_AVX:
		case ZYDIS_CATEGORY_PUSH:
		case ZYDIS_CATEGORY_POP:
			break;
		default:
			continue;
		}
		for (int k = 0; k < z.operand_count; k++) {
			/* Reads of what no one can compare, and stores through a wild address. */
			bad |= o[k].type == ZYDIS_OPERAND_TYPE_REGISTER &&
			       (ZydisRegisterGetClass(o[k].reg.value) == ZYDIS_REGCLASS_SEGMENT ||
				ZydisRegisterGetClass(o[k].reg.value) == ZYDIS_REGCLASS_CONTROL ||
				ZydisRegisterGetClass(o[k].reg.value) == ZYDIS_REGCLASS_DEBUG);
			bad |= o[k].type == ZYDIS_OPERAND_TYPE_MEMORY &&
			       (o[k].mem.segment == ZYDIS_REGISTER_FS ||
				o[k].mem.segment == ZYDIS_REGISTER_GS || z.address_width != 64);
			bad |= o[k].type == ZYDIS_OPERAND_TYPE_REGISTER &&
			       o[k].reg.value == ZYDIS_REGISTER_RFLAGS &&
			       z.mnemonic == ZYDIS_MNEMONIC_POPFQ;
		}
		if (bad || (z.attributes & ZYDIS_ATTRIB_IS_PRIVILEGED) ||
		    z.mnemonic == ZYDIS_MNEMONIC_POPF || z.mnemonic == ZYDIS_MNEMONIC_POPFQ ||
		    z.mnemonic == ZYDIS_MNEMONIC_STD || z.mnemonic == ZYDIS_MNEMONIC_PUSHFQ)
			continue;
		/* Relative to rip: data, for code is another one when patched. */
		if ((z.attributes & ZYDIS_ATTRIB_IS_RELATIVE) && z.raw.disp.size == 32) {
			int32_t near = (int32_t)(DATA_AT + DATA_SIZE / 2 - at) +
				       (int32_t)(next_random(s) % 4096);

			memcpy(out + z.raw.disp.offset, &near, 4);
		} else if (z.raw.disp.size == 32) {
			int32_t near = (int32_t)(next_random(s) % 4096) - 2048;

			memcpy(out + z.raw.disp.offset, &near, 4);
		}
		return z.length;
	}
}

/* Loops of random instructions, which a random condition ends; a symbol for each. */
static void generate(struct buf *out)
{
	static const char names[] = "\0f";
	ZydisDecoder d;
	struct buf text = BUF_INIT, symbols = BUF_INIT;
	uint64_t s = 4711, text_at = 4096;
	Elf64_Sym sym = {0};
	Elf64_Ehdr e = {.e_ident = ELFMAG "\2\1\1",
			.e_type = ET_DYN,
			.e_machine = EM_X86_64,
			.e_version = 1,
			.e_phoff = sizeof(e),
			.e_ehsize = sizeof(e),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 2,
			.e_shentsize = sizeof(Elf64_Shdr),
			.e_shnum = 3};
	Elf64_Phdr ph[2] = {0};
	Elf64_Shdr sh[3] = {0};

	ZydisDecoderInit(&d, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	buf_add(&symbols, &sym, sizeof(sym));
	for (int f = 0; f < 3000; f++) {
		size_t begin_at = text.len, head, from;
		int before = (int)(next_random(&s) % 3), body = 1 + (int)(next_random(&s) % 12);
		uint8_t insn[15];

		for (int k = 0; k < before; k++)
			buf_add(&text, insn, random_insn(&d, &s, text_at + text.len, insn));
		head = text.len;
		for (int k = 0; k < body; k++) {
			/* Now and then a branch forward over the next one. */
			if (next_random(&s) % 6 == 0) {
				unsigned int n = random_insn(&d, &s, text_at + text.len, insn);

				buf_addch(&text, (char)(0x70 + next_random(&s) % 16));
				buf_addch(&text, (char)n);
				buf_add(&text, insn, n);
			}
			buf_add(&text, insn, random_insn(&d, &s, text_at + text.len, insn));
		}
		from = text.len;
		if (from + 2 - head <= 128 && next_random(&s) % 2) {
			buf_addch(&text, (char)(0x70 + next_random(&s) % 16));
			buf_addch(&text, (char)(head - (from + 2)));
		} else {
			int32_t back = (int32_t)(head - (from + 6));

			buf_addch(&text, 0x0f);
			buf_addch(&text, (char)(0x80 + next_random(&s) % 16));
			buf_add(&text, &back, 4);
		}
		buf_add(&text, insn, random_insn(&d, &s, text_at + text.len, insn));
		buf_addch(&text, (char)0xc3);
		sym = (Elf64_Sym){.st_name = 1,
				  .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
				  .st_shndx = 1,
				  .st_value = text_at + begin_at,
				  .st_size = text.len - begin_at};
		buf_add(&symbols, &sym, sizeof(sym));
	}
	while (text.len % PAGE_SIZE_BYTES)
		buf_addch(&text, (char)0xcc);
	ph[0] = (Elf64_Phdr){.p_type = PT_LOAD,
			     .p_flags = PF_R | PF_X,
			     .p_offset = text_at,
			     .p_vaddr = text_at,
			     .p_filesz = text.len,
			     .p_memsz = text.len,
			     .p_align = 4096};
	ph[1] = (Elf64_Phdr){.p_type = PT_LOAD,
			     .p_flags = PF_R | PF_W,
			     .p_offset = text_at + text.len,
			     .p_vaddr = DATA_AT,
			     .p_memsz = DATA_SIZE,
			     .p_align = 4096};
	sh[1] = (Elf64_Shdr){.sh_type = SHT_SYMTAB,
			     .sh_offset = text_at + text.len,
			     .sh_size = symbols.len,
			     .sh_link = 2,
			     .sh_entsize = sizeof(sym)};
	sh[2] = (Elf64_Shdr){.sh_type = SHT_STRTAB,
			     .sh_offset = text_at + text.len + symbols.len,
			     .sh_size = sizeof(names)};
	e.e_shoff = sh[2].sh_offset + sizeof(names) + (8 - sizeof(names) % 8);
	buf_add(out, &e, sizeof(e));
	buf_add(out, ph, sizeof(ph));
	memset(buf_extend(out, text_at - out->len), 0, text_at - sizeof(e) - sizeof(ph));
	buf_add(out, text.data, text.len);
	buf_add(out, symbols.data, symbols.len);
	buf_add(out, names, sizeof(names));
	memset(buf_extend(out, e.e_shoff - out->len), 0, 1);
	buf_add(out, sh, sizeof(sh));
	buf_release(&text);
	buf_release(&symbols);
}

int main(int argc, char **argv)
{
	struct result *r = mmap(NULL, 2 * sizeof(*r), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned int n = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 0) : 1000;
	struct file generated = {.name = "generated"};

	setvbuf(stdout, NULL, _IOLBF, 0);
	map_at(TICK_PAGE, PAGE_SIZE_BYTES, PROT_READ | PROT_WRITE);
	memcpy(map_at(AGENT_CODE, PAGE_SIZE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC),
	       pass_through, sizeof(pass_through));
	pass_enter(tick_page());
	map_at(SCRATCH, SCRATCH_SIZE, PROT_READ | PROT_WRITE);
	for (uint64_t k = 0, s = 99; k < SCRATCH_SIZE / 8; k++) {
		/* Numbers of all sizes, addresses among them. */
		uint64_t v = next_random(&s);

		((uint64_t *)SCRATCH)[k] = k % 3 == 0	? v
					   : k % 3 == 1 ? v % 64
							: SCRATCH + v % 32768;
	}
	generate(&generated.bytes);
	run_file(&generated, n, r);
	buf_release(&generated.bytes);
	for (int k = 2; k < argc; k++) {
		struct file f = {.name = argv[k]};

		if (!read_file(argv[k], &f.bytes))
			run_file(&f, n, r);
		else
			printf("%s: SKIPPED: not there\n", argv[k]);
		buf_release(&f.bytes);
	}
	return check_status("image differential");
}
