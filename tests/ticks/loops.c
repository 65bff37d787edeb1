/*
 * Scenarios in assembly, and what starts, feeds and ends the child that runs one.
 */
#include "loops.h"

#include "base/log.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

/* For calls that the tracer makes. */
__asm__("a_syscall: syscall; ud2");

static volatile uint64_t oracle;
static uint8_t *big; /* two halves, for string instructions */
#define BIG_HALF 65536

/*
 * The body has r8 as its argument, and may use all registers but rbp, rsp and r15 (the oracle's
 * address); it leaves its result in rax. Its branch is at label 9, and a jump has room there.
 */
#define SCENARIO(name, body)                                                                       \
	static void name(uint64_t arg)                                                             \
	{                                                                                          \
		register uint64_t a asm("r8") = arg;                                               \
		register volatile uint64_t *o asm("r15") = &oracle;                                \
		__asm__ volatile("sub $256, %%rsp\n\tmov %%r15, %%rsi\n\tlea 9f(%%rip), %%rdi\n\t" \
				 "lea a_syscall(%%rip), %%rdx\n\tint3\n\t" body                    \
				 "\n\tnop\n\tnop\n\tnop\n\tint3\n\tadd $256, %%rsp"                \
				 : "+r"(a), "+r"(o)                                                \
				 :                                                                 \
				 : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r9", "r10", "r11",   \
				   "r12", "r13", "r14", "cc", "memory");                           \
	}

SCENARIO(count, "mov $5000, %%ecx\n\txor %%eax, %%eax\n"
		"1:\tadd %%rcx, %%rax\n\tincq (%%r15)\n\tdec %%ecx\n9:\tjnz 1b")

/* Eight states, and nothing that tells one trip from another. */
SCENARIO(periodic, "xor %%eax, %%eax\n"
		   "1:\tinc %%eax\n\tand $7, %%eax\n\tincq (%%r15)\n\tnop\n\t"
		   "cmpq $6000, (%%r15)\n\tmov $0, %%ebx\n9:\tjnz 1b\n\tmov (%%r15), %%rax")

/* One state at the branch: waiting for nobody. */
SCENARIO(spin, "1:\tincq (%%r15)\n\tcmpb $1, (%%r8)\n9:\tjne 1b")

SCENARIO(copy, "mov $4, %%edx\n\tlea 65536(%%r8), %%r9\n"
	       "1:\tmov %%r8, %%rsi\n\tmov %%r9, %%rdi\n\tmov $3000, %%ecx\n\trep movsb\n\t"
	       "mov %%edx, %%eax\n\tmov $2000, %%ecx\n\trep stosl\n\t"
	       "mov %%r8, %%rsi\n\tmov %%r9, %%rdi\n\tmov $2500, %%ecx\n\trepe cmpsb\n\t"
	       "add %%rcx, %%rax\n\tincq (%%r15)\n\tdec %%edx\n9:\tjnz 1b\n\t"
	       "sub %%r8, %%rdi\n\tadd %%rdi, %%rax")

SCENARIO(stack, "mov $1500, %%ecx\n\txor %%eax, %%eax\n"
		"1:\tpush %%rcx\n\tpushf\n\tpop %%rdx\n\tadd %%rdx, %%rax\n\tpop %%rbx\n\t"
		"rol $1, %%rax\n\tpushfw\n\tpopw %%dx\n\txor %%rdx, %%rax\n\t"
		"incq (%%r15)\n\tdec %%ecx\n9:\tjnz 1b")

/* fib(13) by recursion. */
SCENARIO(calls, "mov $13, %%edi\n\tcall 1f\n\tjmp 3f\n"
		"1:\tincq (%%r15)\n\tmov %%edi, %%eax\n\tcmp $2, %%edi\n9:\tjb 2f\n\t"
		"push %%rdi\n\tdec %%edi\n\tcall 1b\n\tpop %%rdi\n\tpush %%rax\n\t"
		"sub $2, %%edi\n\tcall 1b\n\tpop %%rdx\n\tadd %%edx, %%eax\n2:\tret\n3:")

/* Forty million trips, with a state that does not repeat. */
SCENARIO(hot, "mov $40000000, %%ecx\n\tmov $88172645463325252, %%rax\n"
	      "1:\tmov %%rax, %%rdx\n\tshl $13, %%rdx\n\txor %%rdx, %%rax\n\t"
	      "mov %%rax, %%rdx\n\tshr $7, %%rdx\n\txor %%rdx, %%rax\n\t"
	      "incq (%%r15)\n\tsub $1, %%ecx\n9:\tjnz 1b")

/*
 * Rows of lengths between 0 and 65535, one that ends early if a state says so; the same numbers
 * come up in each. The number of the row is on the stack only, far off.
 */
SCENARIO(nested, "mov $88172645463325252, %%rax\n\tmovq $3000, 200(%%rsp)\n"
		 "1:\tmov %%rax, %%rdx\n\tshl $13, %%rdx\n\txor %%rdx, %%rax\n\t"
		 "mov %%rax, %%rdx\n\tshr $7, %%rdx\n\txor %%rdx, %%rax\n\t"
		 "mov %%rax, %%rdx\n\tshl $17, %%rdx\n\txor %%rdx, %%rax\n\t"
		 "movzwl %%ax, %%ecx\n\txor %%ebx, %%ebx\n\tmov %%r8, %%rsi\n"
		 "2:\tinc %%rbx\n\tadd $8, %%rsi\n\tincq (%%r15)\n\tcmp %%ecx, %%ebx\n\tjae 3f\n\t"
		 "cmpq $40000, %%rbx\n9:\tjne 2b\n"
		 "3:\tadd %%rbx, %%rax\n\tdecq 200(%%rsp)\n\tjnz 1b")

/* The same with a function that is called, one that is called through a register, and a return that
 * is none. */
SCENARIO(hot_calls, "mov $4000000, %%ecx\n\tmov $88172645463325252, %%rax\n\t"
		    "lea 4f(%%rip), %%r9\n\tlea 6f(%%rip), %%r10\n\tjmp 1f\n"
		    "3:\tpush %%rdx\n\tmov %%rax, %%rdx\n\tshl $13, %%rdx\n\txor %%rdx, %%rax\n\t"
		    "pop %%rdx\n\tret\n"
		    "4:\tmov %%rax, %%rdx\n\tshr $7, %%rdx\n\txor %%rdx, %%rax\n\tret\n"
		    "1:\tcall 3b\n\tcall *%%r9\n\tincq (%%r15)\n\t"
		    "push %%r10\n\tret\n6:\tdec %%rcx\n9:\tjnz 1b")

/* Each kind of conditional branch, 6 in a trip of 100; and what is none. */
SCENARIO(branches, "mov $100, %%r9d\n"
		   "1:\tmov $2, %%ecx\n2:\tloop 2b\n\tjrcxz 3f\n3:\tcmp %%eax, %%eax\n\tjne 4f\n\t"
		   ".byte 0x0f, 0x85, 0, 0, 0, 0\n4:\tjmp 5f\n5:\tcall 6f\n\tjmp 7f\n6:\tret\n"
		   "7:\tcmovne %%eax, %%edx\n\tsete %%dl\n\tincq (%%r15)\n\tdec %%r9d\n9:\tjnz 1b")

/* A system call in each of 20 trips: getpid. */
SCENARIO(syscalls, "mov $20, %%r12d\n"
		   "1:\tmov $39, %%eax\n\tsyscall\n\tincq (%%r15)\n\tdec %%r12d\n9:\tjnz 1b\n\t"
		   "mov (%%r15), %%rax")

/* It ends by SIGSEGV. */
SCENARIO(crash, "mov $200, %%ecx\n1:\tincq (%%r15)\n\tdec %%ecx\n9:\tjnz 1b\n\tmov %%ecx, (%%rcx)")

static const struct {
	const char *name;
	void (*run)(uint64_t);
} scenarios[] = {
	{"count", count},	  {"periodic", periodic}, {"spin", spin},
	{"copy", copy},		  {"stack", stack},	  {"calls", calls},
	{"crash", crash},	  {"hot", hot},		  {"nested", nested},
	{"hot_calls", hot_calls}, {"branches", branches}, {"syscalls", syscalls},
};

void loops_child(int argc, char **argv)
{
	cpu_set_t one;

	/* Tracer and child on one core: stops cost half as much. */
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
	if (argc != 2) {
		struct sigaction old;

		task_tracer_init(&old);
		return;
	}
	big = mmap(NULL, 2 * BIG_HALF, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	for (size_t i = 0; i < BIG_HALF; i++)
		big[i] = i * 7 % 251;
	for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++)
		if (!strcmp(argv[1], scenarios[i].name))
			scenarios[i].run((uintptr_t)big);
	exit(0);
}

static int no_randomization(void *ctx)
{
	return personality(ADDR_NO_RANDOMIZE) == -1 ? -errno : 0;
}

/* Run to an int3, of which the kernel says SI_KERNEL. */
static void run_to_int3(struct task *t)
{
	for (;;) {
		siginfo_t si;

		if (task_resume(t, PTRACE_CONT, 0))
			die("the child cannot be resumed");
		while (task_wait(t) == -EINTR)
			;
		if (t->stop.kind == STOP_EXITED || t->stop.kind == STOP_EVENT)
			die("the child: %s", stop_describe(&t->stop));
		if (t->stop.kind == STOP_SIGNAL && t->stop.signo == SIGTRAP &&
		    !task_siginfo(t, &si) && si.si_code == SI_KERNEL)
			break;
	}
	if (task_regs(t))
		die("the child has no registers");
}

void child_start(struct child *c, const char *scenario)
{
	char *argv[] = {"loops", (char *)scenario, NULL}, *envp[] = {NULL};
	const struct spawn s = {.prepare = no_randomization,
				.exec_fd = -1,
				.path = "/proc/self/exe",
				.argv = argv,
				.envp = envp};
	bool not_traced;
	int ret = task_spawn(&c->t, &s, &not_traced);

	if (ret)
		die("the child cannot be started: %s", strerror(-ret));
	if ((ret = mm_open(&c->t.mm, c->t.tid)))
		die("the child's memory: %s", strerror(-ret));
	run_to_int3(&c->t);
	c->oracle = c->t.regs.u.rsi;
	c->branch = c->t.regs.u.rdi;
	c->t.mm->syscall_insn = c->t.regs.u.rdx;
}

uint64_t child_rounds(struct child *c)
{
	uint64_t n = 0;

	if (mm_read(c->t.mm, c->oracle, &n, sizeof(n)))
		die("the oracle cannot be read");
	return n;
}

uint64_t child_finish(struct child *c)
{
	run_to_int3(&c->t);
	return c->t.regs.u.rax;
}

void child_kill(struct child *c)
{
	task_kill(&c->t, SIGKILL);
	while (c->t.stop.kind != STOP_EXITED) {
		if (c->t.stop.kind == STOP_EVENT)
			task_resume(&c->t, PTRACE_CONT, 0);
		if (task_wait(&c->t) == -ECHILD)
			break;
	}
	mm_put(c->t.mm);
}

/* --- signals from outside --- */

static struct child *pestered;
static int pester_signo;

static void on_alarm(int signo)
{
	if (pestered)
		task_kill(&pestered->t, pester_signo);
}

static void start_timer(struct child *c, int signo, int first, int then)
{
	const struct sigaction sa = {.sa_handler = on_alarm};
	const struct itimerval timer = {{0, then}, {0, first}};

	pestered = c;
	pester_signo = signo;
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

void child_pester(struct child *c, int signo)
{
	start_timer(c, signo, 300, 300);
}

void child_signal(struct child *c, int signo, int us)
{
	start_timer(c, signo, us, 0);
}

void child_quiet(void)
{
	const struct itimerval never = {0};

	setitimer(ITIMER_REAL, &never, NULL);
	pestered = NULL;
}

uint64_t child_result(const char *scenario)
{
	struct child c;
	uint64_t result;

	child_start(&c, scenario);
	result = child_finish(&c);
	child_kill(&c);
	return result;
}
